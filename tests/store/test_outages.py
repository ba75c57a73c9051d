"""A store that goes away, is silent or asks for patience: what may pass is told from what somebody has to mend."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aoi.errors import Permanent, SettingsError, StoreNotReadable, StoreNotWritable, StoreUnavailable, Transient
from aoi.records.base import Ref
from aoi.records.evaluation import Interval
from aoi.store import place
from aoi.store.objects import ObjectStore, Purged
from tasks.retrying import pause_before_retry_s
from tests.store import buckets

MARK = Interval(estimate=0.1, low=0.0, high=0.2, level=0.9, n=10)
PURGED = Purged(object_kind="blob", sha256="0" * 64, size_bytes=1, at="2026-01-01", by="me")
CALLS: dict[str, Callable[[ObjectStore, Ref, Path], object]] = {
    "get": lambda store, ref, _: store.get(ref),
    "has": lambda store, ref, _: store.has(ref),
    "find": lambda store, ref, _: store.find(ref.short),
    "of_any_kind": lambda store, ref, _: store.of_any_kind(ref.sha256),
    "raw": lambda store, ref, _: store.raw(ref),
    "opened": lambda store, ref, _: store.opened(ref).__enter__(),
    "written_at": lambda store, ref, _: store.written_at(ref),
    "marked": lambda store, *_: store.marked("stage", "0", Interval),
    "marks": lambda store, *_: list(store.marks()),
    "list": lambda store, *_: list(store),
    "put": lambda store, *_: store.put("blob", b"new"),
    "put_stream": lambda store, *_: store.put_stream("blob", [b"new"]),
    "put_folder": lambda store, _, folder: store.put_folder("tree", folder),
    "mark": lambda store, *_: store.mark("stage", "0", MARK),
    "discard": lambda store, ref, _: store.discard(ref),
    "remove": lambda store, ref, _: store.remove(ref, PURGED),
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setattr(place, "RESPITE_S", 0.0)
    buckets.empty()
    yield ObjectStore("bucket://b/store")
    buckets.empty()


@pytest.mark.parametrize("outage", buckets.OUTAGES.values(), ids=list(buckets.OUTAGES))
def test_every_call_of_a_store_that_is_away_may_work_later_and_says_where_it_is_and_what_to_do(
    store: ObjectStore, outage: BaseException, tmp_path: Path
) -> None:
    ref = store.put("blob", b"x")
    (tmp_path / "file").write_bytes(b"x")
    for call in CALLS.values():
        with buckets.failing(outage), pytest.raises(StoreUnavailable) as told:
            call(store, ref, tmp_path)
        assert str(told.value).startswith("the store at bucket://b/store does not answer: ")
        assert "run the command again" in str(told.value)
        assert "\n" not in str(told.value)
    assert store.get(ref) == b"x"


def test_a_stage_waits_for_a_store_that_is_away() -> None:
    assert 20 <= pause_before_retry_s(StoreUnavailable("away"), 1) <= 25
    assert issubclass(StoreUnavailable, Transient)


@pytest.mark.parametrize("what", ["read", "seek back"])
def test_a_store_that_goes_away_in_the_middle_of_a_file_is_told_as_such(store: ObjectStore, what: str) -> None:
    ref = store.put("blob", b"x" * 100)
    with store._place.opened(store._path("blob", ref.sha256)) as file:
        broken = file.raw._source  # what the driver handed out

        def fail(*_arguments: object) -> None:
            raise buckets.OUTAGES["broken off"]

        setattr(broken, "read" if what == "read" else "seek", fail)
        with pytest.raises(StoreUnavailable, match="payload is not completed"):
            file.read() if what == "read" else file.seek(0)


def test_a_failure_of_whoever_reads_is_not_told_as_one_of_the_store(store: ObjectStore) -> None:
    ref = store.put("blob", b"x")
    with pytest.raises(OSError, match="No space left") as told, store.opened(ref):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert type(told.value) is OSError


@pytest.mark.parametrize(
    ("refusal", "reading", "writing"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), StoreNotReadable, StoreNotWritable),
        (buckets.translated(PermissionError("Access Denied"), 403, "AccessDenied"), StoreNotReadable, StoreNotWritable),
        (buckets.ClientError(400, "InvalidRequest"), StoreNotReadable, StoreNotWritable),
        (buckets.NoCredentialsError("Unable to locate credentials"), SettingsError, SettingsError),
        (buckets.translated(FileNotFoundError("gone"), 404, "NoSuchBucket"), SettingsError, SettingsError),
    ],
    ids=["rights", "denied", "bad request", "no credentials", "no bucket"],
)
def test_what_somebody_has_to_mend_is_not_waited_for(
    store: ObjectStore, refusal: BaseException, reading: type[Permanent], writing: type[Permanent]
) -> None:
    ref = store.put("blob", b"x")
    with buckets.failing(refusal):
        with pytest.raises(reading):
            store.get(ref)
        with pytest.raises(writing):
            store.put("blob", b"new")


def test_an_error_that_no_place_raises_stays_a_defect(store: ObjectStore) -> None:
    ref = store.put("blob", b"x")
    with buckets.failing(ZeroDivisionError()), pytest.raises(ZeroDivisionError):
        store.get(ref)


def test_after_a_silence_nobody_waits_a_second_time(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "RESPITE_S", 3600.0)
    ref = store.put("blob", b"x")
    with buckets.failing(buckets.OUTAGES["it is silent"]), pytest.raises(StoreUnavailable):
        store.get(ref)
    asked = buckets.FailingBucket.calls
    for call in ("get", "put", "marked", "list"):
        with pytest.raises(StoreUnavailable, match="silent a moment ago"):
            CALLS[call](store, ref, Path())
    assert buckets.FailingBucket.calls == asked


def test_after_a_refused_connection_it_is_asked_at_once(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "RESPITE_S", 3600.0)
    ref = store.put("blob", b"x")
    with buckets.failing(buckets.OUTAGES["nobody listens"]), pytest.raises(StoreUnavailable):
        store.get(ref)
    assert store.get(ref) == b"x"


@pytest.mark.parametrize("protocol", ["s3", "s3a"])
def test_a_driver_of_s3_is_given_times_and_keeps_what_else_is_configured(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        place.fsspec.config.conf, protocol, {"config_kwargs": {"s3": {"addressing_style": "path"}, "read_timeout": 7}}
    )
    given = place._patience(protocol)
    assert given["config_kwargs"] == {
        "connect_timeout": place.CONNECT_S,
        "read_timeout": 7,
        "retries": {"total_max_attempts": 1},
        "s3": {"addressing_style": "path"},
    }
    assert not given["use_listings_cache"], "others write into the bucket, too"


def test_a_driver_of_gcs_is_given_a_time_and_a_folder_none() -> None:
    assert place._patience("gs")["requests_timeout"] > 0
    assert place._patience("file") == {}
