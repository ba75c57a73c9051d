"""What a cycle learns from: verified corrections to imitate, decision points to try, and what that came to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aoi.language.prompting import Prompter
from aoi.learning.corrections import (
    correction_examples,
    prompt_examples,
    rests_on_evidence,
    success_examples,
    varied_examples,
    verified,
)
from aoi.learning.curriculum import uncertain
from aoi.learning.drawing import drawn
from aoi.model_settings import RewardMode
from aoi.problems import scenario
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.report import LabelReport, LearningReport, ProposerResult
from aoi.store.shards import Rows

LABELLED = 0.1
"""Decisions that people labelled, for each that is imitated because the world passed it: their words have no oracle."""
REHEARSED = 4
"""Own successful decisions that are imitated beside each decision of a correction."""


class Judged(NamedTuple):
    """A plan after its execution, the episode that it guided, and the one whose course that left."""

    plan: CorrectivePlan
    guided: Trajectory
    node: Trajectory

    @property
    def is_verified(self) -> bool:
        """Whether the oracle passed an answer that was earned."""
        return self.plan.status == "verified"


def judged(plan: CorrectivePlan, guided: Trajectory, node: Trajectory) -> Judged:
    """The plan as the world found it."""
    return Judged(verified(plan, guided, scenario.build(plan.instance).truth), guided, node)


def training_examples(
    trajectories: Rows[Trajectory],
    corrected: Sequence[Judged],
    prompter: Prompter,
    *,
    seed: int,
    reward: RewardMode = "measured",
    varied: Sequence[Judged] = (),
    labelled: Iterable[TrainingExample] = (),
) -> Iterator[TrainingExample]:
    """Verified corrections to imitate, and the decision points at which something is to be learnt as prompts.

    With the corrections come `REHEARSED` times as many decisions of its own successes: who imitates corrections alone
    does everywhere what was right where it had failed. Half of these are of `varied` workflows, if there are as many. A
    judge needs all of them: with them it compares. Of the trajectories none is held. Of what people `labelled` there is
    at most a tenth as much as of what the world passed.
    """
    corrections = [
        example for each in corrected for example in correction_examples(each.guided, each.plan, prompter, each.node)
    ]
    yield from corrections
    solved = (each for each in trajectories if each.content.outcome.success and rests_on_evidence(each))
    is_rehearsed = reward == "measured"
    own = (row for each in solved for row in success_examples(each, prompter, with_detours=is_rehearsed))
    rehearsed = REHEARSED * len(corrections)
    others = [row for each in varied for row in varied_examples(each.guided, each.plan, prompter)]
    ways = [row for row in others if row.target_ids is not None]
    if is_rehearsed:
        ways = drawn(ways, rehearsed // 2, seed)
    yield from ways
    beside = drawn(own, rehearsed - len(ways), seed) if is_rehearsed else own
    told = len(corrections) + len(ways)
    for row in beside:
        told += 1
        yield row
    yield from (row for row in others if row.target_ids is None)
    yield from drawn(labelled, int(LABELLED * told), seed)
    for trajectory, worth in uncertain(trajectories, seed):
        yield from (point for point in prompt_examples([trajectory], prompter) if point.step in worth)


def learning_report(
    trajectories: Iterable[Trajectory],
    failed: Sequence[Trajectory],
    plans: Sequence[CorrectivePlan],
    proposers: tuple[ProposerResult, ...],
    examples: Iterable[TrainingExample],
    *,
    ways: int = 0,
    varied: int = 0,
    labels: LabelReport | None = None,
) -> LearningReport:
    """The counts that a cycle's report shows."""
    grades = [trajectory.content.outcome.success for trajectory in trajectories]
    passed = [plan for plan in plans if plan.status == "verified"]
    sources = Counter(example.source for example in examples)
    return LearningReport(
        episodes=len(grades),
        solved=sum(grades),
        failed_problems=len(failed),
        plans=len(plans),
        verified=len(passed),
        repaired_problems=len({plan.source_trajectory for plan in passed}),
        proposers=proposers,
        ways=ways,
        varied=varied,
        labelled=sources["operator_labelled"],
        labels=labels or LabelReport(),
        examples=sources["verified_correction"],
        prompts=sources["decision_point"],
    )
