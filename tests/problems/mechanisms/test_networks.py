"""What the cluster shows of faults of Services, policies, names, ports and experiments, and that their repair heals."""

import re
from functools import lru_cache

import pytest

from aoi.agents.actions.catalogue import make
from aoi.agents.actions.change import Refused
from aoi.agents.actions.view import View
from aoi.problems import catalogue
from aoi.problems.admission import looker
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.writes import Patch, send
from aoi.records.decision import ExecDo
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.runtime import traffic
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SEED = 3


@lru_cache(maxsize=4)
def broken(fault: str, key: str) -> Scenario:
    """The first problem of a mechanism on an application."""
    found = [p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == key]
    return build(ProblemInstance(problem=found[0], seed=SEED))


def said_by(found: Scenario, name: str) -> str:
    """The newest lines of every container of a component."""
    return "\n".join(
        line.text
        for pod in pods_of(found, name)
        for container in pod["spec"]["containers"]
        for previous in (True, False)
        for line in found.world.runtime.log(found.world, pod, container["name"], previous=previous)[-60:]
    )


def pods_of(found: Scenario, name: str) -> list[Obj]:
    pods = found.world.store.objects("pods", found.namespace)
    return [pod for pod in pods if (owner := found.application.component_of(pod)) and owner.name == name]


def observer(found: Scenario) -> str:
    """Who calls the broken component."""
    return found.application.callers[found.truth.component or ""][0]


def outcomes(found: Scenario, caller: str, callee: str) -> dict[str, float]:
    edge = traffic(found.world).conditions.edge(caller, callee)
    return dict(edge.outcomes) if edge else {"ok": 1.0}


NO_HOST = r"no such host|Name or service not known|UnknownHost|ENOTFOUND|No such host|failed to lookup"
NO_ANSWER = r"timed? ?out|i/o timeout|[Dd]eadline|Timeout|ETIMEDOUT"
NO_DNS = r"name resolution|EAI_AGAIN|i/o timeout|server misbehaving|SERVFAIL"
AT_CALLERS = {
    "service_deleted": ("nohost", NO_HOST),
    "external_name": ("nohost", NO_HOST),
    "service_port_changed": ("timeout", NO_ANSWER),
    "service_protocol": ("timeout", NO_ANSWER),
    "unknown_port_name": ("refused", r"refused|REFUSED"),
    "broad_selector": ("unimplemented", r"(?i)unimplemented|no such route|unknown service"),
    "ingress_denied": ("timeout", NO_ANSWER),
    "network_partition": ("timeout", NO_ANSWER),
    "network_corrupt": ("timeout", NO_ANSWER),
    "some_loss": ("timeout", NO_ANSWER),
}


@pytest.mark.parametrize("fault", AT_CALLERS)
def test_callers_fail_as_the_network_has_it(fault: str) -> None:
    found = broken(fault, "gen000")
    word, text = AT_CALLERS[fault]
    assert outcomes(found, observer(found), found.truth.component or "").get(word, 0.0) > 0.1
    assert re.search(text, said_by(found, observer(found)))


AT_ITSELF = {
    "egress_denied": ("timeout", NO_ANSWER),
    "names_denied": ("dns", NO_DNS),
    "node_resolver": ("nohost", NO_HOST),
    "dead_resolver": ("dns", NO_DNS),
    "dns_chaos": ("servfail", NO_DNS),
}


@pytest.mark.parametrize("fault", AT_ITSELF)
def test_a_component_that_may_not_call_or_ask_says_so_itself(fault: str) -> None:
    found = broken(fault, "gen001")
    name = found.truth.component or ""
    word, text = AT_ITSELF[fault]
    assert any(word in outcomes(found, name, callee) for callee in found.application.by_name[name].callees)
    assert re.search(text, said_by(found, name))


def test_a_broad_selector_reaches_the_right_pods_now_and_then() -> None:
    found = broken("broad_selector", "gen000")
    assert 0 < outcomes(found, observer(found), found.truth.component or "").get("ok", 0.0) < 0.7


def test_a_program_whose_port_is_taken_crashes_and_says_why() -> None:
    found = broken("port_conflict", "gen001")
    name = found.truth.component or ""
    waiting = [
        status
        for pod in pods_of(found, name)
        for status in pod["status"]["containerStatuses"]
        if status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
    ]
    assert [status["name"] for status in waiting] == [found.application.by_name[name].container] * len(waiting)
    assert waiting
    assert re.search(r"[Aa]ddress already in use|EADDRINUSE|already in use", said_by(found, name))


def test_kills_by_schedule_are_seen_at_any_time_of_looking() -> None:
    """Not only in the bad moment: containers have been restarted, pods are new, and events tell."""
    for at_ms in (0, 7_000, 23_000):
        killed = broken("container_kills", "gen001").fork()
        killed.world.advance(at_ms)
        restarts = [s["restartCount"] for p in pods_of(killed, killed.truth.component or "") for s in statuses(p)]
        assert max(restarts) >= 2
        gone = broken("pod_kills", "gen001").fork()
        gone.world.advance(at_ms)
        pods = pods_of(gone, gone.truth.component or "")
        assert pods
        assert all(age_s(gone.world, pod["metadata"]["creationTimestamp"]) < 35 for pod in pods)
        spawned = [e for e in gone.world.store.objects("events", gone.namespace) if e["reason"] == "Spawned"]
        assert sum(event["count"] for event in spawned) >= 4


def statuses(pod: Obj) -> list[Obj]:
    return pod["status"].get("containerStatuses", [])


def age_s(world: World, stamp: str) -> float:
    return (world.clock.now_ms - world.clock.at_ms(stamp)) / 1000


def test_a_flapping_network_is_whole_at_times_and_leaves_its_trace() -> None:
    found = broken("network_flaps", "gen001").fork()
    name = found.truth.component or ""
    seen = set()
    for _ in range(20):
        found.world.advance(7_000)
        seen.add("timeout" in outcomes(found, observer(found), name))
    assert seen == {True, False}
    assert re.search(NO_ANSWER, said_by(found, observer(found)))


def test_a_schedule_keeps_as_many_ended_runs_as_it_says() -> None:
    found = broken("pod_kills", "gen001").fork()
    found.world.advance(300_000)
    assert len(found.world.store.objects("podchaos.chaos-mesh.org", found.namespace)) <= 3


def _phase(found: Scenario, name: str) -> tuple[str, dict[str, str]]:
    status = found.world.store.objects("networkchaos.chaos-mesh.org", found.namespace)[0]["status"]
    return status["experiment"]["desiredPhase"], {one["type"]: one["status"] for one in status["conditions"]}


def test_an_experiment_says_of_itself_when_it_acts_is_paused_and_is_over() -> None:
    found = broken("network_partition", "gen001").fork()
    key = found.plan.touched[0] if found.plan else ("", "", "")
    (record, *_) = found.world.store.get(*key)["status"]["experiment"]["containerRecords"]
    assert record["phase"] == "Injected"
    assert _phase(found, key[2]) == (
        "Run",
        {"Selected": "True", "AllInjected": "True", "AllRecovered": "False", "Paused": "False"},
    )
    transport = EmbeddedTransport(found.world, ADMIN)
    for pause in ("true", None):
        send(transport, Patch(key, {"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": pause}}}))
        found.world.settle()
        phase, conditions = _phase(found, key[2])
        assert (phase, conditions["Paused"]) == (("Stop", "True") if pause else ("Run", "False"))
    found.world.advance(25 * 3600 * 1000)
    phase, conditions = _phase(found, key[2])
    assert (phase, conditions["AllRecovered"], conditions["Paused"]) == ("Stop", "True", "False")


def test_stress_workers_hold_a_program_back_and_show_as_its_cpu() -> None:
    found = broken("cpu_stress", "gen001")
    name = found.truth.component or ""
    assert traffic(found.world).components[name].p50_ms > 100
    component = found.application.by_name[name]
    pod = pods_of(found, name)[0]
    container = next(c for c in pod["spec"]["containers"] if c["name"] == component.container)
    assert found.world.runtime.usage(found.world, pod, container).cpu_millicores >= component.resources.cpu_limit_m


@pytest.mark.parametrize(
    ("fault", "key"),
    [("http_delay", "gen000"), ("io_latency", "gen001"), ("network_bandwidth", "gen001")],
)
def test_slow_experiments_add_seconds_to_calls(fault: str, key: str) -> None:
    found = broken(fault, key)
    edge = traffic(found.world).conditions.edge(observer(found), found.truth.component or "")
    assert edge is not None
    assert edge.delay_ms >= 1_000


def test_an_aborting_proxy_closes_the_connections_of_users() -> None:
    found = broken("http_abort", "gen001")
    assert outcomes(found, "", found.truth.component or "") == {"reset": 1.0}


EVERY = (*AT_CALLERS, "egress_denied", "names_denied", "node_resolver", "dead_resolver", "port_conflict")
EXPERIMENTS = ("dns_chaos", "http_abort", "cpu_stress", "io_latency", "pod_kills", "container_kills", "network_flaps")


@pytest.mark.parametrize("fault", [*EVERY, *EXPERIMENTS])
def test_the_golden_repair_heals_and_doing_nothing_does_not(fault: str) -> None:
    found = broken(fault, "gen000")
    assert found.plan is not None
    problem = found.instance.problem.model_copy(update={"kind": TaskKind.MITIGATION})
    instance = found.instance.model_copy(update={"problem": problem})
    left, mended = build(instance), build(instance)
    repair(mended.world, found.plan)
    assert not left.grade(None).success
    outcome = mended.grade(None)
    assert outcome.success, outcome.detail


@pytest.mark.parametrize("fault", ["service_deleted", "service_port_changed", "broad_selector", "service_protocol"])
def test_agents_find_the_service_where_the_truth_says(fault: str) -> None:
    found = broken(fault, "gen000")
    look = looker(found)
    said = {(s.word, s.subject) for check, name in found.truth.evidence for s in look(check, name)}
    assert (found.truth.cause, found.truth.component) in said


@pytest.mark.parametrize(("action", "fault"), [("fix_selector", "broad_selector"), ("fix_port", "service_protocol")])
def test_typed_actions_refuse_a_service_that_is_as_it_should_be(action: str, fault: str) -> None:
    found = broken(fault, "gen000")
    view = View(found.read_transport(), found.namespace)
    name = found.truth.component or ""
    assert make(action, name, None, str).render(view)
    other = next(c for c in catalogue.targets("wrong_target_port", "gen000") if c != name)
    with pytest.raises(Refused):
        make(action, other, None, str).render(view)


@pytest.mark.parametrize(
    "fault",
    [
        "service_deleted",
        "external_name",
        "service_port_changed",
        "service_protocol",
        "unknown_port_name",
        "broad_selector",
        "egress_denied",
        "node_resolver",
        "port_conflict",
        "network_flaps",
    ],
)
def test_a_survey_names_component_and_cause(fault: str) -> None:
    found = broken(fault, "gen001")
    answer = found.survey().answer
    assert answer.component in found.truth.accepted
    assert answer.cause in found.truth.causes


def test_an_experiment_on_http_is_deleted_by_the_typed_action() -> None:
    """Its `target` is a word, where that of a NetworkChaos chooses pods."""
    problem = next(p for p in catalogue.problems(fault="http_delay", kind=TaskKind.MITIGATION))
    scenario = build(ProblemInstance(problem=problem, seed=11))
    hands = scenario.hands()
    assert hands is not None
    assert hands.act(ExecDo("delete_chaos", scenario.truth.component or "")).status == "ok"
    assert scenario.grade(None).success
