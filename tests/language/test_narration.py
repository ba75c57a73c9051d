"""An answer in the words of an operator."""

import pytest

from aoi.language.narration import MAX_SAID, accused, answered, decided, told, why
from aoi.records.episode import Answer, Signal, Step
from aoi.records.findings import Accusation

CRASH = {"verdict": "fault", "component": "catalog", "cause": "crashloop", "confidence": 0.95}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (CRASH, "fault: catalog (crashloop), confidence 95 %"),
        (
            {**CRASH, "system_level": "Application", "fault_type": "Misconfiguration"},
            "fault: catalog (crashloop), confidence 95 %; level Application, type Misconfiguration",
        ),
        ({"verdict": "fault", "confidence": 0.7}, "fault, confidence 70 %"),
        ({"verdict": "no_fault", "confidence": 0.85}, "no fault, confidence 85 %"),
        ({"verdict": "inconclusive", "confidence": 0.0}, "inconclusive"),
        ({**CRASH, "verdict": "inconclusive", "confidence": 0.4}, "inconclusive: catalog (crashloop), confidence 40 %"),
    ],
)
def test_verdict_component_cause_and_confidence_are_one_line(fields: dict[str, object], says: str) -> None:
    assert answered(Answer.model_validate(fields)) == says


def test_an_answer_without_a_sentence_is_explained_by_what_its_word_means() -> None:
    assert why(Answer.model_validate(CRASH)) == "its container keeps crashing"
    assert why(Answer.model_validate({**CRASH, "summary": "exit code 3"})) == "exit code 3"


def test_a_further_cause_is_told_as_the_first() -> None:
    assert accused(Accusation(component="db", cause="crashloop", summary="disk full")) == "db (crashloop): disk full"


def test_of_a_long_answer_that_means_nothing_only_the_beginning_is_told() -> None:
    step = Step(index=0, status="malformed", decision="hm " * 40_000, utterances=(), sim_ms=0)
    line = decided(step, {})
    assert len(line) < 2 * MAX_SAID
    assert "and 119,700 characters more" in line


def test_what_a_caller_says_is_said_of_its_callee() -> None:
    names = {"s1": "web", "s2": "db"}
    assert told(Signal(word="refused", subject="s1", other="s2"), names).startswith("web -> db: connections to it")
    assert told(Signal(word="refused", subject="s1"), names).startswith("web -> what it calls: connections to it")
    assert told(Signal(word="oomkilled", subject="s1"), names).startswith("web: it was killed")
