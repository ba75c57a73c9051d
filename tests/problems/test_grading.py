"""Grades of answers: strict, and as AIOpsLab would give them."""

import pytest

from aoi.problems.faults.base import Action
from aoi.problems.oracle import NOTHING, Truth, grade_answer
from aoi.records.episode import Answer
from aoi.records.problem import FaultType, SystemLevel, TaskKind

TRUTH = Truth(
    component="mongodb-geo",
    accepted=("mongodb-geo", "geo"),
    cause="unauthorized",
    causes=("unauthorized",),
    level=SystemLevel.APPLICATION,
    type=FaultType.AUTHENTICATION,
    action=Action("repair_database", "mongodb-geo"),
    evidence=(),
)


def answer(verdict: str = "fault", component: str | None = "mongodb-geo", **labels: str) -> Answer:
    """An answer with a confidence that no grade looks at."""
    return Answer(verdict=verdict, component=component, confidence=0.5, **labels)  # type: ignore[arg-type]


def grades(kind: TaskKind, truth: Truth, given: Answer | None) -> tuple[bool, bool, bool]:
    """(strict, AIOpsLab's, false alarm)."""
    outcome = grade_answer(kind, truth, given)
    return outcome.success, outcome.aiopslab_success, outcome.false_alarm


def test_detection_asks_for_the_verdict_alone() -> None:
    assert grades(TaskKind.DETECTION, TRUTH, answer(component="rate")) == (True, True, False)
    assert grades(TaskKind.DETECTION, TRUTH, answer("no_fault", None)) == (False, False, False)


@pytest.mark.parametrize("kind", [TaskKind.DETECTION, TaskKind.LOCALIZATION])
def test_a_fault_claimed_in_a_control_is_a_false_alarm(kind: TaskKind) -> None:
    assert grades(kind, NOTHING, answer()) == (False, False, True)
    assert grades(kind, NOTHING, answer("no_fault", None)) == (True, True, False)


@pytest.mark.parametrize("kind", [TaskKind.DETECTION, TaskKind.LOCALIZATION, TaskKind.ANALYSIS])
@pytest.mark.parametrize("truth", [TRUTH, NOTHING])
def test_inconclusive_and_silence_are_neither_success_nor_false_alarm(kind: TaskKind, truth: Truth) -> None:
    assert grades(kind, truth, answer("inconclusive", None)) == (False, False, False)
    assert grades(kind, truth, None) == (False, False, False)


@pytest.mark.parametrize("name", ["mongodb-geo", "geo"])
def test_localization_accepts_either_name_where_aiopslab_does(name: str) -> None:
    assert grades(TaskKind.LOCALIZATION, TRUTH, answer(component=name)) == (True, True, False)


@pytest.mark.parametrize("name", ["rate", "mongodb", None])
def test_localization_refuses_every_other_name(name: str | None) -> None:
    assert grades(TaskKind.LOCALIZATION, TRUTH, answer(component=name)) == (False, False, False)


def test_strict_localization_asks_for_the_verdict_too() -> None:
    assert grades(TaskKind.LOCALIZATION, TRUTH, answer("no_fault")) == (False, True, False)


def test_analysis_needs_both_labels_in_any_case_and_strictly_the_component() -> None:
    right = {"system_level": "application", "fault_type": "Authentication Issue"}
    assert grades(TaskKind.ANALYSIS, TRUTH, answer(**right)) == (True, True, False)
    assert grades(TaskKind.ANALYSIS, TRUTH, answer(component="rate", **right)) == (False, True, False)
    assert grades(TaskKind.ANALYSIS, TRUTH, answer(**(right | {"fault_type": "Misconfiguration"}))) == (
        False,
        False,
        False,
    )
    assert grades(TaskKind.ANALYSIS, TRUTH, answer(**(right | {"system_level": "Virtualization"}))) == (
        False,
        False,
        False,
    )
    assert grades(TaskKind.ANALYSIS, TRUTH, answer()) == (False, False, False)


def test_a_mitigation_is_never_graded_by_its_answer() -> None:
    with pytest.raises(ValueError, match="end state"):
        grade_answer(TaskKind.MITIGATION, TRUTH, answer())
