"""What is corrected: which failures are shown to the Evolver, and the plans that it proposes for them."""

from collections.abc import Sequence
from random import Random

from aoi.agents.policy import Policy, Turn
from aoi.language.prompting import Prompter
from aoi.learning.evolver import evolver_state, read_plan
from aoi.records.base import Sha256
from aoi.records.episode import BROKEN_OFF, Trajectory
from aoi.records.learning import CorrectivePlan
from aoi.settings import derive_seed
from aoi.store.shards import Rows

TEMPERATURE = 0.8
"""Of plans: several are sampled for each failure, and equal ones are worth one."""


def to_repair(trajectories: Rows[Trajectory], *, most: int, seed: int) -> list[Trajectory]:
    """One failed trajectory of each problem that no rollout solved; a crash of ours is no failure of the agents.

    They are held for as long as they are searched, so there are `most` of them at most: where more failed, any as
    likely as the others.
    """
    solved: set[Sha256] = set()
    failed: dict[Sha256, int] = {}
    for place, trajectory in enumerate(trajectories):
        digest = trajectory.content.instance.digest()
        if trajectory.content.outcome.success:
            solved.add(digest)
        elif trajectory.content.ended not in BROKEN_OFF:
            failed.setdefault(digest, place)
    places = [place for digest, place in failed.items() if digest not in solved]
    chosen = set(Random(seed).sample(places, min(most, len(places))))
    return [trajectory for place, trajectory in enumerate(trajectories) if place in chosen]


def proposed(
    failed: Sequence[Trajectory], policy: Policy, prompter: Prompter, *, plans: int, seed: int
) -> list[CorrectivePlan]:
    """`plans` sampled plans for each failure, in order; equal ones once. Raises: ServerUnavailable."""
    asked = [(trajectory, number) for trajectory in failed for number in range(plans)]
    turns = [
        Turn(
            role="evolver",
            prompt_ids=prompter.ids(evolver_state(trajectory)),
            max_tokens=prompter.profile.plan_tokens,
            temperature=TEMPERATURE,
            seed=derive_seed(seed, trajectory.content.digest(), number),
        )
        for trajectory, number in asked
    ]
    different: dict[tuple[str, str], CorrectivePlan] = {}
    for (trajectory, _), turn, said in zip(asked, turns, policy.generate(turns), strict=True):
        completion = (said.token_ids, prompter.codec.decode(said.token_ids))
        plan = read_plan(trajectory, turn.prompt_ids, completion, said.adapter, prompter.profile)
        different.setdefault((plan.source_trajectory, str(plan.steps)), plan)
    return list(different.values())
