"""How an episode failed, in the paper's six patterns."""

import pytest

from aoi.learning.failures import classify
from aoi.records.decision import ExecDo, ProbeDo, SubmitDo
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, malformed, signal, step

LOOK, OTHER = step(ProbeDo("logs", "s7"), signal("refused", "s7", "s4")), step(ProbeDo("pods", "s1"))
CHANGE = step(ExecDo("restart", "s4"))
WRONG = step(SubmitDo("yes", "s1", "panic"))


def failed(*steps, kind=TaskKind.LOCALIZATION, answer=True):
    return classify(episode(*steps, kind=kind, success=False, answer=answer))


def test_a_mitigation_fails_by_no_change_an_unchecked_change_or_a_wrong_one():
    assert failed(LOOK, WRONG, kind=TaskKind.MITIGATION) == "no_fix"
    assert failed(LOOK, CHANGE, WRONG, kind=TaskKind.MITIGATION) == "no_verification"
    assert failed(LOOK, CHANGE, OTHER, WRONG, kind=TaskKind.MITIGATION) == "wrong_fix"


def test_only_a_look_after_the_last_change_verifies_it():
    assert failed(CHANGE, LOOK, CHANGE, WRONG, kind=TaskKind.MITIGATION) == "no_verification"


@pytest.mark.parametrize("kind", [TaskKind.DETECTION, TaskKind.LOCALIZATION, TaskKind.ANALYSIS])
def test_a_diagnosis_fails_by_no_answer_an_early_one_or_one_beside_what_was_seen(kind):
    assert failed(LOOK, OTHER, LOOK, kind=kind, answer=False) == "incomplete_diagnosis"
    assert failed(LOOK, WRONG, kind=kind) == "stopped_early"
    assert failed(LOOK, OTHER, WRONG, kind=kind) == "wrong_path"
    seen = step(SubmitDo("yes", "s7", "panic"))
    assert failed(LOOK, OTHER, seen, kind=kind) == "incomplete_diagnosis"


def test_what_was_found_healthy_does_not_put_an_answer_on_the_right_path():
    healthy = step(ProbeDo("pods", "s1"), signal("healthy", "s1"))
    assert failed(LOOK, healthy, WRONG) == "wrong_path"


def test_malformed_decisions_count_as_no_looks():
    assert failed(malformed(), malformed(), WRONG) == "stopped_early"
