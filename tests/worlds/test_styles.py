"""Applications as other people install them: every style is healthy and keeps its promises."""

from functools import cache

import pytest

from aoi.problems.alerts import symptoms
from aoi.problems.oracle import unready
from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.naming import HELD_OUT, style_of
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.network import is_ready
from aoi.worlds.behaviour.policies import Policies
from aoi.worlds.environment import new_world
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry.alerts import firing
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World
from tests.worlds.acts import SETTLED_MS, pods, scale

OF_STYLE = {"plain": (0, 3, 100), "helm": (1, 4, 101), "suffix": (2, 5, 102), "team": (190, 191, 290)}
NUMBERS = [number for numbers in OF_STYLE.values() for number in numbers]


@cache
def first(what: str) -> Application:
    """The first installation that has one kind of furniture."""
    drawn = (generate(number, seed) for seed in range(40) for number in NUMBERS)
    return next(spec for spec in drawn if getattr(spec.furniture, what))


@cache
def shaped(what: str) -> Application:
    """The first application whose components have one kind of shape."""
    drawn = (generate(number, 1) for number in range(60))
    return next(spec for spec in drawn if any(getattr(component, what) for component in spec.components))


def alive(world: World, spec: Application) -> list[Obj]:
    every = [pod for namespace in spec.namespaces for pod in world.store.objects("pods", namespace)]
    return [pod for pod in every if pod["status"]["phase"] not in ("Succeeded", "Failed")]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_healthy_world_of_any_style_has_no_failing_call_and_no_unready_pod(number: int, seed: int) -> None:
    spec = generate(number, seed)
    world = new_world(spec, seed)
    assert symptoms(world, spec) == []
    assert unready(world, spec.namespace) == []
    assert all(is_ready(pod) for pod in alive(world, spec))


@pytest.mark.parametrize("number", [1, 2, 190])
def test_equal_seeds_give_equal_worlds_and_others_differ(number: int) -> None:
    digests = [new_world(generate(number, seed), seed).digest() for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(("style", "numbers"), OF_STYLE.items())
def test_numbers_fix_the_style(style: str, numbers: tuple[int, ...]) -> None:
    assert {style_of(number) for number in numbers} == {style}


def test_a_style_that_is_kept_for_evaluation_never_names_a_training_application() -> None:
    assert not {style_of(number) for number in range(100)} & HELD_OUT


def test_plain_installations_call_everything_as_the_component() -> None:
    for component in generate(3, 1).components:
        assert component.name == component.role == component.workload


@pytest.mark.parametrize("number", [1, 4, 6, 101])
def test_helm_releases_prefix_workloads_and_label_with_the_recommended_keys(number: int) -> None:
    spec = generate(number, 1)
    releases = {spec.labels_of(component)["app.kubernetes.io/instance"] for component in spec.components}
    assert len(releases) == 1
    release = releases.pop()
    for component in spec.components:
        assert component.workload == f"{release}-{component.role}"
        assert spec.selector_of(component).items() <= spec.labels_of(component).items()
        assert all(key.startswith("app.kubernetes.io/") for key in spec.selector_of(component))


@pytest.mark.parametrize("number", [2, 5, 7, 190, 191, 290])
def test_workloads_and_services_of_other_styles_are_not_joined_by_name(number: int) -> None:
    spec = generate(number, 1)
    served = {service.component for service in spec.services}
    assert any(component.name != component.workload for component in spec.components if component.name in served)


@pytest.mark.parametrize("number", range(0, 300, 7))
def test_every_pod_belongs_to_one_component_by_its_labels(number: int) -> None:
    spec = generate(number, 0)
    for component in spec.components:
        assert spec.component_of({"metadata": {"labels": spec.labels_of(component)}}) is component
    assert len(spec.by_workload) == len({service.name for service in spec.services} | set(spec.by_name))


def test_aiopslab_applications_keep_their_names_and_stand_alone() -> None:
    for key in ("hotel_reservation", "social_network"):
        spec = application(key, 4)
        assert all(component.name == component.workload == component.role for component in spec.components)
        assert spec.furniture == type(spec.furniture)()


def test_policies_allow_what_the_application_does_and_nothing_else() -> None:
    spec = first("fence")
    world = new_world(spec, 3)
    rules = Policies(world.store.objects("networkpolicies.networking.k8s.io", spec.namespace))
    by_name = {c.name: pods(world, spec, c.name)[0] for c in spec.components}
    entry = spec.by_name[spec.workload.entry]
    assert rules.allow(None, by_name[entry.name], entry.port)
    for caller in spec.components:
        for callee in spec.components:
            if caller is not callee and callee is not entry and not callee.namespace:
                allowed = rules.allow(by_name[caller.name], by_name[callee.name], callee.port)
                assert allowed is (callee.name in caller.callees), (caller.name, callee.name)
    assert traffic(world).conditions.edges == ()


def test_jobs_have_completed_and_their_pods_are_left() -> None:
    spec = first("job")
    world = new_world(spec, 3)
    (job,) = [
        job for job in world.store.objects("jobs.batch", spec.namespace) if job["metadata"]["name"].endswith("seed")
    ]
    assert job["status"]["succeeded"] == 1
    left = [pod for pod in world.store.objects("pods", spec.namespace) if pod["status"]["phase"] == "Succeeded"]
    lines = world.runtime.log(world, left[0], left[0]["spec"]["containers"][0]["name"], previous=False)
    assert [line.text for line in lines]


def test_a_cron_job_has_run_every_hour() -> None:
    spec = first("cron")
    world = new_world(spec, 3)
    (cron,) = world.store.objects("cronjobs.batch", spec.namespace)
    assert cron["status"]["lastSuccessfulTime"]


def test_an_agent_runs_on_every_node() -> None:
    spec = first("agent")
    world = new_world(spec, 3)
    (agent,) = world.store.objects("daemonsets.apps", spec.namespace)
    assert agent["status"]["numberReady"] == len(world.store.objects("nodes"))


def test_an_autoscaler_leaves_its_workload_at_the_minimum() -> None:
    spec = first("autoscaled")
    world = new_world(spec, 3)
    world.advance(600_000)
    (scaler,) = world.store.objects("horizontalpodautoscalers.autoscaling", spec.namespace)
    assert scaler["status"]["currentReplicas"] == scaler["spec"]["minReplicas"]
    conditions = {condition["type"]: condition["status"] for condition in scaler["status"]["conditions"]}
    assert conditions["ScalingActive"] == "True"


def test_an_evicted_pod_is_left_beside_the_one_that_took_its_place() -> None:
    spec = first("evicted")
    world = new_world(spec, 3)
    component = spec.by_name[spec.furniture.evicted]
    mine = [pod for pod in world.store.objects("pods", spec.namespace) if spec.component_of(pod) is component]
    assert [pod["status"]["phase"] for pod in mine].count("Failed") == 1
    assert sum(map(is_ready, mine)) == component.replicas


def test_services_without_pods_are_right_not_to_have_any() -> None:
    for what, name in (("external", "partner-api"), ("outside", "reporting-replica")):
        spec = first(what)
        service = new_world(spec, 3).store.get("services", spec.namespace, name)
        assert service is not None
        assert "selector" not in service["spec"]


def test_a_quota_has_room() -> None:
    spec = first("has_quota")
    (quota,) = new_world(spec, 3).store.objects("resourcequotas", spec.namespace)
    assert int(quota["status"]["used"]["pods"]) < int(quota["status"]["hard"]["pods"]) / 2


def test_sidecars_run_beside_the_program_and_say_their_own() -> None:
    spec = shaped("sidecars")
    world = new_world(spec, 3)
    component = next(c for c in spec.components if c.sidecars)
    pod = pods(world, spec, component.name)[0]
    names = [container["name"] for container in pod["spec"]["containers"]]
    assert set(names) == {component.container, *(sidecar.name for sidecar in component.sidecars)}
    said = {name: world.runtime.log(world, pod, name, previous=False)[-1].text for name in names}
    assert said[component.sidecars[0].name] in component.sidecars[0].log
    if component.sidecars_lead:
        assert names[0] != component.container
        assert pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == component.container


def test_init_containers_have_completed() -> None:
    spec = shaped("inits")
    world = new_world(spec, 3)
    component = next(c for c in spec.components if c.inits)
    for status in pods(world, spec, component.name)[0]["status"]["initContainerStatuses"]:
        assert status["state"]["terminated"]["reason"] == "Completed"


def test_a_shared_namespace_is_called_by_the_full_name() -> None:
    spec = shaped("namespace")
    world = new_world(spec, 3)
    shared = next(component for component in spec.components if component.namespace)
    assert shared.namespace != spec.namespace
    assert spec.host_of(shared.name) == f"{shared.name}.{shared.namespace}.svc.cluster.local"
    assert len(pods(world, spec, shared.name)) == shared.replicas
    scale(world, spec, shared.name, 0)
    world.advance(SETTLED_MS)
    assert all(edge.callee == shared.name for edge in traffic(world).conditions.edges)
    assert traffic(world).conditions.edges[0].outcomes == (("refused", 1.0),)


def test_a_worker_has_jobs_and_no_service_and_its_end_is_told() -> None:
    spec = next(spec for number in range(60) if (spec := generate(number, 1)).workload.queued)
    world = new_world(spec, 3)
    ((name, _, jobs),) = spec.workload.queued
    assert name not in {service.component for service in spec.services}
    assert traffic(world).components[name].rate == pytest.approx(jobs)
    scale(world, spec, name, 0)
    world.advance(SETTLED_MS)
    assert ("ServiceDown", name) in {(alert.name, alert.service) for alert in firing(world, spec)}


def test_a_port_that_no_manifest_declares_is_served_all_the_same() -> None:
    def undeclared(spec: Application) -> list[str]:
        served = {service.component for service in spec.services}
        return [c.name for c in spec.components if not c.declares_port and c.name in served]

    spec = next(spec for number in range(60) if undeclared(spec := generate(number, 1)))
    world = new_world(spec, 3)
    (name,) = undeclared(spec)
    assert "ports" not in pods(world, spec, name)[0]["spec"]["containers"][0]
    assert not any(edge.callee == name for edge in traffic(world).conditions.edges)
    assert traffic(world).components[name].rate > 0


def test_restarts_of_long_ago_are_counted_and_their_container_runs() -> None:
    spec = first("restarted")
    ((name, times),) = spec.furniture.restarted
    counts = []
    for seed in range(4):  # in some of them a rollout of the morning has replaced the pod
        mine = pods(new_world(spec, seed), spec, name)
        assert all(is_ready(pod) for pod in mine)
        statuses = [status for pod in mine for status in pod["status"]["containerStatuses"]]
        counts += [s["restartCount"] for s in statuses if s["name"] == spec.by_name[name].container]
    assert max(counts) >= times


def test_a_component_that_was_restarted_is_not_evicted_as_well() -> None:
    built = application("gen006", 4492109)
    assert built.furniture.evicted in {name for name, _ in built.furniture.restarted}
    new_world(built, 4492109)
