from pathlib import Path

import pytest

from aoi.errors import CorruptObject
from aoi.language.decision import decision_of
from aoi.records.base import Ref
from aoi.records.decision import Decision, ProbeDo
from aoi.records.episode import Trajectory, TrajectorySet
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter, put_rows, put_trajectories, read_rows, read_set, read_shard
from tests.store.episodes import problem, trajectory


@pytest.fixture
def store(tmp_path):
    return ObjectStore(str(tmp_path))


def collect(store, *, wall_ms=5) -> Ref[TrajectorySet]:
    writer = ShardWriter(store, "collect-1")
    for index in range(3):
        if writer.done(index) is None:
            writer.finished(writer.put(index, [trajectory(10 * index + row, wall_ms=wall_ms) for row in range(4)]))
    return writer.finish("collect", 3)


def shard_path(store, tmp_path, ref, index):
    sha = store.get(ref, TrajectorySet).shards[index].sha256
    return tmp_path / "objects" / "shard" / sha[:2] / sha


def test_a_set_comes_back_in_order(store):
    rows = list(read_set(store, collect(store)))
    assert [row.content.rollout_seed for row in rows] == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    assert rows[5] == trajectory(11)


def test_a_finished_stage_is_not_collected_again(store):
    assert collect(store) == collect(store, wall_ms=99)


def test_equal_content_has_an_equal_digest_whatever_the_provenance(tmp_path):
    sets = []
    for name, wall_ms in (("a", 1), ("b", 2)):
        store = ObjectStore(str(tmp_path / name))
        sets.append(store.get(collect(store, wall_ms=wall_ms), TrajectorySet))
    assert sets[0].content_sha256 == sets[1].content_sha256
    assert sets[0].shards[0].sha256 != sets[1].shards[0].sha256


def test_a_shard_without_its_manifest_is_redone(store, tmp_path):
    collect(store)
    (tmp_path / "marks" / "collect-1" / "00001.json").unlink()
    writer = ShardWriter(store, "collect-1")
    assert [writer.done(index) is None for index in range(3)] == [False, True, False]
    with pytest.raises(CorruptObject, match=r"shards \[1\] of 3"):
        writer.finish("collect", 3)


def test_a_manifest_cut_short_counts_as_none(store, tmp_path):
    collect(store)
    (tmp_path / "marks" / "collect-1" / "00001.json").write_bytes(b'{"index":1')
    assert ShardWriter(store, "collect-1").done(1) is None


def test_a_damaged_shard_is_named_redone_and_costs_only_its_rows(store, tmp_path):
    ref = collect(store)
    path = shard_path(store, tmp_path, ref, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptObject, match="shard 1"):
        list(read_set(store, ref))
    first, _, last = store.get(ref, TrajectorySet).shards
    rows = [*read_shard(store, first), *read_shard(store, last)]
    assert [row.content.rollout_seed for row in rows] == [0, 1, 2, 3, 20, 21, 22, 23]
    assert collect(store) == ref
    assert len(list(read_set(store, ref))) == 12


def test_a_shard_whose_manifest_lies_about_its_rows_is_refused(store):
    ref = collect(store)
    whole = store.get(ref, TrajectorySet)
    lying = whole.shards[0].model_copy(update={"content_sha256": whole.shards[1].content_sha256})
    forged = store.put("trajectories", whole.model_copy(update={"shards": (lying,)}))
    with pytest.raises(CorruptObject, match="shard 0: expected 4 rows"):
        list(read_set(store, forged))


def test_an_empty_set_is_a_set(store):
    assert list(read_set(store, put_trajectories(store, "collect", []))) == []


def test_rows_of_any_record_come_back_in_order(store):
    rows = [problem(number) for number in range(5)]
    assert read_rows(store, put_rows(store, "problems", rows), type(rows[0])) == rows


def test_a_row_of_another_type_is_named(store):
    with pytest.raises(CorruptObject, match="row 0: not a TrajectorySet"):
        read_rows(store, put_rows(store, "problems", [problem()]), TrajectorySet)


def test_an_episode_of_the_former_version_keeps_its_digest_and_its_decisions(store):
    """Its content is written as it was read, or every reference to it would lead nowhere."""
    line = Path(__file__).with_name("trajectory-version-1.json").read_bytes()
    old = Trajectory.from_bytes(line)
    assert old.content.digest() == "bfabef02e15eb6c3e4e39e06a58c511b5ff5d51b8f2d4d914d46a87b0d2448c6"
    assert old.content.to_bytes() in line
    assert decision_of(old.content.steps[0]) == Decision(None, "scan", None, 1, ProbeDo("endpoints", "s4"))
    assert list(read_set(store, put_trajectories(store, "collect", [old]))) == [old]


def test_state_and_decision_come_back_as_values(store):
    (row,) = read_set(store, put_trajectories(store, "collect", [trajectory(0)]))
    assert row.content.steps == trajectory(0).content.steps
    assert decision_of(row.content.steps[0]) is row.content.steps[0].decided
