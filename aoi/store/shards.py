"""Collected trajectories as sharded JSON lines, and rows of any other record.

A shard is the unit of batching and of redoing. Its manifest is written last, so a shard without one was interrupted
and is collected again; a shard with one is skipped after a crash. A damaged shard is an error that names it and costs
its own rows only.

Rows are written and read one at a time, so a set may be larger than memory. Whoever needs several of its rows at once
says which, and goes through it again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar

import orjson
from pydantic import ValidationError

from aoi.errors import CorruptObject
from aoi.records.base import Record, Ref, Sha256
from aoi.records.episode import ShardManifest, Trajectory, TrajectorySet
from aoi.store.objects import ObjectStore

SHARD_KIND = "shard"
SET_KIND = "trajectories"
TRACEBACK_KIND = "traceback"
"""Whole tracebacks of episodes that broke. Provenance names them by digest; a shard is whole without them."""

R = TypeVar("R", bound=Record)


class Stored(Generic[R]):
    """Rows that lie in the store. Each time that somebody goes through them they are read anew, one at a time."""

    def __init__(self, read: Callable[[], Iterator[R]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[R]:
        return self._read()


Rows: TypeAlias = Sequence[R] | Stored[R]
"""What can be gone through more than once, unlike an iterator."""


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

    def put(self, index: int, trajectories: Iterable[Trajectory]) -> ShardManifest:
        """Store the rows of one shard. Nobody finds them before `finished`. Raises: StoreNotWritable."""
        return _put_shard(self._store, index, trajectories)

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


def put_trajectories(store: ObjectStore, stage: str, trajectories: Iterable[Trajectory]) -> Ref[TrajectorySet]:
    """Store a set made in one go, as one shard."""
    return put_set(store, stage, [_put_shard(store, 0, trajectories)])


def joined(store: ObjectStore, stage: str, sets: Sequence[Ref[TrajectorySet]]) -> Ref[TrajectorySet]:
    """One set of the shards of several, in their order; no row is read."""
    shards = [shard for ref in sets for shard in store.get(ref, TrajectorySet).shards]
    numbered = [shard.model_copy(update={"index": index}) for index, shard in enumerate(shards)]
    return put_set(store, stage, numbered)


def read_shard(store: ObjectStore, shard: ShardManifest) -> Iterator[Trajectory]:
    """The rows of one shard, whose bytes were verified before the first. Raises: CorruptObject naming shard and row."""
    contents = _Contents()
    with _opened(store, shard) as lines:
        for number, line in enumerate(lines):
            try:
                row = Trajectory.from_bytes(line)
            except ValidationError as error:
                raise CorruptObject(
                    f"shard {shard.index}, row {number}: not a trajectory, {error.error_count()} fields do not fit. "
                    "It was written by another version: collect the shard again"
                ) from None
            contents.add(row.content.digest())
            yield row
    if contents.rows != shard.rows or contents.sha256 != shard.content_sha256:
        raise CorruptObject(
            f"shard {shard.index}: expected {shard.rows} rows with content {shard.content_sha256[:12]}, "
            f"found {contents.rows} with {contents.sha256[:12]}. Collect the shard again"
        )


def read_set(store: ObjectStore, ref: Ref[TrajectorySet]) -> Stored[Trajectory]:
    """Every trajectory, shard by shard. Going through them raises: CorruptObject at the first damaged shard."""

    def read() -> Iterator[Trajectory]:
        for shard in store.get(ref, TrajectorySet).shards:
            yield from read_shard(store, shard)

    return Stored(read)


def put_traceback(store: ObjectStore, traceback: bytes) -> Sha256:
    """Store why an episode broke; returns what its provenance names it by. Raises: StoreNotWritable."""
    return store.put(TRACEBACK_KIND, traceback).sha256


def traceback_of(trajectory: Trajectory) -> str | None:
    """`kind:digits` of its traceback, as `aoi data show` takes it; None for an episode that did not break."""
    digest = trajectory.provenance.traceback
    return f"{TRACEBACK_KIND}:{digest[: Ref.SHORT]}" if digest else None


def put_rows(store: ObjectStore, kind: str, rows: Iterable[Record]) -> Ref[Any]:
    """Store plans, examples or any other records, one JSON line each, in order."""
    return store.put_stream(kind, (row.to_bytes() + b"\n" for row in rows))


def read_rows(store: ObjectStore, ref: Ref[Any], type_: type[R]) -> Stored[R]:
    """The records behind `put_rows`, in order. Going through them raises: CorruptObject naming the row."""

    def read() -> Iterator[R]:
        with store.opened(ref) as lines:
            for number, line in enumerate(lines):
                try:
                    row = type_.from_bytes(line)
                except (ValidationError, orjson.JSONDecodeError) as error:
                    raise CorruptObject(f"{ref.short}, row {number}: not a {type_.__name__}: {error}") from None
                yield row

    return Stored(read)


def content_digest(digests: Iterable[Sha256]) -> Sha256:
    """SHA-256 over digests in order."""
    contents = _Contents()
    for digest in digests:
        contents.add(digest)
    return contents.sha256


class _Contents:
    """Digests of rows, added up in order: the SHA-256 of their list in canonical JSON, of which none is held."""

    def __init__(self) -> None:
        self.rows = 0
        self._list = hashlib.sha256(b"[")

    def add(self, digest: Sha256) -> None:
        self._list.update(f',"{digest}"'.encode() if self.rows else f'"{digest}"'.encode())
        self.rows += 1

    @property
    def sha256(self) -> Sha256:
        whole = self._list.copy()
        whole.update(b"]")
        return whole.hexdigest()


def _put_shard(store: ObjectStore, index: int, trajectories: Iterable[Trajectory]) -> ShardManifest:
    contents = _Contents()

    def lines() -> Iterator[bytes]:
        for trajectory in trajectories:
            contents.add(trajectory.content.digest())
            yield trajectory.to_bytes() + b"\n"

    ref = store.put_stream(SHARD_KIND, lines())
    return ShardManifest(
        index=index,
        sha256=ref.sha256,
        content_sha256=contents.sha256,
        rows=contents.rows,
        size_bytes=ref.size_bytes,
    )


@contextmanager
def _opened(store: ObjectStore, shard: ShardManifest) -> Iterator[BinaryIO]:
    with ExitStack() as open_:
        try:
            lines = open_.enter_context(store.opened(_shard_ref(shard)))
        except CorruptObject as error:
            raise CorruptObject(f"shard {shard.index}: {error}") from None
        yield lines


def _name(index: int) -> str:
    return f"{index:05d}"


def _shard_ref(shard: ShardManifest) -> Ref[Any]:
    return Ref(kind=SHARD_KIND, sha256=shard.sha256, size_bytes=shard.size_bytes)
