"""What nothing leads to is found, and nothing else."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.records.base import Record, Ref, sha256_hex
from aoi.records.episode import ShardManifest
from aoi.store.objects import ObjectStore, Purged
from aoi.store.retention import unreachable

NOW = datetime.now(UTC)
LONG_AGO = (NOW - timedelta(days=100)).timestamp()


class Named(Record):
    """A mark that names an object."""

    tree: str


@pytest.fixture
def store(tmp_path) -> ObjectStore:
    return ObjectStore(str(tmp_path))


def age(tmp_path, *refs: Ref) -> None:
    """Let objects, or all that is there, have been written long ago."""
    wanted = {ref.sha256 for ref in refs}
    for path in tmp_path.rglob("*"):
        if path.is_file() and (not wanted or path.name in wanted):
            os.utime(path, (LONG_AGO, LONG_AGO))


def left(store: ObjectStore, *roots: bytes, days: int = 90) -> set[str]:
    return {ref.sha256 for ref in unreachable(store, roots, NOW - timedelta(days=days))}


def test_what_a_root_leads_to_stays_however_far(store, tmp_path):
    last = store.put("blob", b"end")
    middle = store.put("rows", b'{"ref":"' + last.sha256.encode() + b'"}')
    first = store.put("set", f'{{"of":"{middle.short}"}}'.encode())
    lost = store.put("set", b"nobody names this")
    age(tmp_path)
    assert left(store, first.sha256.encode()) == {lost.sha256}
    assert left(store) == {ref.sha256 for ref in (first, middle, last, lost)}


def test_what_is_young_stays_with_all_that_it_leads_to(store, tmp_path):
    old = store.put("blob", b"old")
    young = store.put("set", old.sha256.encode())
    lost = store.put("blob", b"lost")
    age(tmp_path, old, lost)
    assert left(store) == {lost.sha256}
    assert left(store, days=101) == set()
    assert young.sha256 not in left(store)


def test_a_mark_keeps_what_it_names_but_an_old_one_of_a_shard_does_not(store, tmp_path):
    base, shard, fresh, secret = (store.put("blob", name) for name in (b"base", b"shard", b"fresh", b"secret"))
    store.mark("bases", "a", Named(tree=base.sha256))
    for name, ref in (("old", shard), ("new", fresh)):
        manifest = ShardManifest(index=0, sha256=ref.sha256, content_sha256="0" * 64, rows=1, size_bytes=1)
        store.mark("collect-1", name, manifest)
    sign = Purged(object_kind="blob", sha256=secret.sha256, size_bytes=1, at="2026", by="ann")
    store.mark("purged", f"blob-{secret.sha256}", sign)
    age(tmp_path)
    os.utime(tmp_path / "marks" / "collect-1" / "new.json")
    assert left(store) == {shard.sha256, secret.sha256}


def test_what_models_are_made_of_is_kept_and_not_read(store, tmp_path):
    lost = store.put("blob", b"lost")
    weights = store.put("file", lost.sha256.encode())
    age(tmp_path)
    assert left(store, weights.sha256.encode()) == {lost.sha256}


def test_a_damaged_object_stays_where_it_is_named(store, tmp_path):
    damaged = store.put("blob", b"whole")
    age(tmp_path)
    (tmp_path / "objects" / "blob" / damaged.sha256[:2] / damaged.sha256).write_bytes(b"hole")
    age(tmp_path)
    assert left(store, damaged.sha256.encode()) == set()


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, 3 << 20), short=st.booleans())
def test_a_reference_is_found_wherever_it_stands_in_a_large_object(tmp_path_factory, before: int, short: bool):
    folder = tmp_path_factory.mktemp("store")
    store = ObjectStore(str(folder))
    kept = store.put("blob", b"kept")
    name = kept.short if short else kept.sha256
    large = store.put("rows", b" " * before + f'"{name}"'.encode() + b" " * 100)
    age(folder)
    assert left(store, large.sha256.encode()) == set()


def test_digits_that_are_longer_than_a_digest_name_nothing(store, tmp_path):
    lost = store.put("blob", b"lost")
    root = store.put("rows", b"a" + lost.sha256.encode() + b" " + lost.sha256.encode() + b"b")
    age(tmp_path)
    assert left(store, root.sha256.encode()) == {lost.sha256}
    assert sha256_hex(b"lost") == lost.sha256
