"""Episodes of several sides on the same worlds: what each is, what is kept of it, and what a kill costs."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aoi.database.engine import open_url
from aoi.database.leases import Leases
from aoi.language.profile import SEED_PROFILE
from aoi.learning.operators import run_operator
from aoi.problems import catalogue, scenario
from aoi.records.base import Ref
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.store.objects import ObjectStore
from aoi.store.shards import read_set
from models import bundle, episodes
from models.bundle import Bundle, Lineage, Parts
from models.episodes import EpisodeSpec, Scripted, Side, cut, run_side_by_side
from models.policies.of_bundle import Serving
from tests.models.small import make_base

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
SURVEY, EXPERT = (Scripted(operator=name, profile=SEED_PROFILE) for name in ("survey", "expert"))
SHARD = 2


def planned() -> list[EpisodeSpec]:
    """A look, a class and a repair of two mechanisms, and a control."""
    instances = [
        ProblemInstance(
            problem=catalogue.problems(split="train", fault=fault, application="gen002", kind=kind)[0], seed=7
        )
        for fault in ("scale_to_zero", "wrong_target_port")
        for kind in (TaskKind.LOCALIZATION, TaskKind.ANALYSIS, TaskKind.MITIGATION)
    ]
    control = catalogue.problems(fault=catalogue.NO_FAULT, application="gen002", kind=TaskKind.DETECTION)[0]
    instances.append(ProblemInstance(problem=control, seed=7))
    return [EpisodeSpec(instance=one, rollout_seed=100 + number, arm="?") for number, one in enumerate(instances)]


def side(name: str, player: Bundle | Scripted) -> Side:
    return Side(name, player, cut([spec.model_copy(update={"arm": name}) for spec in planned()], SHARD))


class Place:
    """A store with its database."""

    def __init__(self, folder: Path) -> None:
        self.store = ObjectStore(f"file://{folder / 'store'}")
        self.database = open_url(f"sqlite:///{folder / 'aoi.db'}")
        self.leases = Leases(self.database)

    def run(self, *sides: Side) -> list[Ref[TrajectorySet]]:
        return run_side_by_side(self.store, sides, Serving(), leases=self.leases, temperature=0.0)

    def rows(self, ref: Ref[TrajectorySet]) -> list[Trajectory]:
        return list(read_set(self.store, ref))

    def close(self) -> None:
        self.leases.close()
        self.database.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A base that knows next to nothing: what is asserted is that it acts as it does alone."""
    folder = tmp_path_factory.mktemp("bundles")
    base = make_base(folder / "base", steps=2)
    bundle.write(folder / "bare", Parts(base, SEED_PROFILE), LINEAGE)
    return bundle.load(folder / "bare", base)


@pytest.fixture(scope="module")
def together(bare: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Trajectory]]]:
    made = Place(tmp_path_factory.mktemp("together"))
    players = {"survey": SURVEY, "expert": EXPERT, "bundle": bare}
    refs = made.run(*(side(name, player) for name, player in players.items()))
    yield {name: made.rows(ref) for name, ref in zip(players, refs, strict=True)}
    made.close()


def test_every_side_meets_the_same_worlds_in_the_same_runs(together: dict[str, list[Trajectory]]) -> None:
    met = {
        name: [(row.content.instance, row.content.rollout_seed, row.content.world) for row in rows]
        for name, rows in together.items()
    }
    assert met["survey"] == met["expert"] == met["bundle"]
    assert [row.content.arm for rows in together.values() for row in rows] == [
        name for name in together for _ in planned()
    ]


def test_a_side_is_what_it_is_alone(together: dict[str, list[Trajectory]], bare: Bundle, place: Place) -> None:
    """What the gate reads of the arms does not depend on who was measured beside them."""
    (alone,) = place.run(side("bundle", bare))
    assert [row.content for row in place.rows(alone)] == [row.content for row in together["bundle"]]


def test_the_side_of_the_expert_is_what_the_expert_does(together: dict[str, list[Trajectory]]) -> None:
    for row in together["expert"]:
        instance = row.content.instance
        itself = run_operator(instance.problem.id, "expert", instance.seed).content
        assert row.content.bundle == itself.bundle
        assert (row.content.answer, row.content.outcome) == (itself.answer, itself.outcome)
        for ours, theirs in zip(row.content.steps, itself.steps, strict=True):
            assert (ours.decision, ours.interactions, ours.signals) == (
                theirs.decision, theirs.interactions, theirs.signals,
            )  # fmt: skip


def test_the_side_of_the_survey_says_what_the_rules_conclude_and_changes_nothing(
    together: dict[str, list[Trajectory]],
) -> None:
    for row in together["survey"]:
        content = row.content
        situation = scenario.build(content.instance)
        assert content.answer == situation.survey().answer
        assert content.outcome == situation.grade(content.answer)
        assert (content.steps, content.tokens, content.ended) == ((), 0, "submitted")
    right = {row.content.instance.problem.id: row.content.outcome.success for row in together["survey"]}
    by_kind = {kind: [won for name, won in right.items() if kind in name] for kind in ("localiz", "analys", "mitig")}
    assert any(by_kind["localiz"])
    assert not any(by_kind["analys"]), "rules name no class"
    assert not any(by_kind["mitig"]), "rules mend nothing"


def test_what_was_run_before_is_not_run_again_beside_others(place: Place) -> None:
    (first,) = place.run(side("survey", SURVEY))
    again, expert = place.run(side("survey", SURVEY), side("expert", EXPERT))
    assert again == first, "the same shards, with the times of then"
    assert len(place.rows(expert)) == len(planned())


def test_another_profile_or_plan_meets_no_shards_of_the_former(place: Place) -> None:
    (first,) = place.run(side("expert", EXPERT))
    hasty = Scripted(operator="expert", profile=SEED_PROFILE.model_copy(update={"iterations": 1}))
    (other,) = place.run(side("expert", hasty))
    assert {len(row.content.steps) for row in place.rows(other)} == {1}
    (fewer,) = place.run(Side("expert", EXPERT, [shard[:1] for shard in side("expert", EXPERT).shards]))
    assert len({first.sha256, other.sha256, fewer.sha256}) == 3
    assert len(place.rows(fewer)) == len(cut(planned(), SHARD))


def test_a_killed_run_goes_on_and_comes_to_the_same(tmp_path: Path, place: Place) -> None:
    sides = [side("survey", SURVEY), side("expert", EXPERT)]
    there = multiprocessing.get_context("spawn").Process(target=_run_there, args=(tmp_path,))
    there.start()
    deadline = time.monotonic() + 240
    while not (kept := _kept(place, sides)) and there.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert there.pid is not None
    os.kill(there.pid, signal.SIGKILL)
    there.join()
    assert kept
    refs = place.run(*sides)
    whole = Place(tmp_path / "whole")
    expected = whole.run(*sides)
    assert [[row.content for row in place.rows(ref)] for ref in refs] == [
        [row.content for row in whole.rows(ref)] for ref in expected
    ]
    for name, index in kept:
        shards = place.store.get(refs[name], TrajectorySet).shards
        assert shards[index].sha256 == kept[name, index], "what was finished was not run again"
    whole.close()


def _run_there(folder: Path) -> None:
    Place(folder).run(side("survey", SURVEY), side("expert", EXPERT))


def _kept(place: Place, sides: Sequence[Side]) -> dict[tuple[int, int], str]:
    """(side, shard) -> digest of what is finished so far."""
    found = {}
    for number, one in enumerate(sides):
        writer = episodes.ShardWriter(place.store, episodes._key(one, Serving(), 0.0))
        for index in range(len(one.shards)):
            if manifest := writer.done(index):
                found[number, index] = manifest.sha256
    return found
