"""What of a model's answer about a live cluster is passed on."""

from typing import Any

import pytest

from aoi.agents.conclusion import concluded
from aoi.records.coverage import Coverage, Gap
from aoi.records.episode import Answer

REFUSED = Gap(what="events", namespace="shop", reason="refused", detail="events is forbidden")
NO_FAULT = Answer(verdict="no_fault", confidence=0.75)


def surveyed(verdict: str = "no_fault", gaps: tuple[Gap, ...] = (), places: tuple[str, ...] = ("shop",)) -> Answer:
    fields: dict[str, Any] = {"verdict": verdict, "confidence": 0.8, "summary": "web lacks its key", "next": ("look",)}
    named = {"component": "web", "cause": "missingkey"} if verdict == "fault" else {}
    return Answer(**fields, **named, coverage=Coverage(namespaces=places, gaps=gaps))


def test_no_fault_that_is_covered_is_passed_on_with_the_coverage() -> None:
    survey = surveyed()
    assert concluded(NO_FAULT, survey, 3) == NO_FAULT.model_copy(update={"coverage": survey.coverage})


@pytest.mark.parametrize(
    ("survey", "looks", "says"),
    [
        (surveyed("inconclusive"), 0, "without having looked"),
        (surveyed(gaps=(REFUSED,)), 3, "events refused"),
        (surveyed("fault"), 3, "web lacks its key"),
        (surveyed("inconclusive", places=("shop", "bank")), 3, "one of several namespaces"),
    ],
    ids=["nothing looked at", "a list refused", "the survey found a fault", "one of several namespaces"],
)
def test_no_fault_that_nothing_carries_is_inconclusive_and_says_why(survey: Answer, looks: int, says: str) -> None:
    passed = concluded(NO_FAULT, survey, looks)
    assert (passed.verdict, passed.confidence) == ("inconclusive", 0.0)
    assert says in passed.summary
    assert passed.next == survey.next


def test_a_gap_that_hides_no_fault_does_not_unsay_one() -> None:
    minor = Gap(what="limitranges", namespace="shop", reason="refused", detail="no")
    assert concluded(NO_FAULT, surveyed(gaps=(minor,)), 3).verdict == "no_fault"


def test_a_fault_is_the_models_to_claim() -> None:
    fault = Answer(verdict="fault", component="db", cause="crashloop", confidence=0.6)
    assert concluded(fault, surveyed(gaps=(REFUSED,)), 0).verdict == "fault"
