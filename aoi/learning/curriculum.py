"""What is worth learning from: problems that the policy may or may not solve, decisions that it is not sure of.

Where a policy says the same every time, a group of its samples has one reward and teaches nothing. It costs as much as
any other to measure.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from aoi.problems.sampling import DEFAULT_SLICES
from aoi.records.episode import Step, Trajectory
from aoi.records.problem import Slice, TaskKind
from aoi.store.shards import Rows

CERTAIN = 0.97
"""Probability of what was said above which nearly every sample says the same."""
KEPT = 0.25
"""Share of the certain decisions of solved problems that stay: what is known must not be lost."""


LEAST = 0.1
"""Weight that a sort of problem keeps, however sure the policy is of it: the surest would weigh nothing."""

K = TypeVar("K")


class Weights(NamedTuple):
    """How often each slice and each kind of task is drawn, against the others."""

    slices: Mapping[Slice, float]
    kinds: Mapping[TaskKind, float]


def weights(trajectories: Iterable[Trajectory]) -> Weights:
    """By how uncertain it is whether the policy solves such a problem: the variance of its success, at most 1.

    Controls keep their share: the surer a policy is of them, the more it loses by forgetting.
    """
    slices: dict[Slice, list[bool]] = {part: [] for part in DEFAULT_SLICES["train"] if part != "control"}
    kinds: dict[TaskKind, list[bool]] = {kind: [] for kind in TaskKind}
    for trajectory in trajectories:
        content = trajectory.content
        if content.instance.problem.fault:
            slices[content.slice].append(content.outcome.success)
            kinds[content.kind].append(content.outcome.success)
    drawn = _uncertainties(slices)
    share = DEFAULT_SLICES["train"]["control"]
    drawn["control"] = sum(drawn.values()) * share / (1 - share)
    return Weights(drawn, _uncertainties(kinds))


def _uncertainties(solved: Mapping[K, Sequence[bool]]) -> dict[K, float]:
    # One success and one failure more than were seen: few episodes prove nothing.
    rates = {key: (sum(outcomes) + 1) / (len(outcomes) + 2) for key, outcomes in solved.items()}
    return {key: max(4 * rate * (1 - rate), LEAST) for key, rate in rates.items()}


def uncertain(trajectories: Rows[Trajectory], seed: int) -> Iterator[tuple[Trajectory, frozenset[int]]]:
    """Each episode, in order, with the indices of the steps that are worth sampling at.

    All of a problem that some rollout failed; of the others, where the policy hesitated, and a few more.
    """
    failed = {each.content.instance.digest() for each in trajectories if not each.content.outcome.success}
    for trajectory in trajectories:
        content = trajectory.content
        rng, is_failed = Random(f"{seed}/{content.digest()}"), content.instance.digest() in failed
        yield (
            trajectory,
            frozenset(
                step.index for step in content.steps if rng.random() < KEPT or is_failed or _probability(step) < CERTAIN
            ),
        )


def _probability(step: Step) -> float:
    """Of what the Observer said, to itself; 0 where the engine does not tell."""
    said = next((said for said in step.utterances if said.role == "observer"), None)
    return math.exp(sum(said.logprobs)) if said is not None and said.logprobs else 0.0
