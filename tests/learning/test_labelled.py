"""What people said of answers: what of it teaches, what never does, and why."""

import pytest

from aoi.database.feedback import Feedback
from aoi.language.codec import WordCodec
from aoi.language.layouts import layout_of
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.labelled import lesson
from aoi.learning.lessons import LABELLED, REHEARSED, Judged, training_examples
from aoi.records.base import sha256_hex
from aoi.records.decision import ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Trajectory
from aoi.records.problem import TaskKind
from data_contracts import examples as contract
from tests.learning.handmade import episode, plan, signal, step
from tests.store.episodes import problem

PROMPTER = Prompter(SEED_PROFILE, WordCodec())
ANSWER = sha256_hex(b"answer")
SEEN = (
    step(ProbeDo("endpoints", "s4"), signal("targetport", "s4")),
    step(ProbeDo("pods", "s7"), signal("oomkilled", "s7"), signal("healthy", "s1")),
)


def met(*steps, live: bool = True, **changes) -> Diagnosis:
    """A diagnosis of a live cluster, or of an embedded problem, whose model did that."""
    made = episode(*steps, kind=changes.pop("kind", TaskKind.LOCALIZATION))
    told = {"profile": SEED_PROFILE.digest()}
    if live:
        given = problem(
            0, kind=made.content.kind, id="live-till", application="live", fault=None, split="test", slice="control"
        )
        instance = made.content.instance.model_copy(update={"problem": given})
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


WRONG = step(SubmitDo("yes", "s4", "targetport"), cause=Finding("targetport", "s4"))


def test_a_wrong_answer_is_labelled_by_what_was_seen_of_the_component_that_somebody_names() -> None:
    found = lesson(met(*SEEN, WRONG), said(component="search"), PROMPTER, frozenset())
    assert found.why is None
    (example,) = found.examples
    assert example.target is not None
    assert example.target.do == SubmitDo("yes", "s7", "oomkilled")
    assert example.step == 2
    assert example.rejected_ids != example.target_ids
    layout = layout_of(SEED_PROFILE)
    assert layout.decision(PROMPTER.codec.decode(example.target_ids)) == example.target
    assert (example.source, example.split, example.plan) == ("operator_labelled", "train", None)
    assert example.instance.problem.id == f"labelled-{ANSWER}"


def test_what_a_label_becomes_has_no_defect_that_the_contract_of_examples_counts() -> None:
    (example,) = lesson(met(*SEEN, WRONG), said(component="search", cause="oomkilled"), PROMPTER, frozenset()).examples
    columns = dict(contract.columns(example))
    defects = list(columns)[list(columns).index("step") + 1 :]
    assert len(defects) > 8
    assert [name for name in defects if columns[name]] == []


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (said(component="search", cause="diskfull"), "never seen"),
        (said(component="frontend"), "never seen"),
        (said(component="nobody"), "never seen"),
        (said(cause="oomkilled"), "says too little"),
        (said(), "says too little"),
    ],
)
def test_a_label_of_what_was_never_seen_teaches_nothing(word: Feedback, why: str) -> None:
    assert lesson(met(*SEEN, WRONG), word, PROMPTER, frozenset()) == ((), why)


def test_what_only_the_last_look_showed_was_not_known_where_it_was_taken() -> None:
    assert lesson(met(*SEEN), said(component="search"), PROMPTER, frozenset()).why == "never seen"
    (example,) = lesson(met(*SEEN), said(component="geo"), PROMPTER, frozenset()).examples
    assert example.step == 1


def test_that_nothing_was_wrong_is_learnt_where_somebody_was_found_healthy() -> None:
    word = said(cause="healthy")
    (example,) = lesson(met(*SEEN, WRONG), word, PROMPTER, frozenset()).examples
    assert example.target is not None
    assert example.target.do == SubmitDo("no")
    assert lesson(met(SEEN[0], WRONG), word, PROMPTER, frozenset()).why == "never seen"


def test_a_right_answer_is_learnt_as_it_was_if_it_rests_on_what_was_seen() -> None:
    found = lesson(met(*SEEN, WRONG), said("right"), PROMPTER, frozenset())
    assert [example.step for example in found.examples] == [0, 2]
    assert all(example.rejected_ids is None for example in found.examples)
    lucky = met(SEEN[1], WRONG)
    assert lesson(lucky, said("right"), PROMPTER, frozenset()).why == "never seen"


@pytest.mark.parametrize("kind", [TaskKind.ANALYSIS, TaskKind.MITIGATION])
def test_a_class_or_a_repair_cannot_be_said_in_a_label(kind: TaskKind) -> None:
    steps = (*SEEN, step(ExecDo("restart", "s4")), WRONG)
    assert lesson(met(*steps, kind=kind), said(component="search"), PROMPTER, frozenset()).why == "says too little"


def test_causes_and_problems_that_the_gate_measures_are_not_learnt_from_people() -> None:
    held_out = frozenset({"oomkilled"})
    assert lesson(met(*SEEN, WRONG), said(component="search"), PROMPTER, held_out).why == "measured on"
    given = {"instance": episode(number=0).content.instance.model_copy(update={"problem": problem(0, split="test")})}
    measured = met(*SEEN, WRONG, live=False, **given)
    assert lesson(measured, said(component="search"), PROMPTER, frozenset()).why == "measured on"
    own = lesson(met(*SEEN, WRONG, live=False), said(component="search"), PROMPTER, frozenset())
    assert [example.instance.problem.id for example in own.examples] == [problem(0).id]


def test_an_answer_of_the_survey_or_under_another_profile_teaches_no_model() -> None:
    surveyed = met(*SEEN, WRONG).model_copy(update={"trajectory": None})
    assert lesson(surveyed, said(component="search"), PROMPTER, frozenset()).why == "answered by no model"
    other = met(*SEEN, WRONG, profile=PRODUCTION_PROFILE.digest())
    assert lesson(other, said(component="search"), PROMPTER, frozenset()).why == "answered under another profile"


def test_people_are_a_tenth_of_what_the_world_said_at_most() -> None:
    guided = episode(*SEEN, WRONG, number=1)
    source = episode(WRONG, success=False, number=1)
    proof = {"status": "verified", "verified_by": guided.content.digest()}
    corrected = [Judged(plan("probe pods s7", source=source, attempt=n, **proof), guided, source) for n in range(10)]
    labelled = lesson(met(*SEEN, WRONG), said(component="search"), PROMPTER, frozenset()).examples * 50
    rows = list(training_examples([source], corrected, PROMPTER, seed=0, labelled=labelled))
    verified = sum(row.source == "verified_correction" for row in rows)
    assert verified > 0
    assert sum(row.source == "operator_labelled" for row in rows) == int(LABELLED * (1 + REHEARSED) * verified)
    alone = list(training_examples([source], (), PROMPTER, seed=0, labelled=labelled))
    assert not [row for row in alone if row.source == "operator_labelled"]
