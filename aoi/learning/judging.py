"""The paper's six dimensions (section 3.3): a decision beside the gold one of the same place, judged and not executed.

For clusters that cannot be forked. `RuleJudge` scores all of it by code. A model (`Grades`, asked through
`aoi/learning/judge_prompt.py`) scores four dimensions of a look or a change beside a gold look or change, and nothing
else. Format and confidence are measured by code, whoever judges: what can be counted is not asked. Answers are code's
alone, as in the paper's submit step: what would pay most to be said well is never shown to somebody who can be pleased.
"""

import json
from collections.abc import Mapping, Sequence

from aoi.language.layouts import WORDS, Layout
from aoi.learning.rewards import calibration
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.learning import Grades, TrainingExample

WEIGHTS: Mapping[str, float] = {
    "format": 0.10,
    "summary": 0.15,
    "action": 0.10,
    "context_instruction": 0.30,
    "context_namespace": 0.30,
    "confidence": 0.05,
}
MALFORMED = 0.0
"""The paper pays .09; ours pays nothing, since a reward for noise is learnt."""
REPEATED = 0.5
"""Share of the format's weight for a decision that is not all that was said."""
OTHER_ACTION = 0.5
"""Most that a deed of another kind than the gold one can score as an action: it may be defended, not be as good."""
BEST_GRADE = 10


class RuleJudge:
    """All six dimensions by rules (`AOI_TRAINING__REWARD=rules`)."""

    def __init__(self, layout: Layout = WORDS) -> None:
        self._layout = layout

    def __call__(self, example: TrainingExample, completion: str) -> float:
        """Raises: ValueError if the example has no target to judge by."""
        gold, said = gold_of(example), self._layout.decision_or_none(completion)
        return MALFORMED if said is None else weighed(ruled(said, gold, completion), example)

    def measure(self, said: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """Rewards of many completions."""
        return [self(example, completion) for example, completion in said]


def gold_of(example: TrainingExample) -> Decision:
    """What was right at its place. Raises: ValueError if that is not known."""
    if example.target is None:
        raise ValueError("a judged reward needs the gold decision of the example")
    return example.target


def is_for_a_model(said: Decision, gold: Decision) -> bool:
    """Whether there is something that only reading can judge: neither of them answers."""
    return not (isinstance(said.do, SubmitDo) or isinstance(gold.do, SubmitDo))


def ruled(said: Decision, gold: Decision, completion: str) -> dict[str, float]:
    """Score of every dimension by rules, each in [0, 1]."""
    return {
        "format": 1.0 if _is_clean(completion) else REPEATED,
        "summary": _overlap(said.summary, gold.summary),
        "action": float(type(said.do) is type(gold.do)),
        "context_instruction": _instruction(said, gold),
        "context_namespace": float(_target(said) == _target(gold)),
        "confidence": calibration(said.probability, success=said.do == gold.do),
    }


def graded(said: Decision, gold: Decision, completion: str, grades: Grades) -> dict[str, float]:
    """Score of every dimension, each in [0, 1], with a model's grades where it is asked."""
    is_same = type(said.do) is type(gold.do)
    return ruled(said, gold, completion) | {
        "summary": grades.summary / BEST_GRADE,
        "action": 1.0 if is_same else min(OTHER_ACTION, grades.action / BEST_GRADE),
        "context_instruction": grades.context_instruction / BEST_GRADE,
        "context_namespace": grades.context_namespace / BEST_GRADE,
    }


def weighed(scores: Mapping[str, float], example: TrainingExample) -> float:
    """The reward, in [0, 1]. Without the summary where there is nothing to summarise yet, or no use for it."""
    used = dict(scores)
    if example.step == 0 or isinstance(gold_of(example).do, SubmitDo):
        used.pop("summary")
    total = sum(WEIGHTS[name] for name in used)
    return sum(WEIGHTS[name] * score for name, score in used.items()) / total


def _is_clean(completion: str) -> bool:
    """Whether it is one JSON object and nothing else."""
    try:
        return isinstance(json.loads(completion), dict)
    except ValueError:
        return False


def _overlap(said: Finding | None, gold: Finding | None) -> float:
    if said is None or gold is None:
        return float(said is gold)
    return (said.word == gold.word) * 0.5 + (said.subject == gold.subject) * 0.5


def _instruction(said: Decision, gold: Decision) -> float:
    match said.do, gold.do:
        case ProbeDo(check, _), ProbeDo(expected, _):
            return float(check == expected)
        case ExecDo(action, _, _), ExecDo(expected, _, _):
            return float(action == expected)
        case SubmitDo(), SubmitDo():
            return float(
                (said.do.verdict, said.do.cause, said.do.also) == (gold.do.verdict, gold.do.cause, gold.do.also)
            )
    return 0.0


def _target(decision: Decision) -> str | None:
    match decision.do:
        case ProbeDo(_, target) | ExecDo(_, target, _):
            return target
        case SubmitDo(_, component):
            return component
