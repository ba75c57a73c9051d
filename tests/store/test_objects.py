import errno
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.errors import CorruptObject, StoreNotWritable
from aoi.records.base import Ref, sha256_hex
from aoi.records.evaluation import Interval
from aoi.store.objects import ObjectStore, Tree, TreeFile, checked_relative

RECORD = Interval(estimate=0.1, low=0.0, high=0.2, level=0.9, n=10)

PATH_PAYLOADS = [
    "../x", "../../x", "a/../../x", "/etc/passwd", "//x", "a//b", "./a", "a/.", "..", ".", "", "a/..", "\\x",
    "a\\..\\x",
    "C:/x", "c:x", "a\0b", "\0", "a\nb", "a\x1b[2J", "x" * 400, "a/../b", "~/..", "..//", "a/./b", "\r", "a/\t",
]  # fmt: skip


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    if request.param == "local":
        return ObjectStore(f"file://{tmp_path / 'store'}")
    return ObjectStore(f"memory://{tmp_path.name}")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_record_comes_back_equal(store):
    assert store.get(store.put("interval", RECORD), Interval) == RECORD


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=4000))
def test_any_bytes_come_back_under_the_address_of_their_digest(store, data):
    ref = store.put("blob", data)
    assert ref == Ref(kind="blob", sha256=sha256_hex(data), size_bytes=len(data))
    assert store.get(ref) == data


def test_putting_twice_writes_once(tmp_path):
    store = ObjectStore(str(tmp_path))
    store.put("blob", b"x")
    before = [(path, path.stat().st_mtime_ns) for path in files(tmp_path)]
    store.put("blob", b"x")
    assert [(path, path.stat().st_mtime_ns) for path in files(tmp_path)] == before


@pytest.mark.parametrize("damage", [b"", b"y", b"xx", b"x" * 99])
def test_altered_bytes_are_refused_with_expected_and_found(tmp_path, damage):
    store = ObjectStore(str(tmp_path))
    ref = store.put("blob", b"x" * 3)
    files(tmp_path)[0].write_bytes(damage)
    with pytest.raises(CorruptObject, match=rf"expected digest {ref.sha256}, found {sha256_hex(damage)}"):
        store.get(ref)


def test_putting_again_heals_a_damaged_object(tmp_path):
    store = ObjectStore(str(tmp_path))
    ref = store.put("blob", b"abc")
    files(tmp_path)[0].write_bytes(b"abX")
    assert store.get(store.put("blob", b"abc")) == b"abc"
    assert store.has(ref)


def test_a_lost_object_says_so(store):
    with pytest.raises(CorruptObject, match="is not in"):
        store.get(Ref(kind="blob", sha256="0" * 64, size_bytes=1))


def test_an_object_of_another_type_is_refused(store):
    with pytest.raises(CorruptObject, match="is not a Tree"):
        store.get(store.put("interval", RECORD), Tree)


@pytest.mark.parametrize("kind", ["../x", "a/b", "", "A", "/", "a" * 99, "a\0", "..", "a.b"])
def test_no_kind_becomes_a_path(store, kind):
    with pytest.raises(CorruptObject):
        store.put(kind, b"x")


@pytest.mark.parametrize("name", PATH_PAYLOADS)
def test_no_mark_becomes_a_path(store, name):
    with pytest.raises(CorruptObject):
        store.mark("group", name, RECORD)
    with pytest.raises(CorruptObject):
        store.mark(name, "name", RECORD)


@pytest.mark.parametrize("short", ["blob", "blob:", "blob:../..", "../x:0000", "blob:zzzz", "blob:000"])
def test_no_short_name_becomes_a_path(store, short):
    with pytest.raises(CorruptObject):
        store.find(short)


def test_a_short_name_finds_its_object(store):
    ref = store.put("blob", b"x")
    assert store.find(ref.short) == ref
    assert store.find(f"blob:{ref.sha256[:4]}") == ref


def test_every_object_is_listed(store):
    refs = {store.put("blob", bytes([n])).sha256 for n in range(20)}
    assert {ref.sha256 for ref in store} == refs


def test_marks_replace_and_unwritten_marks_are_none(store):
    assert store.marked("stage", "0", Interval) is None
    store.mark("stage", "0", RECORD)
    store.mark("stage", "0", RECORD.model_copy(update={"n": 3}))
    assert store.marked("stage", "0", Interval).n == 3


def test_a_folder_comes_back_file_by_file(store, tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a.json").write_bytes(b"{}")
    (source / "deep" / "weights.safetensors").write_bytes(bytes(range(256)))
    ref = store.put_folder("bundle", source)
    target = store.get_folder(ref, tmp_path / "target")
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in files(target)}
    assert found == {"a.json": b"{}", "deep/weights.safetensors": bytes(range(256))}
    assert ref == store.put_folder("bundle", target)


@pytest.mark.parametrize("name", PATH_PAYLOADS)
def test_a_tree_with_a_path_outside_writes_nothing(store, tmp_path, name):
    good = store.put("file", b"x")
    entry = TreeFile(sha256=good.sha256, size_bytes=1)
    ref = store.put("bundle", Tree(files={"a": entry, name: entry}))
    target = tmp_path / "folder" / "target"
    with pytest.raises(CorruptObject):
        store.get_folder(ref, target)
    assert not (tmp_path / "folder").exists()


def test_a_folder_with_a_link_is_refused(store, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "secret").symlink_to("/etc/hostname")
    with pytest.raises(CorruptObject, match="link"):
        store.put_folder("bundle", source)


def test_every_bit_flip_in_a_folder_is_found(tmp_path):
    store = ObjectStore(str(tmp_path / "store"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights.safetensors").write_bytes(os.urandom(64))
    ref = store.put_folder("bundle", source)
    for path in files(tmp_path / "store"):
        whole = path.read_bytes()
        for bit in range(0, 8 * len(whole), 3):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bytes(flipped))
            with pytest.raises(CorruptObject):
                store.verify_folder(ref)
        path.write_bytes(whole)
    store.verify_folder(ref)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_name_that_passes_stays_inside(name):
    try:
        checked_relative(name)
    except CorruptObject:
        return
    inside = os.path.normpath(f"/folder/{name}")
    assert inside == f"/folder/{name}"


@pytest.mark.parametrize("call", ["mkstemp", "fsync", "replace"])
@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_failing_write_leaves_nothing_and_names_the_place(tmp_path, monkeypatch, call, cause):
    store = ObjectStore(str(tmp_path))
    target = "tempfile.mkstemp" if call == "mkstemp" else f"os.{call}"

    def fail(*_args, **_kwargs):
        raise OSError(cause, os.strerror(cause))

    with monkeypatch.context() as broken:
        broken.setattr(target, fail)
        with pytest.raises(StoreNotWritable, match=str(tmp_path)):
            store.put("blob", b"x")
    left = [path for path in files(tmp_path) if not path.name.startswith(".writing-")]
    assert left == [] or [path.read_bytes() for path in left] == [b"x"]
    assert store.get(store.put("blob", b"x")) == b"x"


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreNotWritable, match="AOI_STORE_URL"):
        ObjectStore(str(tmp_path / "file" / "store")).put("blob", b"x")


def _write_and_die(folder: str, number: int) -> None:
    store = ObjectStore(folder)
    replace = os.replace
    os.replace = lambda *names: os._exit(9) if number % 2 else replace(*names)
    store.put("blob", b"x" * 100_000)
    os._exit(0)


def test_a_killed_writer_leaves_no_readable_partial_object(tmp_path):
    context = multiprocessing.get_context("fork")
    for number in range(6):
        process = context.Process(target=_write_and_die, args=(str(tmp_path), number))
        process.start()
        process.join()
        for ref in ObjectStore(str(tmp_path)):
            assert ObjectStore(str(tmp_path)).get(ref) == b"x" * 100_000
    assert len(list(ObjectStore(str(tmp_path)))) == 1
