"""Name how an episode failed, in the paper's six patterns (section 4): what the Evolver is told to repair."""

from typing import Literal

from aoi.learning.purifier import decided
from aoi.records.decision import ExecDo, ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.problem import TaskKind

FailurePattern = Literal[
    "no_fix", "incomplete_diagnosis", "wrong_path", "no_verification", "stopped_early", "wrong_fix"
]

FEW_LOOKS = 2
"""An answer after fewer looks than this stopped early."""


def classify(trajectory: Trajectory) -> FailurePattern:
    """The pattern of a failed episode. Meaningless for one that succeeded."""
    content = trajectory.content
    steps = decided(trajectory)
    changes = [index for index, kept in enumerate(steps) if isinstance(kept.decision.do, ExecDo)]
    looks = [index for index, kept in enumerate(steps) if isinstance(kept.decision.do, ProbeDo)]
    if content.kind is TaskKind.MITIGATION:
        if not changes:
            return "no_fix"
        if not any(look > changes[-1] for look in looks):
            return "no_verification"
        return "wrong_fix"
    if content.answer is None or not steps:
        return "incomplete_diagnosis"
    if len(looks) < FEW_LOOKS:
        return "stopped_early"
    submitted = [kept.decision.do for kept in steps if isinstance(kept.decision.do, SubmitDo)]
    claimed = submitted[-1].component if submitted else None
    seen = {signal.subject for kept in steps for signal in kept.step.signals if signal.word != "healthy"}
    return "incomplete_diagnosis" if claimed in seen else "wrong_path"
