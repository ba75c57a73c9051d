"""What the judge pays for a decision against the gold one: the paper's six dimensions, figure by figure."""

import pytest

from aoi.language.codec import WordCodec
from aoi.language.decision import render
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.corrections import prompt_examples
from aoi.learning.judging import RuleJudge, graded, is_for_a_model, weighed
from aoi.learning.rewards import calibration
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.learning import Grades
from tests.learning.handmade import episode, step

PROMPTER = Prompter(SEED_PROFILE, WordCodec())
JUDGE = RuleJudge()
SEEN = Finding("timeout", "s7")
LOOK, CHANGE = ProbeDo("endpoints", "s4"), ExecDo("scale", "s4", "2")
ANSWER = SubmitDo("yes", "s4", "targetport")


def example(do, *, index=1, summary=SEEN):
    """A decision point whose gold decision does `do`."""
    trajectory = episode(*[step(ProbeDo("logs", "s7"))] * index, step(do, summary=summary))
    point = list(prompt_examples([trajectory], PROMPTER))[index]
    return point.model_copy(update={"target": trajectory.content.steps[index].decided})


def judged(gold, do, summary=SEEN, confidence=3):
    return JUDGE(gold, render(Decision(summary, "scan", None, confidence, do)))


def worth(*, summary=0.15, action=0.1, instruction=0.3, target=0.3, is_right=True, confidence=3):
    return 0.1 + summary + action + instruction + target + 0.05 * calibration((confidence + 0.5) / 10, is_right)


@pytest.mark.parametrize(
    ("gold", "said", "parts"),
    [
        (LOOK, LOOK, {}),
        (LOOK, ProbeDo("logs", "s4"), {"instruction": 0}),
        (LOOK, ProbeDo("endpoints", "s7"), {"target": 0}),
        (LOOK, ProbeDo("logs", "s7"), {"instruction": 0, "target": 0}),
        (LOOK, CHANGE, {"action": 0, "instruction": 0}),
        (LOOK, SubmitDo("no"), {"action": 0, "instruction": 0, "target": 0}),
        (LOOK, ANSWER, {"action": 0, "instruction": 0}),
        (CHANGE, CHANGE, {}),
        (CHANGE, ExecDo("scale", "s4", "3"), {}),
        (CHANGE, ExecDo("restart", "s4"), {"instruction": 0}),
        (CHANGE, ExecDo("scale", "s7", "2"), {"target": 0}),
    ],
)
@pytest.mark.parametrize("confidence", [0, 9])
def test_each_dimension_pays_its_weight_alone(gold, said, parts, confidence):
    expected = worth(**parts, is_right=said == gold, confidence=confidence)
    assert judged(example(gold), said, confidence=confidence) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "share"),
    [
        (SEEN, 1),
        (Finding("timeout", "s4"), 0.5),
        (Finding("refused", "s7"), 0.5),
        (Finding("refused", "s4"), 0),
        (None, 0),
    ],
)
def test_half_a_summary_is_its_word_and_half_its_subject(said, share):
    assert judged(example(LOOK), LOOK, said) == pytest.approx(worth(summary=0.15 * share))
    of_nothing = judged(example(LOOK, summary=None), LOOK, said)
    assert of_nothing == pytest.approx(worth(summary=0.15 if said is None else 0))


@pytest.mark.parametrize(("gold", "index"), [(LOOK, 0), (ANSWER, 1)])
def test_a_summary_that_has_no_use_neither_pays_nor_costs(gold, index):
    for said in (SEEN, Finding("refused", "s4"), None):
        assert judged(example(gold, index=index), gold, said) == pytest.approx(worth(summary=0) / 0.85)


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        (ANSWER, {}),
        (SubmitDo("yes", "s4", "panic"), {"instruction": 0}),
        (SubmitDo("yes", "s7", "targetport"), {"target": 0}),
        (SubmitDo("no"), {"instruction": 0, "target": 0}),
        (LOOK, {"instruction": 0, "action": 0}),
    ],
)
def test_an_answer_is_judged_by_its_verdict_and_cause_and_by_its_component(said, parts):
    expected = worth(summary=0, **parts, is_right=said == ANSWER) / 0.85
    assert judged(example(ANSWER), said) == pytest.approx(expected)


def test_noise_pays_nothing_and_an_example_without_a_gold_decision_cannot_be_judged():
    assert JUDGE(example(LOOK), "{}") == 0.0
    with pytest.raises(ValueError, match="needs the gold decision"):
        JUDGE(example(LOOK).model_copy(update={"target": None}), "{}")


def test_many_are_judged_in_order():
    said = [(example(LOOK), render(Decision(None, "point", None, 3, do))) for do in (LOOK, CHANGE)]
    assert JUDGE.measure([*said, (example(LOOK), "{}")]) == [*(JUDGE(*each) for each in said), 0.0]


@pytest.mark.parametrize("said", ["{0}{0}", "Sure. {0}", "```json\n{0}\n```"])
def test_a_decision_that_is_not_all_that_was_said_loses_half_of_the_format(said):
    clean = render(Decision(SEEN, "scan", None, 3, LOOK))
    assert JUDGE(example(LOOK), said.format(clean)) == pytest.approx(JUDGE(example(LOOK), clean) - 0.05)


@pytest.mark.parametrize(("gold", "do"), [(LOOK, ANSWER), (ANSWER, LOOK), (ANSWER, ANSWER), (CHANGE, SubmitDo("no"))])
def test_where_anybody_answers_no_model_is_asked(gold, do):
    assert not is_for_a_model(said_by(do), said_by(gold))
    assert is_for_a_model(said_by(LOOK), said_by(CHANGE))


def said_by(do, confidence=3):
    return Decision(SEEN, "scan", None, confidence, do)


def grades(number, **other):
    names = ("summary", "action", "context_instruction", "context_namespace")
    return Grades.model_validate(dict.fromkeys(names, number) | other)


def test_a_model_grades_four_dimensions_and_format_and_confidence_are_measured():
    gold, other = example(LOOK), ProbeDo("logs", "s7")
    for do in (LOOK, other):
        said = said_by(do, confidence=0)
        assert weighed(graded(said, gold.target, render(said), grades(10)), gold) == pytest.approx(
            worth(is_right=do == LOOK, confidence=0)
        )
        assert weighed(graded(said, gold.target, render(said), grades(0)), gold) == pytest.approx(
            worth(summary=0, instruction=0, target=0, is_right=do == LOOK, confidence=0)
        )


def test_a_deed_of_another_kind_can_be_defended_and_never_be_as_good():
    gold, said = example(LOOK), said_by(CHANGE)
    for grade, action in ((10, 0.5), (5, 0.5), (3, 0.3), (0, 0.0)):
        assert graded(said, gold.target, render(said), grades(10, action=grade))["action"] == action
    same = said_by(ProbeDo("quota", "s4"))
    assert graded(same, gold.target, render(same), grades(0))["action"] == 1.0
