"""The strict oracle passes the golden repair and nothing else, for every mechanism."""

import pytest

from aoi.agents.journal import Journal
from aoi.problems import catalogue
from aoi.problems.admission import check
from aoi.problems.faults import FAULTS
from aoi.problems.identification import nearest
from aoi.problems.inventory import WORKLOADS
from aoi.problems.sandbox import sandbox_executor
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.writes import Delete, Patch, send
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from tests.problems.representatives import one_of_each_family

SEED = 23
APPLICATIONS = ("hotel_reservation", "gen004")
FAMILY_PLACES = one_of_each_family()


def mitigation(fault: str, key: str) -> ProblemInstance:
    """The second target of a fault where there is one: the first is often the gateway."""
    fitting = [p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == key]
    fitting = [p.model_copy(update={"kind": TaskKind.MITIGATION}) for p in fitting]
    return ProblemInstance(problem=fitting[min(1, len(fitting) - 1)], seed=SEED)


def _near(family: str) -> list[str]:
    """The mechanisms that are most alike; the command compares with all."""
    return [fault.key for fault in FAULTS.values() if fault.family == family]


@pytest.mark.parametrize("family", FAMILY_PLACES)
def test_a_mechanism_of_every_family_is_admitted(family: str) -> None:
    report = check(catalogue.problem_at(FAMILY_PLACES[family], TaskKind.DETECTION).id, [SEED], _near(family))
    assert report.is_admitted, [c for c in report.checks if not c.passed]


def test_the_nearest_confusable_is_named_with_its_distance() -> None:
    """At the same component of the same world; a mechanism without a distance to another is refused."""
    place = catalogue.place_of(mitigation("wrong_target_port", "gen004").problem)
    assert place is not None
    twin = nearest(place, SEED)
    assert twin is not None
    assert twin.fault != place.fault
    assert twin.fault in FAULTS
    assert 0 < twin.distance <= 1


def test_controls_are_quiet() -> None:
    for key in APPLICATIONS:
        control = catalogue.control_of(mitigation("wrong_target_port", key).problem)
        report = check(control.id, [SEED, SEED + 1])
        assert report.is_admitted, [c for c in report.checks if not c.passed]


def test_a_repair_that_breaks_something_else_fails() -> None:
    found = build(mitigation("wrong_target_port", "hotel_reservation"))
    assert found.plan is not None
    repair(found.world, found.plan)
    assert found.fork().grade(None).success
    other = ("configmaps", found.namespace, "rate-config")
    send(EmbeddedTransport(found.world, ADMIN), Delete(other))
    outcome = found.grade(None)
    assert not outcome.success
    assert outcome.detail["lost"] == "configmaps/rate-config is gone"


@pytest.mark.parametrize(
    ("fault", "field", "lost"),
    [("bad_readiness_probe", "readinessProbe", "probes"), ("volume_read_only", "volumeMounts", "kept folders")],
)
def test_taking_away_what_the_fault_spoiled_is_no_repair(fault: str, field: str, lost: str) -> None:
    """A program that nobody asks counts as ready, and a database that keeps nothing can write."""
    found = build(mitigation(fault, "gen004"))
    assert found.plan is not None
    key = next(key for key in found.plan.touched if key[0] in WORKLOADS)
    patch = [{"op": "remove", "path": f"/spec/template/spec/containers/0/{field}"}]
    send(EmbeddedTransport(found.world, ADMIN), Patch(key, patch, "json"))
    found.world.advance(120_000)
    outcome = found.grade(None)
    assert not outcome.success
    assert lost in str(outcome.detail["lost"])
    repair(found.world, found.plan)
    assert found.grade(None).success


IN_FRONT = {"name": "debug", "image": "busybox:1.36", "command": ["sleep", "1000000"]}
CONTAINER = "/spec/template/spec/containers/0"
DODGES = (
    ("bad_liveness_probe", {"op": "add", "path": CONTAINER, "value": IN_FRONT}),
    ("bad_liveness_probe", {"op": "add", "path": f"{CONTAINER}/livenessProbe/failureThreshold", "value": 5}),
    ("bad_liveness_probe", {"op": "add", "path": f"{CONTAINER}/livenessProbe/initialDelaySeconds", "value": 1_000_000}),
    ("liveness_path", {"op": "add", "path": CONTAINER, "value": IN_FRONT}),
    ("leaking_build", {"op": "add", "path": CONTAINER, "value": IN_FRONT}),
    ("ephemeral_storage", {"op": "add", "path": f"{CONTAINER}/resources/limits/cpu", "value": "2"}),
    ("ephemeral_storage", {"op": "add", "path": f"{CONTAINER}/resources/limits/ephemeral-storage", "value": "21Mi"}),
)


@pytest.mark.parametrize(("fault", "dodge"), DODGES)
def test_what_fails_again_in_a_while_is_not_repaired(fault: str, dodge: dict[str, object]) -> None:
    """A crash loop and an eviction have moments between two failures in which all is well."""
    found = build(mitigation(fault, "hotel_reservation"))
    assert found.plan is not None
    send(EmbeddedTransport(found.world, ADMIN), Patch(found.plan.marks[0].key, [dodge], "json"))
    outcome = found.grade(None)
    assert not outcome.success, outcome.detail
    if dodge["value"] is not IN_FRONT:  # what stands in front moves the places that the way back names
        repair(found.world, found.plan)
        assert found.grade(None).success


def test_the_same_image_by_its_full_name_is_the_same_image() -> None:
    found = build(mitigation("leaking_build", "hotel_reservation"))
    assert found.plan is not None
    (mark,) = found.plan.marks
    full = {"op": "replace", "path": f"{CONTAINER}/image", "value": f"docker.io/{mark.value}"}
    send(EmbeddedTransport(found.world, ADMIN), Patch(mark.key, [full], "json"))
    assert found.grade(None).detail["fault"] == "the fault is still there"


def test_a_limit_of_connections_is_known_by_its_short_flag() -> None:
    found = build(mitigation("cache_connections", "hotel_reservation"))
    assert found.plan is not None
    container = next(container for container in _containers(found) if "--conn-limit" in str(container))
    words = {
        part: [word.replace("--conn-limit=", "-c ") for word in container[part]]
        for part in ("command", "args")
        if part in container
    }
    patch = {"spec": {"template": {"spec": {"containers": [{"name": container["name"], **words}]}}}}
    send(EmbeddedTransport(found.world, ADMIN), Patch(found.plan.marks[0].key, patch, "strategic"))
    assert "connlimit" in str(found.grade(None).detail["symptoms"])


def _containers(found: Scenario) -> list[Obj]:
    assert found.plan is not None
    workload = found.world.store.get(*found.plan.marks[0].key)
    assert workload is not None
    return list(workload["spec"]["template"]["spec"]["containers"])


def test_a_configuration_that_breaks_the_next_start_is_no_repair() -> None:
    """The pods that run have read the right one; whoever follows them reads what was left."""
    found = build(mitigation("config_drift", "gen004"))
    assert found.plan is not None
    repair(found.world, found.plan)
    found.world.advance(120_000)
    assert found.grade(None).success
    mark = found.plan.marks[0]
    assert mark.path is not None
    send(EmbeddedTransport(found.world, ADMIN), Patch(mark.key, {"data": {mark.path[-1]: "nowhere:1"}}))
    outcome = found.grade(None)
    assert not outcome.success
    assert outcome.detail["symptoms"]


def test_another_repair_than_the_golden_one_passes() -> None:
    """Three replicas where there was one are as good as one."""
    found = build(mitigation("scale_to_zero", "hotel_reservation"))
    assert found.truth.component is not None
    key = ("deployments.apps", found.namespace, found.truth.component)
    send(EmbeddedTransport(found.world, ADMIN), Patch(key, {"spec": {"replicas": 3}}))
    assert found.grade(None).success


def test_aiopslab_passes_an_unscheduled_pod_that_the_strict_grade_fails() -> None:
    outcome = build(mitigation("node_selector", "hotel_reservation")).grade(None)
    assert outcome.aiopslab_success
    assert not outcome.success


@pytest.mark.parametrize("fault", ["wrong_target_port", "scale_to_zero", "wrong_binary", "bad_image_tag"])
def test_aiopslab_fails_what_its_evaluators_look_at(fault: str) -> None:
    assert not build(mitigation(fault, "hotel_reservation")).grade(None).aiopslab_success


MITIGATIONS = [
    catalogue.problem_at(place, TaskKind.MITIGATION)
    for place in FAMILY_PLACES.values()
    if FAULTS[place.fault].mendable(
        application(place.application, 0), application(place.application, 0).by_name[place.roots[0].component]
    )
]


@pytest.mark.parametrize("problem", MITIGATIONS, ids=lambda p: p.id)
def test_the_golden_typed_action_mends(problem: Problem) -> None:
    found = build(ProblemInstance(problem=problem, seed=SEED))
    executor = sandbox_executor(
        found.world,
        found.write_transport(),
        found.namespace,
        journal=Journal(),
        recorded=found.recorded_transport(),
    )
    results = [executor.perform(action.name, action.component, action.value) for action in found.truth.actions]
    assert all(result.status == "ok" for result in results), results
    outcome = found.grade(None)
    assert outcome.success, outcome.detail


def test_most_mechanisms_set_mitigations_and_every_one_sets_the_others() -> None:
    kinds = {fault: {kind for place in catalogue.places(fault=fault) for kind in place.kinds} for fault in FAULTS}
    assert sum(TaskKind.MITIGATION in found for found in kinds.values()) >= 70
    assert all({TaskKind.DETECTION} <= found for found in kinds.values())
