"""Rewards measured by actors of a local Ray: the same as in this process."""

from collections.abc import Iterator, Sequence

import pytest

from aoi.errors import ReplayDiffers
from aoi.language.profile import SEED_PROFILE
from aoi.learning.rewards import MeasuredReward
from aoi.records.learning import TrainingExample
from models.bundle import Bundle
from models.policies.in_process import InProcessPolicy
from models.policies.of_bundle import Serving
from models.training.measuring import Start
from models.training.pooled import PooledReward
from models.training.reward_workers import LOCAL, RewardWorker, reward_workers
from tests.models.test_pooled import CODEC, golden, opened, step_of

ray = pytest.importorskip("ray", reason='Ray is an extra: pip install -e ".[ray]", as make test-ray does')

__all__ = ["golden", "opened"]

pytestmark = pytest.mark.filterwarnings("default")  # Ray warns about its own parts


@pytest.fixture(scope="module")
def actors() -> Iterator[Sequence[RewardWorker]]:
    with reward_workers(LOCAL) as running:
        yield running
    assert not ray.is_initialized(), "no actor outlives the block"


def test_actors_measure_what_one_process_measures(
    actors: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample]
) -> None:
    examples, completions = step_of(golden)
    alone = MeasuredReward(SEED_PROFILE, CODEC, InProcessPolicy(opened.base))
    expected = alone.measure([(row, CODEC.decode(ids)) for row, ids in zip(examples, completions, strict=True)])
    measured = PooledReward(actors, Start(opened.folder, opened.base, None, Serving()))
    assert measured(examples, completions) == expected
    assert measured(examples[::-1], completions[::-1]) == expected[::-1]


def test_what_an_actor_refuses_is_refused_here(
    actors: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample]
) -> None:
    row = golden[-1].model_copy(update={"world": "0" * 64})
    measured = PooledReward(actors, Start(opened.folder, opened.base, None, Serving()))
    with pytest.raises(ReplayDiffers, match="run the cycle again"):
        measured([row], [row.target_ids or ()])
