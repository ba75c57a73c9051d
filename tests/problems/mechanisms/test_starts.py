"""What the cluster shows of containers that cannot start as they were told, and that putting it right heals it."""

import base64
from collections.abc import Iterator

import orjson
import pytest

from aoi.problems import catalogue
from aoi.problems.alerts import failing_share
from aoi.problems.applications import APPLICATIONS
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.writes import Create, send
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.delivery import place_of
from aoi.worlds.applications.lookup import application
from aoi.worlds.behaviour.datafiles import refusal
from aoi.worlds.behaviour.options import unknown_option
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from tests.problems.ages import fresh

SHOWN = (
    ("bad_image_name", "gen001", "couldn't parse image name"),
    ("wrong_architecture", "gen001", "exec format error"),
    ("pull_secret_lost", "gen001", "401 Unauthorized"),
    ("registry_unresolved", "gen001", "no such host"),
    ("registry_untrusted", "gen001", "x509: certificate signed by unknown authority"),
    ("database_release", "gen001", "Found an invalid featureCompatibilityVersion document"),
    ("missing_command", "gen001", "unable to start container process"),
    ("bad_args", "gen001", "flag provided but not defined|unexpected argument|unrecognised option"),
    ("init_waits", "gen001", "bad address|can't resolve"),
    ("init_fails", "gen001", "error: "),
    ("missing_secret", "gen001", 'secret "'),
    ("wrong_secret_key", "gen001", "couldn't find key"),
    ("missing_key", "hotel_reservation", "couldn't find key"),
    ("missing_scripts", "gen001", "MountVolume.SetUp failed"),
    ("missing_certificate", "gen001", "MountVolume.SetUp failed"),
    ("variable_removed", "gen001", "PORT|_ADDR"),
    ("liveness_path", "gen001", "HTTP probe failed with statuscode: 404"),
    ("eager_liveness", "gen001", "Liveness probe failed"),
    ("startup_probe", "gen001", "Startup probe failed"),
    ("stalled_tag", "gen002", "not found"),
    ("stalled_name", "gen002", "couldn't parse image name"),
    ("stalled_login", "gen002", "pull access denied|401 Unauthorized"),
    ("stalled_registry", "gen002", "no such host"),
    ("stalled_readiness", "gen002", "Readiness probe failed"),
    ("stalled_reference", "gen002", 'configmap "'),
)
"""Mechanism, application, and what is said: in a status, an event or a log (one of several texts)."""


def broken(fault: str, key: str, seed: int | None = None, target: int = 0) -> Scenario:
    """A mitigation of one mechanism at one of its places; minutes old, if no seed says otherwise."""
    problem = Problem(
        id=f"{fault}-mitigation-{key}-{target + 1}",
        application=key,
        application_version="1",
        fault=fault,
        fault_version="1",
        kind=TaskKind.MITIGATION,
        target=target,
        split=APPLICATIONS[key],
        slice="seen",
    )
    return build(ProblemInstance(problem=problem, seed=fresh(key) if seed is None else seed))


def pods_of(scenario: Scenario, name: str) -> list[Obj]:
    """Pods of a component."""
    pods = scenario.world.store.objects("pods", scenario.namespace)
    return [pod for pod in pods if (owner := scenario.application.component_of(pod)) and owner.name == name]


def said(scenario: Scenario, name: str) -> Iterator[str]:
    """Everything that statuses, events and logs say of a component's pods."""
    world, pods = scenario.world, pods_of(scenario, name)
    for pod in pods:
        for field in ("initContainerStatuses", "containerStatuses"):
            for status in pod["status"].get(field, ()):
                yield orjson.dumps([status.get("state"), status.get("lastState")]).decode().replace('\\"', '"')
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            for previous in (False, True):
                lines = world.runtime.log(world, pod, container["name"], previous=previous)
                yield "\n".join(line.text for line in lines)
    names = {pod["metadata"]["name"] for pod in pods}
    for event in world.store.objects("events", scenario.namespace):
        if event["involvedObject"].get("name") in names:
            yield event.get("message", "")


def is_healed(scenario: Scenario) -> bool:
    """Whether users are served and all pods are ready, some minutes on."""
    return bool(scenario.fork().grade(None).success)


@pytest.mark.parametrize(("fault", "key", "texts"), SHOWN)
def test_the_cluster_says_what_is_wrong_and_undoing_it_heals(fault: str, key: str, texts: str) -> None:
    scenario = broken(fault, key)
    name = scenario.truth.accepted[0]
    everything = "\n".join(said(scenario, name))
    assert any(text in everything for text in texts.split("|")), everything[-3000:]
    assert not is_healed(scenario)
    assert scenario.plan is not None
    repair(scenario.world, scenario.plan)
    assert is_healed(scenario)


def test_a_literal_hides_what_the_config_map_says() -> None:
    scenario = broken("variable_shadowed", "gen001")
    assert failing_share(scenario.world, scenario.application) > 0.05
    before = scenario.world.store.objects("configmaps", scenario.namespace)
    assert scenario.plan is not None
    repair(scenario.world, scenario.plan)
    assert is_healed(scenario)
    assert scenario.world.store.objects("configmaps", scenario.namespace) == before


def test_old_pods_serve_while_a_rollout_stalls() -> None:
    scenario = broken("stalled_tag", "gen002")
    name = scenario.truth.accepted[0]
    component = scenario.application.by_name[name]
    assert failing_share(scenario.world, scenario.application) < 0.01
    workload = scenario.world.store.get("deployments.apps", scenario.namespace, component.workload)
    assert workload is not None
    assert workload["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    scenario.world.advance(1_000 * workload["spec"]["progressDeadlineSeconds"])
    workload = scenario.world.store.get("deployments.apps", scenario.namespace, component.workload)
    assert workload is not None
    conditions = {condition["type"]: condition for condition in workload["status"]["conditions"]}
    assert conditions["Progressing"]["reason"] == "ProgressDeadlineExceeded"
    assert conditions["Available"]["status"] == "True"


def test_what_is_rolled_is_hit_by_no_mechanism_that_needs_an_outage() -> None:
    built = application("gen002", 0)
    rolled = {component.name for component in built.components if component.rolls}
    assert rolled
    assert not rolled & set(catalogue.targets("bad_image_tag", "gen002"))
    assert set(catalogue.targets("stalled_tag", "gen002")) <= rolled


def test_an_init_container_goes_on_when_the_service_that_it_waits_for_is_made() -> None:
    scenario = next(s for target in range(9) if _asks_by_name(s := broken("init_waits", "gen003", 0, target)))
    name = scenario.truth.accepted[0]
    component = scenario.application.by_name[name]
    script = pods_of(scenario, name)[0]["spec"]["initContainers"][0]["command"][2]
    spec = {"selector": scenario.application.selector_of(component), "ports": [{"port": component.port}]}
    host = script.split()[2].rstrip(";")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": host, "namespace": scenario.namespace}}
    send(
        EmbeddedTransport(scenario.world, ADMIN),
        Create(("services", scenario.namespace, host), {**service, "spec": spec}),
    )
    scenario.world.advance(60_000)
    assert all(status["ready"] for pod in pods_of(scenario, name) for status in pod["status"]["containerStatuses"])


def _asks_by_name(scenario: Scenario) -> bool:
    inits = pods_of(scenario, scenario.truth.accepted[0])[0]["spec"]["initContainers"]
    return "until nslookup" in inits[0]["command"][2]


def test_a_secret_with_the_right_login_lets_a_private_image_be_pulled() -> None:
    places = ((seed, target) for seed in range(6) for target in range(3))
    scenarios = (broken("pull_secret_lost", "gen001", seed, target) for seed, target in places)
    scenario, pod = next((s, pod) for s in scenarios if (pod := _logs_in(s)) is not None)
    (reference,) = pod["spec"]["imagePullSecrets"]
    host = place_of(scenario.application.by_name[scenario.truth.accepted[0]].image)[0]
    login = base64.b64encode(orjson.dumps({"auths": {host: {"auth": "YTpi"}}})).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": reference["name"], "namespace": scenario.namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": login},
    }
    send(EmbeddedTransport(scenario.world, ADMIN), Create(("secrets", scenario.namespace, reference["name"]), secret))
    scenario.world.advance(330_000)
    name = scenario.truth.accepted[0]
    assert all(status["ready"] for pod in pods_of(scenario, name) for status in pod["status"]["containerStatuses"])


def _logs_in(scenario: Scenario) -> Obj | None:
    """A pod that names a Secret, which is not there."""
    pods = pods_of(scenario, scenario.truth.accepted[0])
    return next((pod for pod in pods if pod["spec"].get("imagePullSecrets")), None)


def test_a_database_opens_the_files_of_the_release_before_and_of_no_older() -> None:
    mongo = application("hotel_reservation", 0).by_name["mongodb-geo"]
    assert mongo.tag.startswith("4.4")
    assert refusal(mongo, "5.0.14") is None
    assert refusal(mongo, "6.0.14") == ("4.4", "6.0")
    assert refusal(mongo, "4.2.0") is not None


def test_a_program_takes_the_options_of_its_manifest_and_no_others() -> None:
    built = application("gen001", 0)
    program = next(c for c in built.components if c.dialect == "zap")
    assert unknown_option(program, program.args) == ""
    assert unknown_option(program, (*program.args, "--metrics-port=9100")) == "metrics-port"
