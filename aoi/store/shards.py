"""Collected trajectories as sharded JSON lines.

A shard is the unit of batching and of redoing. Its manifest is written last, so a shard without one was interrupted
and is collected again; a shard with one is skipped after a crash. A damaged shard is an error that names it and costs
its own rows only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from aoi.errors import CorruptObject
from aoi.records.base import Record, Ref, Sha256, canonical_bytes, sha256_hex
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.store.objects import ObjectStore

SHARD_KIND = "shard"
SET_KIND = "trajectories"
TRACEBACK_KIND = "traceback"
"""Whole tracebacks of episodes that broke. Provenance names them by digest; a shard is whole without them."""


class ShardWriter:
    """Writes the shards of one stage. `key` names the stage with its inputs, so that a rerun finds what is done."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key

    def done(self, index: int) -> ShardManifest | None:
        """The manifest of a finished and undamaged shard; None if it is to be collected (again)."""
        manifest = self._store.marked(self._key, _name(index), ShardManifest)
        if manifest is None or manifest.index != index or not self._store.has(_shard_ref(manifest)):
            return None
        return manifest

    def put(self, index: int, trajectories: Sequence[Trajectory]) -> ShardManifest:
        """Store the rows of one shard. Nobody finds them before `finished`. Raises: StoreNotWritable."""
        lines = b"".join(trajectory.to_bytes() + b"\n" for trajectory in trajectories)
        ref = self._store.put(SHARD_KIND, lines)
        return ShardManifest(
            index=index,
            sha256=ref.sha256,
            content_sha256=content_digest(trajectory.content.digest() for trajectory in trajectories),
            rows=len(trajectories),
            size_bytes=ref.size_bytes,
        )

    def finished(self, manifest: ShardManifest) -> None:
        """Write the manifest, last of all: the shard is done, and a rerun skips it. Raises: StoreNotWritable."""
        self._store.mark(self._key, _name(manifest.index), manifest)

    def finish(self, stage: str, shards: int) -> Ref[TrajectorySet]:
        """Store the set of all `shards`. Raises: CorruptObject naming the first one that is missing."""
        manifests = [self.done(index) for index in range(shards)]
        missing = [index for index, manifest in enumerate(manifests) if manifest is None]
        if missing:
            raise CorruptObject(f"{stage}: shards {missing} of {shards} are not finished. Run the stage again")
        return put_set(self._store, stage, [manifest for manifest in manifests if manifest is not None])


def put_set(
    store: ObjectStore, stage: str, shards: Sequence[ShardManifest], quarantined: Sha256 | None = None
) -> Ref[TrajectorySet]:
    """Store the set that consists of `shards`, in order."""
    collected = TrajectorySet(
        stage=stage,
        shards=tuple(shards),
        content_sha256=content_digest(shard.content_sha256 for shard in shards),
        rows=sum(shard.rows for shard in shards),
        quarantined=quarantined,
    )
    return store.put(SET_KIND, collected)


def put_trajectories(store: ObjectStore, stage: str, trajectories: Sequence[Trajectory]) -> Ref[TrajectorySet]:
    """Store a set made in one go, as one shard."""
    lines = b"".join(trajectory.to_bytes() + b"\n" for trajectory in trajectories)
    ref = store.put(SHARD_KIND, lines)
    digest = content_digest(trajectory.content.digest() for trajectory in trajectories)
    shard = ShardManifest(
        index=0, sha256=ref.sha256, content_sha256=digest, rows=len(trajectories), size_bytes=ref.size_bytes
    )
    return put_set(store, stage, [shard])


def joined(store: ObjectStore, stage: str, sets: Sequence[Ref[TrajectorySet]]) -> Ref[TrajectorySet]:
    """One set of the shards of several, in their order; no row is read."""
    shards = [shard for ref in sets for shard in store.get(ref, TrajectorySet).shards]
    numbered = [shard.model_copy(update={"index": index}) for index, shard in enumerate(shards)]
    return put_set(store, stage, numbered)


def read_shard(store: ObjectStore, shard: ShardManifest) -> list[Trajectory]:
    """The rows of one shard. Raises: CorruptObject naming the shard and the row."""
    try:
        data = store.get(_shard_ref(shard))
    except CorruptObject as error:
        raise CorruptObject(f"shard {shard.index}: {error}") from None
    rows = []
    for number, line in enumerate(data.splitlines()):
        try:
            rows.append(Trajectory.from_bytes(line))
        except ValidationError as error:
            raise CorruptObject(
                f"shard {shard.index}, row {number}: not a trajectory, {error.error_count()} fields do not fit. "
                "It was written by another version: collect the shard again"
            ) from None
    digest = content_digest(row.content.digest() for row in rows)
    if len(rows) != shard.rows or digest != shard.content_sha256:
        raise CorruptObject(
            f"shard {shard.index}: expected {shard.rows} rows with content {shard.content_sha256[:12]}, "
            f"found {len(rows)} with {digest[:12]}. Collect the shard again"
        )
    return rows


def read_set(store: ObjectStore, ref: Ref[TrajectorySet]) -> Iterator[Trajectory]:
    """Every trajectory, shard by shard. Raises: CorruptObject at the first damaged shard."""
    for shard in store.get(ref, TrajectorySet).shards:
        yield from read_shard(store, shard)


def put_traceback(store: ObjectStore, traceback: bytes) -> Sha256:
    """Store why an episode broke; returns what its provenance names it by. Raises: StoreNotWritable."""
    return store.put(TRACEBACK_KIND, traceback).sha256


def traceback_of(trajectory: Trajectory) -> str | None:
    """`kind:digits` of its traceback, as `aoi data show` takes it; None for an episode that did not break."""
    digest = trajectory.provenance.traceback
    return f"{TRACEBACK_KIND}:{digest[: Ref.SHORT]}" if digest else None


def put_rows(store: ObjectStore, kind: str, rows: Iterable[Record]) -> Ref[Any]:
    """Store plans, examples or any other records, one JSON line each, in order."""
    return store.put(kind, b"".join(row.to_bytes() + b"\n" for row in rows))


def read_rows(store: ObjectStore, ref: Ref[Any], type_: type[Any]) -> list[Any]:
    """The records behind `put_rows`, in order. Raises: CorruptObject naming the row."""
    rows = []
    for number, line in enumerate(store.get(ref).splitlines()):
        try:
            rows.append(type_.from_bytes(line))
        except (ValidationError, orjson.JSONDecodeError) as error:
            raise CorruptObject(f"{ref.short}, row {number}: not a {type_.__name__}: {error}") from None
    return rows


def content_digest(digests: Iterable[Sha256]) -> Sha256:
    """SHA-256 over digests in order."""
    return sha256_hex(canonical_bytes(list(digests)))


def _name(index: int) -> str:
    return f"{index:05d}"


def _shard_ref(shard: ShardManifest) -> Ref[Any]:
    return Ref(kind=SHARD_KIND, sha256=shard.sha256, size_bytes=shard.size_bytes)
