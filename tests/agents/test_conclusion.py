"""What of a model's answer about a live cluster is passed on."""

from typing import Any

import pytest

from aoi.agents.conclusion import concluded, gaps_of
from aoi.records.coverage import Coverage, Gap
from aoi.records.episode import (
    Answer,
    Interaction,
    Outcome,
    Provenance,
    Signal,
    Step,
    Trajectory,
    TrajectoryContent,
)
from aoi.records.problem import Problem, ProblemInstance, TaskKind

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


def test_a_fault_that_something_backs_is_the_models_to_claim() -> None:
    seen = Signal(word="crashloop", subject="s1")
    fault = Answer(verdict="fault", component="db", cause="crashloop", confidence=0.6, evidence=(seen,))
    assert concluded(fault, surveyed(gaps=(REFUSED,)), 0).verdict == "fault"


def test_a_fault_whose_every_claim_was_dropped_accuses_nobody() -> None:
    fault = Answer(verdict="fault", component="db", cause="crashloop", confidence=0.6, dropped_claims=1)
    passed = concluded(fault, surveyed("fault"), 3)
    assert (passed.verdict, passed.component, passed.confidence, passed.dropped_claims) == (
        "inconclusive",
        None,
        0.0,
        1,
    )
    assert passed.summary == "the model said that it is db (crashloop), but nothing that was read backs it"


def test_what_the_models_own_commands_lost_stands_in_its_coverage() -> None:
    asked = (
        Interaction(command="kubectl get pods", status="ok", evidence="seen"),
        Interaction(command="kubectl get configmaps", status="failed", evidence="unreadable", error="Forbidden"),
        Interaction(command="kubectl get services", status="ok", evidence="cut"),
        Interaction(command="kubectl get pods/gone", status="failed", evidence="absent", error="not found"),
        Interaction(command="kubectl delete pods", status="refused", error="no"),
    )
    gaps = gaps_of(episode(asked), "shop")
    assert [(gap.what, gap.namespace, gap.reason, gap.detail) for gap in gaps] == [
        ("kubectl get configmaps", "shop", "unreadable", "Forbidden"),
        ("kubectl get services", "shop", "cut", "only a part of what it would print was kept"),
    ]


def episode(asked: tuple[Interaction, ...]) -> Trajectory:
    """One step with these commands."""
    step = Step(index=0, status="ok", decision="", utterances=(), interactions=asked, sim_ms=0)
    problem = Problem(
        id="live-shop", application="live", application_version="1", fault=None, fault_version="1",
        kind=TaskKind.LOCALIZATION, target=0, split="test", slice="control",
    )  # fmt: skip
    content = TrajectoryContent(
        instance=ProblemInstance(problem=problem, seed=0), kind=problem.kind, split="test", slice="control", arm="x",
        bundle="x", profile="0" * 64, rollout_seed=0, world="0" * 64, handles={}, steps=(step,), answer=None,
        outcome=Outcome(success=False, aiopslab_success=False), ended="steps", tokens=0,
    )  # fmt: skip
    provenance = Provenance(started_at="2026-03-01T12:00:00+00:00", wall_ms=0, host="h", code_revision="r")
    return Trajectory(content=content, provenance=provenance)
