"""What is sifted out teaches nothing: a policy that says one thing earns one reward."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from aoi.agents.policy import Generation, Turn
from aoi.language.codec import WordCodec
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.records.learning import TrainingExample
from aoi.settings import ServerSettings
from models import bundle
from models.bundle import Bundle, Lineage, Parts
from models.policies.of_bundle import Serving, policy_of
from models.training.measuring import Start
from models.training.sifting import KEPT, deeds, sifted, turn_at, undecided

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)


@pytest.fixture(scope="module")
def start(
    base: Path, adapter: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory
) -> Start:
    folder = tmp_path_factory.mktemp("sifting") / "bundle"
    bundle.write(folder, Parts(base, SEED_PROFILE), LINEAGE)
    return Start(folder, base, adapter, Serving())


@pytest.fixture(scope="module")
def opened(start: Start) -> Bundle:
    return start.opened()


@pytest.fixture(scope="module")
def met(examples: list[TrainingExample]) -> list[TrainingExample]:
    return [row.model_copy(update={"target_ids": None, "target": None}) for row in examples]


def test_what_is_kept_are_the_points_at_which_samples_do_or_remember_different_things(
    start: Start, opened: Bundle, met: list[TrainingExample]
) -> None:
    kept = undecided(opened, start, met, samples=2, seed=1)
    with policy_of(opened, start.serving, start.adapters) as policy:
        for point in met:
            turns = [turn_at(point, SEED_PROFILE.completion_tokens, f"1/{number}") for number in range(2)]
            one, other = deeds(opened, policy, turns)
            assert (point in kept) == (one != other)
    assert 0 < len(kept) < len(met)
    assert [point for point in met if point in kept] == kept


def test_one_sample_differs_from_none_and_more_of_them_find_more(
    start: Start, opened: Bundle, met: list[TrainingExample]
) -> None:
    assert undecided(opened, start, met, samples=1, seed=1) == []
    assert len(undecided(opened, start, met, samples=8, seed=1)) > len(undecided(opened, start, met, samples=2, seed=1))


def test_confidence_alone_is_no_difference(start: Start) -> None:
    """It is paid by a tenth at most, and a group that differs in nothing else costs as much to measure."""
    said = '{"sum":" panic s1","phase":" fix","cause":" panic s1","conf":" %d","do":" exec restart s1"}'
    words = WordCodec()

    class Unsure:
        def generate(self, turns: Sequence[Turn]) -> list[Generation]:
            return [
                Generation(words.encode_completion(said % number), None, "scripted:unsure")
                for number, _ in enumerate(turns)
            ]

    turns = [Turn("observer", (1,), 32, 1.0, number) for number in range(9)]
    assert len(set(deeds(start.opened(), Unsure(), turns))) == 1


def test_beside_the_points_that_teach_some_are_kept_at_which_the_policy_is_sure(
    start: Start, opened: Bundle, met: list[TrainingExample]
) -> None:
    unsure, kept = (
        undecided(opened, start, met, samples=2, seed=1),
        sifted(opened, start, met, samples=2, seed=1),
    )
    assert all(point in kept for point in unsure)
    assert len(kept) == len(unsure) + min(-(-len(unsure) // KEPT), len(met) - len(unsure)) > len(unsure)
    assert [point for point in met if point in kept] == kept
    assert sifted(opened, start, met, samples=2, seed=1) == kept


def test_who_speaks_freely_is_not_asked(start: Start, met: list[TrainingExample], tmp_path: Path) -> None:
    bundle.write(tmp_path / "chat", Parts(start.base, PRODUCTION_PROFILE), LINEAGE)
    nowhere = Serving(server=ServerSettings(url="http://127.0.0.1:9"))
    talking = start._replace(bundle=tmp_path / "chat", adapter=None, serving=nowhere)
    assert sifted(talking.opened(), talking, met, samples=2, seed=1) == met
