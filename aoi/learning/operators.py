"""A scripted operator at work on one problem, for people who want to watch one: what `aoi problems run` calls."""

from typing import Literal

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator, ScriptedOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue, scenario
from aoi.problems.scenario import Scenario
from aoi.records.episode import Trajectory
from aoi.records.problem import ProblemInstance

Operator = Literal["golden", "expert", "junior"]
"""One that is told the truth, one that reads the evidence well, one that reads it poorly."""


def run_operator(problem_id: str, operator: Operator, seed: int) -> Trajectory:
    """Its episode in a fresh world. `seed` is of the world, the handles and the operator. Raises: UnknownProblem."""
    situation = scenario.build(ProblemInstance(problem=catalogue.get(problem_id), seed=seed))
    codec = WordCodec()
    policy = _policy(operator, situation, codec, seed)
    episode = run_episode(
        situation, profile=SEED_PROFILE, codec=codec, arm="scripted", bundle=policy.adapter, rollout_seed=seed
    )
    return rollout([episode], policy)[0]


def _policy(operator: Operator, situation: Scenario, codec: WordCodec, seed: int) -> GoldenOperator | ScriptedOperator:
    if operator == "golden":
        return GoldenOperator(codec, situation.truth, handles_of(situation, SEED_PROFILE))
    if operator == "expert":
        return ExpertOperator(codec, SEED_PROFILE, seed)
    return ScriptedOperator(codec, SEED_PROFILE, seed)
