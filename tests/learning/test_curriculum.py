"""Problems that may or may not be solved are drawn more often; GRPO samples where the policy hesitated or failed."""

import math

import pytest

from aoi.learning.curriculum import CERTAIN, LEAST, uncertain, weights
from aoi.records.decision import ProbeDo, SubmitDo
from aoi.records.episode import Step, Trajectory
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, step


def said_with(probability: float, given: Step) -> Step:
    (spoken,) = given.utterances
    return given.model_copy(update={"utterances": (spoken.model_copy(update={"logprobs": (math.log(probability),)}),)})


def run(number: int, probability: float, *, success: bool = True) -> Trajectory:
    steps = [step(ProbeDo("logs", "s1")), step(ProbeDo("pods", "s4")), step(SubmitDo("no"))]
    return episode(*(said_with(probability, each) for each in steps), success=success, number=number)


def kept(*episodes: Trajectory, seed: int = 1) -> int:
    return sum(len(indices) for _, indices in uncertain(episodes, seed))


def test_every_decision_of_a_problem_that_a_rollout_failed_is_sampled_at() -> None:
    failed, other = run(1, 0.999, success=False), run(1, 0.999)
    assert kept(failed, other.model_copy(update={"content": other.content.model_copy(update={"rollout_seed": 9})})) == 6


def test_hesitation_is_sampled_at_though_it_went_well() -> None:
    assert kept(run(1, CERTAIN - 0.1)) == 3


def test_of_what_is_known_a_share_stays_that_follows_the_seed_alone() -> None:
    certain = [run(number, 0.999) for number in range(200)]
    share = kept(*certain) / 600
    assert 0.2 < share < 0.3
    assert list(uncertain(certain, 1)) == list(uncertain(certain[::-1], 1))[::-1]
    assert list(uncertain(certain, 1)) != list(uncertain(certain, 2))


def test_where_the_engine_tells_no_probability_everything_is_sampled_at() -> None:
    silent = episode(step(ProbeDo("logs", "s1")), step(SubmitDo("no")))
    assert kept(silent) == 2


def outcomes(slice_: str, solved: int, failed: int, kind: TaskKind = TaskKind.LOCALIZATION) -> list[Trajectory]:
    runs = [run(number, 0.9, success=number < solved) for number in range(solved + failed)]
    return [
        each.model_copy(update={"content": each.content.model_copy(update={"slice": slice_, "kind": kind})})
        for each in runs
    ]


def test_what_may_or_may_not_be_solved_is_drawn_most_often() -> None:
    found = weights([*outcomes("seen", 95, 5), *outcomes("several", 50, 50)])
    assert found.slices["several"] == pytest.approx(1.0)
    assert found.slices["several"] > 3 * found.slices["seen"] > 3 * LEAST / 2


def test_controls_keep_their_share_however_sure_the_policy_is_of_them() -> None:
    for solved in (10, 90):
        drawn = weights([*outcomes("seen", solved, 100 - solved), *outcomes("several", 50, 50)]).slices
        assert drawn["control"] / sum(drawn.values()) == pytest.approx(0.15)


def test_what_is_never_solved_is_drawn_as_seldom_as_what_always_is() -> None:
    found = weights([*outcomes("seen", 40, 0, TaskKind.DETECTION), *outcomes("seen", 0, 40, TaskKind.MITIGATION)])
    assert found.kinds[TaskKind.DETECTION] == found.kinds[TaskKind.MITIGATION]


def test_a_few_episodes_prove_nothing() -> None:
    found = weights([*outcomes("several", 2, 0), *outcomes("seen", 200, 0)])
    assert found.slices["several"] > 5 * found.slices["seen"]


def test_what_nobody_has_met_is_as_uncertain_as_can_be() -> None:
    found = weights([])
    assert {found.slices["seen"], found.slices["several"], *found.kinds.values()} == {1.0}
    assert set(found.kinds) == set(TaskKind)
