"""The strict oracle passes the golden repair and nothing else, for every mechanism."""

import pytest

from aoi.agents.journal import Journal
from aoi.problems import catalogue
from aoi.problems.admission import check
from aoi.problems.faults import FAULTS
from aoi.problems.identification import nearest
from aoi.problems.sandbox import sandbox_executor
from aoi.problems.scenario import build, repair
from aoi.problems.writes import Delete, Patch, send
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
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
