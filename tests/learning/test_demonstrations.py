"""What the seed model is shown: the expert at work on training problems, sometimes with a plan that knows nothing."""

import pytest

from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.learning.demonstrations import demonstrate, demonstrations
from aoi.problems import catalogue
from aoi.records.problem import ProblemInstance

CODEC = WordCodec()


@pytest.fixture(scope="module")
def instances():
    problems = catalogue.problems(split="train", fault="wrong_target_port")[:8]
    return [ProblemInstance(problem=problem, seed=2) for problem in problems]


@pytest.fixture(scope="module")
def episodes(instances):
    return demonstrate(instances, profile=SEED_PROFILE, codec=CODEC, seed=11)


def test_demonstrations_follow_their_seed_alone(instances, episodes):
    again = demonstrate(instances, profile=SEED_PROFILE, codec=CODEC, seed=11)
    assert [each.content.digest() for each in again] == [each.content.digest() for each in episodes]
    assert [each.content.instance for each in episodes] == instances


def test_some_demonstrations_show_a_plan_and_most_do_not(episodes):
    guided = [each for each in episodes if each.content.guidance]
    assert 0 < len(guided) < len(episodes) / 2
    for each in episodes:
        assert bool(each.content.steps[0].state.plan) == bool(each.content.guidance)


def test_every_utterance_is_shown_as_it_was_said(episodes):
    for trajectory in episodes:
        said = [utterance for step in trajectory.content.steps for utterance in step.utterances]
        shown = list(demonstrations(trajectory, CODEC))
        assert [CODEC.encode(each.prompt) for each in shown] == [each.prompt_ids for each in said]
        assert [CODEC.encode_completion(each.completion) for each in shown] == [each.completion_ids for each in said]
