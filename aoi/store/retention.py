"""What nothing leads to any more: objects of a store that no root names, directly or through others.

Objects name each other by digest inside their own bytes, so whatever 64 hexadecimal digits name in an object that is
kept is kept too, and so is what a short reference names. That keeps too much now and then, and never too little.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from pydantic import ValidationError

from aoi.errors import CorruptObject
from aoi.records.base import Ref, Sha256
from aoi.records.episode import ShardManifest
from aoi.store.objects import PURGED, ObjectStore

LEAVES = frozenset({"file"})
"""Kinds whose bytes name nothing: files of models, which are large."""
_PART_BYTES = 1 << 20
_OVERLAP = 128
"""Longer than any reference: what lies across two parts is found in the second."""
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SHORT = re.compile(rb"([a-z][a-z0-9_]{0,40}):([0-9a-f]{" + str(Ref.SHORT).encode() + rb"})(?![0-9a-f])")


def unreachable(store: ObjectStore, roots: Iterable[bytes], before: datetime) -> Iterator[Ref[Any]]:
    """Objects last written before a moment that neither the text of a root nor anything younger leads to.

    Marks count as roots, but for those of shards that are older than the moment: a stage whose shard is gone collects
    it again. Held are the addresses of all objects. Raises: StoreNotReadable.
    """
    index = _Index(store)
    kept: set[Ref[Any]] = set()
    open_ = [ref for text in roots for ref in index.named(text)]
    open_ += [ref for text in _marks(store, before) for ref in index.named(text)]
    open_ += [ref for ref in index if store.written_at(ref) >= before]
    while open_:
        ref = open_.pop()
        if ref in kept:
            continue
        kept.add(ref)
        if ref.kind not in LEAVES:
            open_ += [other for other in _led_to(store, ref, index) if other not in kept]
    yield from (ref for ref in index if ref not in kept)


class _Index:
    """All objects, by what they can be named by."""

    def __init__(self, store: ObjectStore) -> None:
        self._all = list(store)
        self._by_digest: defaultdict[Sha256, list[Ref[Any]]] = defaultdict(list)
        self._by_short: defaultdict[str, list[Ref[Any]]] = defaultdict(list)
        for ref in self._all:
            self._by_digest[ref.sha256].append(ref)
            self._by_short[ref.short].append(ref)

    def __iter__(self) -> Iterator[Ref[Any]]:
        return iter(self._all)

    def named(self, text: bytes) -> Iterator[Ref[Any]]:
        """Every object that a text names."""
        for found in _DIGEST.findall(text):
            yield from self._by_digest.get(found.decode(), ())
        for kind, digits in _SHORT.findall(text):
            yield from self._by_short.get(f"{kind.decode()}:{digits.decode()}", ())


def _marks(store: ObjectStore, before: datetime) -> Iterator[bytes]:
    for mark in store.marks():
        if mark.group != PURGED and (mark.written_at >= before or not _is_of_shard(mark.data)):
            yield mark.data


def _is_of_shard(data: bytes) -> bool:
    try:
        ShardManifest.from_bytes(data)
    except ValidationError:
        return False
    return True


def _led_to(store: ObjectStore, ref: Ref[Any], index: _Index) -> Iterator[Ref[Any]]:
    """What an object names; nothing of one that is damaged: that is for `aoi verify` to tell."""
    try:
        with store.opened(ref) as source:
            yield from (found for part in _parts(source) for found in index.named(part))
    except CorruptObject:
        return


def _parts(source: BinaryIO) -> Iterator[bytes]:
    """A file part by part, each with the end of the one before."""
    tail = b""
    while part := source.read(_PART_BYTES):
        yield tail + part
        tail = part[-_OVERLAP:]
