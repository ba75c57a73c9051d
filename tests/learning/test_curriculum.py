"""Where GRPO samples: at what the policy hesitated about or failed, and at little of what it knows."""

import math

from aoi.learning.curriculum import CERTAIN, uncertain
from aoi.records.decision import ProbeDo, SubmitDo
from aoi.records.episode import Step, Trajectory
from tests.learning.handmade import episode, step


def said_with(probability: float, given: Step) -> Step:
    (spoken,) = given.utterances
    return given.model_copy(update={"utterances": (spoken.model_copy(update={"logprobs": (math.log(probability),)}),)})


def run(number: int, probability: float, *, success: bool = True) -> Trajectory:
    steps = [step(ProbeDo("logs", "s1")), step(ProbeDo("pods", "s4")), step(SubmitDo("no"))]
    return episode(*(said_with(probability, each) for each in steps), success=success, number=number)


def kept(*episodes: Trajectory, seed: int = 1) -> int:
    return sum(len(indices) for indices in uncertain(episodes, seed).values())


def test_every_decision_of_a_problem_that_a_rollout_failed_is_sampled_at() -> None:
    failed, other = run(1, 0.999, success=False), run(1, 0.999)
    assert kept(failed, other.model_copy(update={"content": other.content.model_copy(update={"rollout_seed": 9})})) == 6


def test_hesitation_is_sampled_at_though_it_went_well() -> None:
    assert kept(run(1, CERTAIN - 0.1)) == 3


def test_of_what_is_known_a_share_stays_that_follows_the_seed_alone() -> None:
    certain = [run(number, 0.999) for number in range(200)]
    share = kept(*certain) / 600
    assert 0.2 < share < 0.3
    assert uncertain(certain, 1) == uncertain(certain[::-1], 1)
    assert uncertain(certain, 1) != uncertain(certain, 2)


def test_where_the_engine_tells_no_probability_everything_is_sampled_at() -> None:
    silent = episode(step(ProbeDo("logs", "s1")), step(SubmitDo("no")))
    assert kept(silent) == 2
