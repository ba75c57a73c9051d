"""Five lines on the same worlds: two bundles, and three references that nobody pays for twice."""

from collections.abc import Iterator, Mapping

import pytest

from aoi.language.profile import SEED_PROFILE
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.evaluation import EvaluationResult
from aoi.records.learning import BASES, StoredBase
from aoi.records.promotion import LedgerFacts
from aoi.records.standings import Line, LineName, Standings
from aoi.store.shards import read_set
from models import bundle as bundles
from models import files
from models.bundle import Bundle
from tasks.bundles import open_bundle, seed_bundle
from tasks.evaluate import LINES, Evaluated, compare_bundles, planned
from tasks.workspace import workspace
from tests.models.small import make_base

SMALL = {
    "AOI_EVALUATION__PROBLEMS_PER_SLICE": "1",
    "AOI_EVALUATION__SEEDS": "2",
    "AOI_EVALUATION__INJECTED": "2",
    "AOI_COLLECT__SHARD_SIZE": "4",
}
SEED = 5


class Compared:
    """What one comparison left."""

    def __init__(self, evaluated: Evaluated) -> None:
        store = workspace().store
        self.evaluation = store.get(evaluated.result, EvaluationResult)
        self.standings = store.get(evaluated.standings, Standings)

    def line(self, name: LineName) -> Line:
        return next(line for line in self.standings.lines if line.name == name)

    def rows(self, name: LineName) -> list[Trajectory]:
        return list(read_set(workspace().store, self.line(name).episodes))

    def clean(self, name: LineName) -> list[Trajectory]:
        return [row for row in self.rows(name) if row.content.injection is None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Bundle]]:
    """A home whose first champion is a base that knows next to nothing, and two bundles that think less long."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AOI_HOME", str(folder / "home"))
        for name, value in SMALL.items():
            environment.setenv(name, value)
        workspace.cache_clear()
        base = make_base(folder / "base", steps=2)
        ws = workspace()
        weights = files.weights_digest(base)
        ws.store.mark(BASES, weights, StoredBase(weights=weights, tree=ws.store.put_folder("base", base).sha256))
        opened = {}
        for name, iterations in (("seed", 6), ("one", 1), ("other", 2)):
            profile = SEED_PROFILE.model_copy(update={"iterations": iterations})
            lineage = bundles.Lineage(name=name, code_revision="r", code_sha256="1" * 64, settings="2" * 64)
            bundles.write(folder / name, bundles.Parts(base, profile), lineage)
            tree = ws.store.put_folder("bundle", folder / name)
            opened[name] = open_bundle(tree)
            if name == "seed":
                facts = LedgerFacts(bundle=opened[name].digest, version="1", tree=tree.sha256)
                ws.ledger.install(facts, "ann")
        yield opened
        ws.database.close()
        workspace.cache_clear()


@pytest.fixture(scope="module")
def first_night(made: Mapping[str, Bundle]) -> Compared:
    """The seed model is the champion."""
    return Compared(compare_bundles(made["seed"], made["one"], "development", SEED))


@pytest.fixture(scope="module")
def later_night(made: Mapping[str, Bundle], first_night: Compared) -> Compared:
    """Another bundle is, on the same problems and worlds."""
    return Compared(compare_bundles(made["one"], made["other"], "development", SEED))


def test_every_line_is_measured_on_the_same_runs_and_worlds(first_night: Compared, later_night: Compared) -> None:
    specs = planned("development", SEED, workspace().settings.evaluation)
    expected = [(spec.instance, spec.rollout_seed) for spec in specs if not spec.injection]
    worlds = [row.content.world for row in first_night.clean("champion")]
    for night in (first_night, later_night):
        assert [line.name for line in night.standings.lines] == list(LINES)
        for name in LINES:
            rows = night.clean(name)
            assert [(row.content.instance, row.content.rollout_seed) for row in rows] == expected
            assert [row.content.world for row in rows] == worlds
    struck = [row for row in first_night.rows("challenger") if row.content.injection]
    assert len(struck) == 2
    assert first_night.rows("expert") == first_night.clean("expert"), "references are not struck"


def test_a_champion_that_is_the_seed_model_is_not_run_twice(first_night: Compared, made: Mapping[str, Bundle]) -> None:
    seed, champion = first_night.line("seed"), first_night.line("champion")
    assert seed_bundle().digest == made["seed"].digest
    assert (seed.same_as, champion.same_as) == ("champion", None)
    assert seed.episodes == champion.episodes
    assert (seed.by, seed.parts) == (champion.by, champion.parts)


def test_later_the_seed_model_has_a_line_of_its_own_that_says_the_same(
    first_night: Compared, later_night: Compared, made: Mapping[str, Bundle]
) -> None:
    seed, before = later_night.line("seed"), first_night.line("champion")
    assert (seed.same_as, seed.by) == (None, made["seed"].digest)
    assert [(part.average, part.aiopslab) for part in seed.parts] == [
        (part.average, part.aiopslab) for part in before.parts
    ]
    assert [row.content.steps for row in later_night.rows("seed")] == [
        row.content.steps for row in first_night.clean("champion")
    ]
    assert all(part.gain is not None for part in seed.parts)


def test_references_on_worlds_that_were_met_before_cost_nothing(first_night: Compared, later_night: Compared) -> None:
    for name in ("survey", "expert"):
        assert first_night.line(name).episodes == later_night.line(name).episodes, "with the times of then"


def test_a_challenger_that_is_the_seed_model_is_its_line(later_night: Compared, made: Mapping[str, Bundle]) -> None:
    found = Compared(compare_bundles(made["one"], made["seed"], "development", SEED))
    assert found.line("seed").same_as == "challenger"
    assert found.line("seed").parts == found.line("challenger").parts == later_night.line("seed").parts


def test_the_evaluation_that_the_gate_reads_names_no_reference(later_night: Compared) -> None:
    read = later_night.evaluation.to_bytes()
    for name in ("survey", "expert", "seed"):
        line = later_night.line(name)
        assert line.by.encode() not in read
        for row in later_night.rows(name):
            assert row.content.digest().encode() not in read
    kept = workspace().store.get(later_night.line("expert").episodes, TrajectorySet)
    assert kept.rows == len(later_night.evaluation.pairs)
