import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from pydantic import ValidationError

from aoi.errors import CorruptObject
from aoi.language.decision import decision_of
from aoi.records.base import Ref, sha256_hex
from aoi.records.decision import Decision, ProbeDo
from aoi.records.episode import Provenance, ShardManifest, Step, Trajectory, TrajectorySet
from aoi.records.problem import Problem
from aoi.store.objects import ObjectStore
from aoi.store.shards import (
    ShardWriter,
    content_digest,
    put_rows,
    put_set,
    put_trajectories,
    read_rows,
    read_set,
    read_shard,
)
from tests.store.episodes import problem, step, trajectory


@pytest.fixture
def store(tmp_path):
    return ObjectStore(str(tmp_path))


def collect(store, *, wall_ms=5) -> Ref[TrajectorySet]:
    writer = ShardWriter(store, "collect-1")
    for index in range(3):
        if writer.done(index) is None:
            writer.finished(writer.put(index, [trajectory(10 * index + row, wall_ms=wall_ms) for row in range(4)]))
    return writer.finish("collect", 3)


def put_shard(store, index, rows) -> ShardManifest:
    writer = ShardWriter(store, "collect-1")
    manifest = writer.put(index, rows)
    writer.finished(manifest)
    return manifest


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
    stored = read_rows(store, put_rows(store, "problems", rows), type(rows[0]))
    assert list(stored) == rows
    assert list(stored) == rows, "each time anew"


def test_a_row_of_another_type_is_named(store):
    with pytest.raises(CorruptObject, match="row 0: not a TrajectorySet"):
        list(read_rows(store, put_rows(store, "problems", [problem()]), TrajectorySet))


def test_an_episode_of_the_former_version_keeps_its_digest_and_its_decisions(store):
    """Its content is written as it was read, or every reference to it would lead nowhere."""
    line = Path(__file__).with_name("trajectory-version-1.json").read_bytes()
    old = Trajectory.from_bytes(line)
    assert old.content.digest() == "bfabef02e15eb6c3e4e39e06a58c511b5ff5d51b8f2d4d914d46a87b0d2448c6"
    assert old.content.to_bytes() in line
    assert decision_of(old.content.steps[0]) == Decision(None, "scan", None, 1, ProbeDo("endpoints", "s4"))
    assert list(read_set(store, put_trajectories(store, "collect", [old]))) == [old]


def test_an_episode_of_the_former_version_is_written_back_byte_for_byte():
    line = Path(__file__).with_name("trajectory-version-1.json").read_bytes().strip()
    assert Trajectory.from_bytes(line).to_bytes() == line
    assert Trajectory.from_bytes(line).digest() == sha256_hex(line)


@pytest.mark.parametrize("later", [{"state": step(0).state}, {"decided": step(0).decided}], ids=["state", "decided"])
def test_a_step_of_the_former_version_has_no_field_of_the_later_one(later):
    former = {"schema_version": 1, "index": 0, "status": "ok", "decision": "{}", "utterances": (), "sim_ms": 0}
    assert Step(**former).state is None
    with pytest.raises(ValidationError, match="neither state nor decided"):
        Step(**former, **later)


def test_a_provenance_of_the_former_version_has_no_traceback():
    former = {"started_at": "2026-01-01T00:00:00Z", "wall_ms": 1, "host": "here", "code_revision": "abc"}
    digest = sha256_hex(b"traceback")
    assert Provenance.from_bytes(Provenance(**former, traceback=digest).to_bytes()).traceback == digest
    with pytest.raises(ValidationError, match="no traceback"):
        Provenance(**former, schema_version=1, traceback=digest)


def test_state_and_decision_come_back_as_values(store):
    (row,) = read_set(store, put_trajectories(store, "collect", [trajectory(0)]))
    assert row.content.steps == trajectory(0).content.steps
    assert decision_of(row.content.steps[0]) is row.content.steps[0].decided


def test_a_manifest_says_what_its_shard_holds(store):
    rows = [trajectory(number) for number in range(4)]
    manifest = put_shard(store, 2, rows)
    lines = b"".join(row.to_bytes() + b"\n" for row in rows)
    assert manifest == ShardManifest(
        index=2, sha256=sha256_hex(lines), content_sha256=content_digest(row.content.digest() for row in rows), rows=4,
        size_bytes=len(lines),
    )  # fmt: skip
    assert ShardWriter(store, "collect-1").done(2) == manifest
    assert store.get(Ref(kind="shard", sha256=manifest.sha256, size_bytes=len(lines))) == lines


def test_a_shard_is_done_only_when_that_was_said(store):
    writer = ShardWriter(store, "collect-1")
    manifest = writer.put(0, [trajectory()])
    assert writer.done(0) is None
    writer.finished(manifest)
    assert writer.done(0) == manifest


def test_a_manifest_under_another_number_or_another_stage_is_none(store):
    manifest = put_shard(store, 0, [trajectory()])
    store.mark("collect-1", "00001", manifest)
    assert ShardWriter(store, "collect-1").done(1) is None
    assert ShardWriter(store, "collect-2").done(0) is None


def test_a_set_says_its_stage_its_shards_its_rows_and_what_was_quarantined(store):
    writer = ShardWriter(store, "collect-1")
    shards = [put_shard(store, index, [trajectory(10 * index + row) for row in range(index + 1)]) for index in range(3)]
    expected = TrajectorySet(
        stage="collect", shards=tuple(shards), content_sha256=content_digest(shard.content_sha256 for shard in shards),
        rows=6, quarantined=None,
    )  # fmt: skip
    ref = writer.finish("collect", 3)
    assert ref.kind == "trajectories"
    assert store.get(ref, TrajectorySet) == expected
    marked = put_set(store, "validate", shards, quarantined="e" * 64)
    assert store.get(marked, TrajectorySet) == expected.model_copy(
        update={"stage": "validate", "quarantined": "e" * 64}
    )


def test_a_set_made_in_one_go_is_one_shard(store):
    rows = [trajectory(number) for number in range(3)]
    ref = put_trajectories(store, "evolve", rows)
    whole = store.get(ref, TrajectorySet)
    assert whole.shards == (ShardWriter(store, "any").put(0, rows),)
    assert (whole.stage, whole.rows, whole.quarantined) == ("evolve", 3, None)
    assert list(read_set(store, ref)) == rows


def test_a_set_of_several_shards_with_other_stages_beside_it_finishes_only_whole(store):
    put_shard(store, 0, [trajectory(0)])
    writer = ShardWriter(store, "collect-1")
    with pytest.raises(CorruptObject, match=r"collect: shards \[1, 2\] of 3 are not finished"):
        writer.finish("collect", 3)


def test_a_row_that_is_no_trajectory_is_named_by_shard_and_row(store):
    good = trajectory()
    lines = good.to_bytes() + b"\n" + problem().to_bytes() + b"\n"
    ref = store.put("shard", lines)
    manifest = ShardManifest(
        index=5, sha256=ref.sha256, content_sha256=content_digest([good.content.digest()] * 2), rows=2,
        size_bytes=len(lines),
    )  # fmt: skip
    with pytest.raises(CorruptObject, match="shard 5, row 1: not a trajectory"):
        list(read_shard(store, manifest))


@pytest.mark.parametrize("change", [{"rows": 3}, {"content_sha256": "0" * 64}])
def test_a_manifest_must_agree_in_rows_and_in_content(store, change):
    manifest = put_shard(store, 0, [trajectory(0), trajectory(1)])
    with pytest.raises(CorruptObject, match="shard 0: expected"):
        list(read_shard(store, manifest.model_copy(update=change)))


def test_a_lost_shard_is_named(store):
    manifest = put_shard(store, 0, [trajectory()])
    with pytest.raises(CorruptObject, match=r"shard 7: .* is not in"):
        list(read_shard(store, manifest.model_copy(update={"index": 7, "sha256": "0" * 64})))


def test_rows_are_stored_under_their_kind_one_line_each(store):
    rows = [problem(number) for number in range(2)]
    ref = put_rows(store, "problems", rows)
    assert ref.kind == "problems"
    assert store.get(ref) == rows[0].to_bytes() + b"\n" + rows[1].to_bytes() + b"\n"


def test_the_second_row_is_named_if_it_is_the_bad_one(store):
    ref = store.put("problems", problem().to_bytes() + b"\nnot json\n")
    with pytest.raises(CorruptObject, match=rf"{ref.short}, row 1: not a Problem"):
        list(read_rows(store, ref, Problem))


def _held_bytes(folder: Path, count: int) -> int:
    """The most that was held at once while a set of so many episodes was written and read."""
    store = ObjectStore(str(folder))
    tracemalloc.start()
    ref = put_trajectories(store, "collect", (trajectory(number) for number in range(count)))
    rows = put_rows(store, "rows", read_set(store, ref))
    assert sum(1 for _ in read_rows(store, rows, Trajectory)) == count
    return tracemalloc.get_traced_memory()[1]


def test_what_is_held_of_a_set_does_not_grow_with_it(tmp_path):
    """With a hundred episodes and with a thousand, each in a process where nothing else allocates."""
    held = {}
    for count in (100, 1000):
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            held[count] = alone.submit(_held_bytes, tmp_path, count).result()
    # Files are copied a megabyte at a time, and a hundred episodes are less than that.
    assert held[1000] < held[100] + 1_000_000, held


def test_a_content_digest_depends_on_every_digest_and_on_their_order():
    a, b = "a" * 64, "b" * 64
    assert content_digest([a, b]) == sha256_hex(f'["{a}","{b}"]'.encode())
    assert len({content_digest(said) for said in ([], [a], [a, b], [b, a])}) == 4
