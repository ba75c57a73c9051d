"""Which decision points are worth sampling at: those at which the policy is not sure, or was wrong.

Where a policy says the same every time, a group of its samples has one reward and teaches nothing. It costs as much as
any other to measure.
"""

import math
from collections.abc import Sequence
from random import Random

from aoi.records.base import Sha256
from aoi.records.episode import Step, Trajectory

CERTAIN = 0.97
"""Probability of what was said above which nearly every sample says the same."""
KEPT = 0.25
"""Share of the certain decisions of solved problems that stay: what is known must not be lost."""


def uncertain(trajectories: Sequence[Trajectory], seed: int) -> dict[Sha256, frozenset[int]]:
    """For each episode, by digest, the indices of the steps that are worth sampling at.

    All of a problem that some rollout failed; of the others, where the policy hesitated, and a few more.
    """
    failed = {each.content.instance.digest() for each in trajectories if not each.content.outcome.success}
    chosen: dict[Sha256, frozenset[int]] = {}
    for trajectory in trajectories:
        content = trajectory.content
        digest = content.digest()
        rng = Random(f"{seed}/{digest}")
        chosen[digest] = frozenset(
            step.index
            for step in content.steps
            if rng.random() < KEPT or content.instance.digest() in failed or _probability(step) < CERTAIN
        )
    return chosen


def _probability(step: Step) -> float:
    """Of what the Observer said, to itself; 0 where the engine does not tell."""
    said = next((said for said in step.utterances if said.role == "observer"), None)
    return math.exp(sum(said.logprobs)) if said is not None and said.logprobs else 0.0
