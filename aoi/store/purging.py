"""Takes objects out of a store because they hold what nobody may keep, and leaves a sign in their place.

An object is never rewritten: its digest stands in other records. Whoever reads it later is told that it was purged, not
that it is lost.
"""

from collections.abc import Iterator
from typing import Any

from aoi.needle import Needle
from aoi.records.base import Record, Ref, Sha256
from aoi.store.objects import ObjectStore, Purged

CITING = frozenset({"shard", "diagnosis", "traceback"})
"""Kinds whose objects name observations: what a model was shown of one stands in them as numbers of tokens."""
CITED = "observation"
LEARNT = frozenset({"labels", "examples", "quarantine"})
"""Kinds whose objects name diagnoses: what was learnt from an answer repeats what its model was shown."""
ANSWER = "diagnosis"


class Holding(Record):
    """One object that holds the secret, or cites an observation that does."""

    ref: Ref[Any]
    is_citing: bool = False


def holding(store: ObjectStore, needle: Needle) -> Iterator[Holding]:
    """Every object in which the secret stands; then those that cite an observation in which it stands, and what was
    learnt from such an answer. Take the last out first: by the others it is found."""
    found: dict[Sha256, str] = {}
    for ref in store:
        if needle.is_in(store.raw(ref)):
            found[ref.sha256] = ref.kind
            yield Holding(ref=ref)
    for kinds, cited_kind in ((CITING, CITED), (LEARNT, ANSWER)):
        cited = [digest.encode() for digest, kind in found.items() if kind == cited_kind]
        if not cited:
            continue
        for ref in store:
            if ref.kind not in kinds or ref.sha256 in found:
                continue
            data = store.raw(ref)
            if any(digest in data for digest in cited):
                found[ref.sha256] = ref.kind
                yield Holding(ref=ref, is_citing=True)


def purge(store: ObjectStore, held: Holding, *, at: str, by: str) -> None:
    """Take one object out. The sign comes first: after a crash the object is found again. Raises: StoreNotWritable."""
    ref = held.ref
    store.remove(ref, Purged(object_kind=ref.kind, sha256=ref.sha256, size_bytes=ref.size_bytes, at=at, by=by))
