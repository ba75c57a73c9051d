"""What the cluster shows of programs, engines and load that go wrong, and that the known repair heals it."""

import re

import pytest

from aoi.agents.probe import Probe
from aoi.problems import catalogue
from aoi.problems.alerts import symptoms
from aoi.problems.faults import FAULTS
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.sites import find
from aoi.problems.writes import Patch, send
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.runtime import traffic
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN

THROTTLED = r"cpu_throttled_s_per_s\s+(?:0\.[3-9]|[1-9])"
UNFELT = ("leaking_build", "poison_message")
"""Users are served on: between two ends of a program, and without what a queue holds."""
SHOWN = {
    "cpu_limit": ("gen003", 2, "prom metrics {name}{pods}", THROTTLED),
    "leaking_build": ("gen007", 3, "kubectl describe pods -l {selector} -n {ns}", r"OOMKilled"),
    "hot_build": ("gen007", 3, "prom metrics {name}{pods}", THROTTLED),
    "small_heap": ("gen200", 1, "kubectl logs -l {selector} -n {ns} --tail=60", r"GC overhead limit exceeded"),
    "open_files": ("gen007", 3, "kubectl logs -l {selector} -n {ns} --tail=60", r"[Tt]oo many open files"),
    "connection_limit": ("gen003", 2, "kubectl logs -l {selector} -n {ns} --tail=60", r"too many connections"),
    "short_timeout": ("gen200", 2, "kubectl logs -l {selector} -n {ns} --tail=60", r"Read timed out|deadline"),
    "db_requires_tls": ("gen002", 1, "kubectl logs -l {selector} -n {ns} --tail=60", r"only allow SSL connections"),
    "db_password": (
        "gen200",
        1,
        "kubectl logs -l {selector} -n {ns} --tail=60",
        r"uthentication failed",
    ),
    "db_connections": ("gen200", 1, "kubectl logs -l {selector} -n {ns} --tail=60", r"too many clients already"),
    "db_read_only": ("gen200", 1, "kubectl logs -l {selector} -n {ns} --tail=60", r"in a read-only transaction"),
    "slow_query": ("gen002", 1, "kubectl logs -l {selector} -n {ns} --tail=60", r"COLLSCAN"),
    "cache_memory": ("gen002", 1, "kubectl logs -l {caller} -n {ns} --tail=60", r"OOM command not allowed"),
    "cache_connections": ("gen200", 1, "kubectl logs -l {caller} -n {ns} --tail=60", r"max number of clients"),
    "traffic_flood": ("gen000", 1, "kubectl top pods -n {ns}", r"(?:load-test|perf-runner|soak|checkout-bench|warmup)"),
    "retry_storm": ("gen000", 3, "kubectl logs -l {selector} -n {ns} --tail=60", r"[Tt]imed? ?out"),
    "poison_message": ("gen000", 1, "kubectl logs -l {selector} -n {ns} --tail=60 --previous", r"please seek past"),
}
"""Mechanism -> (application, seed, where it is looked for, what is there)."""


def scenario_of(key: str, app: str, seed: int) -> Scenario:
    """A world with a mechanism in it, whatever problems the catalogue makes of it."""
    places = catalogue.targets(key, app)
    problem = Problem(
        id=f"{key}-{app}",
        application=app,
        application_version=application(app, 0).version,
        fault=key,
        fault_version=FAULTS[key].version,
        kind=TaskKind.MITIGATION,
        target=seed % len(places),
        split="test",
        slice="unseen_mechanism",
    )
    return build(ProblemInstance(problem=problem, seed=seed))


def read(scenario: Scenario, line: str) -> str:
    assert scenario.plan is not None
    built, name = scenario.application, scenario.plan.accepted[0]
    callers = built.callers[name] or (name,)

    def selector(component: str) -> str:
        return ",".join(f"{key}={value}" for key, value in built.selector_of(built.by_name[component]).items())

    workload = built.by_name[name].workload
    pods = "" if workload == name else f" --pods={workload}"
    text = line.format(
        name=name, pods=pods, ns=scenario.namespace, selector=selector(name), caller=selector(callers[0])
    )
    return Probe(scenario.read_transport(), scenario.namespace).run(text).observation.decode()


@pytest.mark.parametrize("key", SHOWN)
def test_a_mechanism_shows_where_an_engineer_would_look_and_its_repair_heals(key: str) -> None:
    app, seed, line, expected = SHOWN[key]
    scenario = scenario_of(key, app, seed)
    assert re.search(expected, read(scenario, line)), read(scenario, line)[-1500:]
    assert symptoms(scenario.world, scenario.application) or key in UNFELT
    assert scenario.plan is not None
    repair(scenario.world, scenario.plan)
    for _ in range(20):
        scenario.world.advance(30_000)
        if not symptoms(scenario.world, scenario.application):
            break
    assert symptoms(scenario.world, scenario.application) == []
    assert not scenario.plan.is_present(scenario.world)


def test_a_retry_storm_outlives_its_trigger_and_a_restart_of_everything() -> None:
    scenario = scenario_of("retry_storm", "gen000", 3)
    assert scenario.plan is not None
    world, built = scenario.world, scenario.application
    caller, callee = scenario.plan.accepted
    assert traffic(world).saturated[callee] > 1.5  # its pods run and are ready, and have been for minutes
    transport = EmbeddedTransport(world, ADMIN)
    note = {"kubectl.kubernetes.io/restartedAt": world.clock.rfc3339()}
    for component in built.components:
        if not component.namespace:
            key = find(world, built, component.name).key
            send(transport, Patch(key, {"spec": {"template": {"metadata": {"annotations": note}}}}))
    world.advance(300_000)
    assert traffic(world).flows[caller, callee].failing > 0.5
    # Users who stay away long enough let it run dry; the setting is as it was.
    key = find(world, built, built.workload.entry).key
    replicas = find(world, built, built.workload.entry).workload["spec"]["replicas"]
    send(transport, Patch(key, {"spec": {"replicas": 0}}))
    world.advance(400_000)
    send(transport, Patch(key, {"spec": {"replicas": replicas}}))
    world.advance(300_000)
    assert traffic(world).flows[caller, callee].failing < 0.05
    assert scenario.plan.is_present(world)


@pytest.mark.parametrize(
    ("key", "expression", "least"),
    [
        ("small_heap", "max(rate(jvm_gc_pause_seconds_sum[1m]))", 0.5),
        ("retry_storm", "sum(rate(rpc_client_retries_total[1m]))", 50.0),
        ("cache_memory", "sum(rate(redis_keyspace_misses_total[1m]))/sum(rate(redis_keyspace_hits_total[1m]))", 0.3),
        ("poison_message", "max(kafka_consumergroup_lag)", 50.0),
    ],
)
def test_what_runtimes_export_agrees(key: str, expression: str, least: float) -> None:
    app, seed, _, _ = SHOWN[key]
    scenario = scenario_of(key, app, seed)
    assert float(read(scenario, f"prom query '{expression}'").split()[-1]) >= least


def test_what_an_evicted_pod_might_use_is_not_what_its_successor_may() -> None:
    """Its record has the limits of before, and stands first."""
    places = catalogue.targets("cpu_limit", "gen004")
    key = "my-branch-course"
    problem = scenario_of("cpu_limit", "gen004", 0).instance.problem
    scenario = build(ProblemInstance(problem=problem.model_copy(update={"target": places.index(key)}), seed=0))
    pods = scenario.world.store.objects("pods", scenario.namespace)
    assert "Failed" in {pod["status"]["phase"] for pod in pods if pod["metadata"]["name"].startswith(key)}
    assert any(said.startswith(key) for said in symptoms(scenario.world, scenario.application))
