"""What people said of answers: what of it teaches, what never does, and why."""

import pytest

from aoi.database.feedback import Feedback
from aoi.language.codec import WordCodec
from aoi.language.layouts import layout_of
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.labelled import lesson
from aoi.learning.lessons import LABELLED, Judged, training_examples
from aoi.records.base import sha256_hex
from aoi.records.decision import AlertLine, Decision, Do, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Step, Trajectory
from aoi.records.problem import TaskKind
from data_contracts import examples as contract
from models.training.choosing import chosen, sorts_of
from tests.learning.handmade import episode, plan, signal, step
from tests.store.episodes import problem

PROMPTER = Prompter(SEED_PROFILE, WordCodec())
ANSWER = sha256_hex(b"answer")
LOOK = step(ProbeDo("endpoints", "s4"), signal("targetport", "s4"))


def ending(do: Do, *memory: Finding, last: tuple[Finding, ...] = (), cause: Finding | None = None) -> Step:
    """A last decision, in view of these findings."""
    state = ObserverState("locate", (AlertLine("errors", "s1"),), memory=memory, last=last)
    return step(do, cause=cause, state=state)


PORT, MEMORY, WELL = Finding("targetport", "s4"), Finding("oomkilled", "s7"), Finding("healthy", "s1")
WRONG = ending(SubmitDo("yes", "s4", "targetport"), PORT, last=(MEMORY, WELL), cause=PORT)
"""Answers one of two causes that stand in its prompt."""


def met(*steps: Step, live: bool = True, kind: TaskKind = TaskKind.LOCALIZATION, **changes) -> Diagnosis:
    """A diagnosis of a live cluster, or of an embedded problem, whose model did that."""
    made = episode(*steps, kind=kind)
    told = {"profile": SEED_PROFILE.digest()}
    if live:
        fields = {"id": "live-till", "application": "live", "fault": None, "split": "test", "slice": "control"}
        instance = made.content.instance.model_copy(update={"problem": problem(0, kind=kind, **fields)})
        told |= {"instance": instance, "split": "test", "slice": "control"}
    content = made.content.model_copy(update=told | changes)
    return Diagnosis(
        answer=content.answer,
        evidence=(),
        ended=content.ended,
        trajectory=Trajectory(content=content, provenance=made.provenance),
        trajectory_ref=None,
        bundle=content.bundle,
        version="1",
        seconds=1.0,
        tokens=10,
        changed=(),
    )


def said(verdict="wrong", component=None, cause=None) -> Feedback:
    return Feedback(answer=ANSWER, verdict=verdict, component=component, cause=cause, author="ann", consent=True)


def taught(diagnosis: Diagnosis, word: Feedback) -> Decision:
    found = lesson(diagnosis, word, PROMPTER, frozenset())
    assert found.why is None
    assert found.example is not None
    assert found.example.target is not None
    return found.example.target


def why(diagnosis: Diagnosis, word: Feedback, held_out: frozenset[str] = frozenset()) -> str | None:
    found = lesson(diagnosis, word, PROMPTER, held_out)
    assert (found.example is None) == (found.why is not None)
    return found.why


def test_a_wrong_answer_is_labelled_by_what_its_prompt_shows_of_the_component_that_somebody_names() -> None:
    example = lesson(met(LOOK, WRONG), said(component="search"), PROMPTER, frozenset()).example
    assert example is not None
    assert example.target is not None
    assert example.target.do == SubmitDo("yes", "s7", "oomkilled")
    assert "oomkilled s7" in PROMPTER.codec.decode(example.prompt_ids)
    assert layout_of(SEED_PROFILE).decision(PROMPTER.codec.decode(example.target_ids or ())) == example.target
    assert (example.source, example.split, example.plan, example.step) == ("operator_labelled", "train", None, 1)
    assert example.instance.problem.id == f"labelled-{ANSWER}"


def test_what_a_label_becomes_has_no_defect_that_the_contract_of_examples_counts() -> None:
    example = lesson(met(LOOK, WRONG), said(component="search", cause="oomkilled"), PROMPTER, frozenset()).example
    assert example is not None
    columns = dict(contract.columns(example))
    defects = list(columns)[list(columns).index("step") + 1 :]
    assert len(defects) > 8
    assert [name for name in defects if columns[name]] == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (said(component="search", cause="diskfull"), "not in view"),
        (said(component="frontend"), "not in view"),
        (said(component="nobody"), "not in view"),
        (said(cause="oomkilled"), "says too little"),
        (said(), "says too little"),
    ],
)
def test_a_label_of_what_the_prompt_does_not_show_teaches_nothing(word: Feedback, reason: str) -> None:
    assert why(met(LOOK, WRONG), word) == reason


def test_what_was_seen_and_forgotten_is_not_in_view() -> None:
    forgot = ending(SubmitDo("yes", "s7", "oomkilled"), last=(MEMORY,), cause=MEMORY)
    assert why(met(LOOK, forgot), said(component="geo")) == "not in view"
    assert why(met(LOOK, forgot), said(cause="healthy")) == "not in view"


def test_where_no_answer_was_given_the_last_decision_becomes_one() -> None:
    looked = ending(ProbeDo("pods", "s7"), last=(PORT,))
    assert taught(met(LOOK, looked), said(component="geo")).do == SubmitDo("yes", "s4", "targetport")


def test_that_nothing_was_wrong_is_learnt_where_the_prompt_shows_somebody_healthy() -> None:
    assert taught(met(LOOK, WRONG), said(cause="healthy")).do == SubmitDo("no")


def test_what_is_seen_at_a_client_is_labelled_where_it_is_to_be_put_right() -> None:
    refused = Finding("authfailed", "s1", "s7")
    told = ending(SubmitDo("yes", "s1", "authfailed"), last=(refused,))
    assert taught(met(LOOK, told), said(component="search")).do == SubmitDo("yes", "s7", "authfailed")
    assert why(met(LOOK, told), said(component="frontend")) == "not in view"


def test_a_right_answer_is_learnt_as_it_was_if_its_prompt_shows_why() -> None:
    assert taught(met(LOOK, WRONG), said("right")).do == SubmitDo("yes", "s4", "targetport")
    lucky = ending(SubmitDo("yes", "s4", "targetport"), last=(MEMORY,))
    assert why(met(LOOK, lucky), said("right")) == "not in view"
    assert why(met(LOOK), said("right")) == "not in view", "a look is no answer"


@pytest.mark.parametrize("kind", [TaskKind.ANALYSIS, TaskKind.MITIGATION])
def test_a_class_or_a_repair_cannot_be_said_in_a_label(kind: TaskKind) -> None:
    assert why(met(LOOK, WRONG, kind=kind), said(component="search")) == "says too little"


@pytest.mark.parametrize("word", ["oomkilled", "targetport", "unbound", "noclaim"])
def test_no_word_of_a_decision_is_one_of_a_cause_that_the_gate_measures_as_never_met(word: str) -> None:
    also = SubmitDo("yes", "s4", "targetport", also=Finding("noclaim", "s1"))
    decided = Decision(Finding("unbound", "s1"), "submit", MEMORY, 8, also)
    given = ending(also, last=(PORT,)).model_copy(update={"decided": decided})
    assert why(met(LOOK, given), said("right"), frozenset({word})) == "measured on"
    assert why(met(LOOK, given), said("right")) is None


def test_nobody_overrules_the_oracle_of_an_embedded_problem() -> None:
    assert why(met(LOOK, WRONG, live=False), said(component="search")) == "the oracle knows"
    assert why(met(LOOK, WRONG, live=False), said("right")) == "the oracle knows"


def test_an_answer_of_the_survey_or_under_another_profile_teaches_no_model() -> None:
    surveyed = met(LOOK, WRONG).model_copy(update={"trajectory": None})
    assert why(surveyed, said(component="search")) == "answered by no model"
    other = met(LOOK, WRONG, profile=PRODUCTION_PROFILE.digest())
    assert why(other, said(component="search")) == "answered under another profile"


def test_people_are_a_tenth_of_what_the_world_said_at_most_also_where_kinds_are_balanced() -> None:
    guided = episode(LOOK, WRONG, number=1, kind=TaskKind.DETECTION)
    source = episode(WRONG, success=False, number=1)
    proof = {"status": "verified", "verified_by": guided.content.digest()}
    corrected = [Judged(plan("probe pods s7", source=source, attempt=n, **proof), guided, source) for n in range(20)]
    labelled = [lesson(met(LOOK, WRONG), said(component="search"), PROMPTER, frozenset()).example] * 50
    rows = list(training_examples([source], corrected, PROMPTER, seed=0, labelled=filter(None, labelled)))
    targets = [row for row in rows if row.target_ids]
    told = sum(row.source == "operator_labelled" for row in targets)
    assert 0 < told <= LABELLED * (len(targets) - told)
    sorts = sorts_of(targets)
    learnt = chosen(targets, sorts, range(len(targets)), seed=0, most=1000)
    again = sum(row.source == "operator_labelled" for row in learnt)
    assert 0 < again <= LABELLED * (len(learnt) - again)
    alone = list(training_examples([source], (), PROMPTER, seed=0, labelled=filter(None, labelled)))
    assert not [row for row in alone if row.source == "operator_labelled"]
