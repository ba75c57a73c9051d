"""Demonstrations for the seed model: the expert operator at work on training mechanisms.

What is learnt later counts from the best start that can be had for nothing, so the expert is imitated as it is. Some
episodes show a plan, made up at random, that it follows before it goes its own way: that is how the base learns to
heed guidance, without being told what good guidance is.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator
from aoi.agents.rollout import rollout
from aoi.language import lexicon
from aoi.language.codec import WordCodec
from aoi.language.decision import render_do
from aoi.language.profile import PromptProfile
from aoi.problems import scenario
from aoi.records.decision import ProbeDo
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, PlanStep
from aoi.records.problem import ProblemInstance

GUIDED = 0.2
"""Share of demonstrations that show a plan."""
PLAN_STEPS = (1, 3)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One utterance of the operator: what it was asked, what it said."""

    prompt: str
    completion: str


def demonstrate(
    instances: Sequence[ProblemInstance], *, profile: PromptProfile, codec: WordCodec, seed: int
) -> list[Trajectory]:
    """Episodes of the expert, in the order of `instances`."""
    operator = ExpertOperator(codec, profile)
    rng = random.Random(seed)
    plans = [_random_plan(instance, profile, rng) if rng.random() < GUIDED else None for instance in instances]
    episodes = (
        run_episode(
            scenario.build(instance),
            profile=profile,
            codec=codec,
            arm="scripted",
            bundle=operator.adapter,
            rollout_seed=seed + number,
            guidance=plan,
        )
        for number, (instance, plan) in enumerate(zip(instances, plans, strict=True))
    )
    return rollout(episodes, operator)


def demonstrations(trajectory: Trajectory, codec: WordCodec) -> Iterator[Demonstration]:
    """Every utterance of an episode as text."""
    for step in trajectory.content.steps:
        for said in step.utterances:
            yield Demonstration(codec.decode(said.prompt_ids), codec.decode(said.completion_ids))


def _random_plan(instance: ProblemInstance, profile: PromptProfile, rng: random.Random) -> CorrectivePlan:
    """Looks at components taken at random: a plan that knows nothing."""
    names = handles_of(scenario.build(instance), profile).names
    components = sorted(handle for handle in names if handle.startswith("s"))
    steps = [ProbeDo(rng.choice(lexicon.CHECKS), rng.choice(components)) for _ in range(rng.randint(*PLAN_STEPS))]
    return CorrectivePlan(
        instance=instance,
        source_trajectory="0" * 64,
        mode="augment",
        proposer="evolver",
        evolver="scripted:random",
        steps=tuple(PlanStep(do=render_do(step)) for step in steps),
        failure="incomplete_diagnosis",
        prompt_ids=(),
        completion_ids=(),
        status="hint",
    )
