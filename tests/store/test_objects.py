import errno
import multiprocessing
import os
import stat
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.errors import CorruptObject, SettingsError, StoreNotReadable, StoreNotWritable
from aoi.records.base import Ref, sha256_hex
from aoi.records.evaluation import Interval
from aoi.store.files import not_readable, not_writable
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
    return in_memory(tmp_path.name)


def in_memory(name: str) -> ObjectStore:
    fsspec.filesystem("memory").store.clear()  # it belongs to the process
    return ObjectStore(f"memory://{name}")


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


def test_a_lost_object_is_named_with_the_place_where_it_should_be(tmp_path):
    with pytest.raises(CorruptObject, match=f"blob:000000000000 is not in {tmp_path}"):
        ObjectStore(str(tmp_path)).get(Ref(kind="blob", sha256="0" * 64, size_bytes=1))


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


# Addresses -------------------------------------------------------------------------------------------------------


def test_an_object_lies_under_its_kind_and_the_head_of_its_digest(tmp_path):
    store = ObjectStore(f"{tmp_path}/")
    ref = store.put("blob", b"x")
    assert files(tmp_path) == [tmp_path / "objects" / "blob" / ref.sha256[:2] / ref.sha256]


def test_a_mark_lies_under_its_group(tmp_path):
    ObjectStore(str(tmp_path)).mark("stage.1", "a-b_c", RECORD)
    assert files(tmp_path) == [tmp_path / "marks" / "stage.1" / "a-b_c.json"]


@pytest.mark.parametrize("url", ["nonsense://x", "s3://bucket/prefix"])
def test_a_store_that_nothing_can_open_says_what_is_expected(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(SettingsError, match=f"AOI_STORE_URL '{url}' cannot be opened"):
        ObjectStore(url)


def test_a_short_name_that_fits_several_objects_or_none_is_refused(store):
    refs = [store.put("blob", bytes([n, m])) for n in range(256) for m in range(4)]
    heads = Counter(ref.sha256[:4] for ref in refs)
    twice = next(head for head, count in heads.items() if count == 2)
    with pytest.raises(CorruptObject, match="names 2 objects"):
        store.find(f"blob:{twice}")
    nobody = next(f"{n:04x}" for n in range(0x10000) if f"{n:04x}" not in heads)
    with pytest.raises(CorruptObject, match="names 0 objects"):
        store.find(f"blob:{nobody}")
    with pytest.raises(CorruptObject, match=r"is not in .*Restore the store from its backup"):
        store.find(f"blob:{nobody * 16}")
    with pytest.raises(CorruptObject, match="names no object"):
        store.find(f"blob:{'0' * 65}")


def test_a_whole_digest_finds_its_object_with_its_size(store):
    ref = store.put("blob", b"four")
    assert store.find(f"blob:{ref.sha256}") == ref
    assert store.find(ref.short).size_bytes == 4


def test_a_file_that_is_no_object_is_neither_found_nor_listed(tmp_path):
    store = ObjectStore(str(tmp_path))
    ref = store.put("blob", b"x")
    stray = tmp_path / "objects" / "blob" / ref.sha256[:2] / f"{ref.sha256[:8]}.part"
    stray.write_bytes(b"")
    assert store.find(f"blob:{ref.sha256[:8]}") == ref
    assert list(store) == [ref]


def test_listing_goes_by_kind_and_digest_and_says_sizes(store):
    refs = [store.put(kind, bytes(size)) for kind in ("b_kind", "a_kind") for size in (1, 2, 3)]
    assert list(store) == sorted(refs, key=lambda ref: (ref.kind, ref.sha256))


def test_an_empty_store_lists_nothing(store):
    assert list(store) == []
    assert store.of_any_kind("0" * 64) == []


def test_a_digest_is_found_under_every_kind_that_has_it(store):
    refs = [store.put(kind, b"same") for kind in ("plans", "blob")]
    store.put("other", b"different")
    assert store.of_any_kind(refs[0].sha256) == sorted(refs, key=lambda ref: ref.kind)


def test_an_object_is_there_only_while_it_is_whole(store):
    ref = store.put("blob", b"x")
    assert store.has(ref)
    assert not store.has(ref.model_copy(update={"sha256": "0" * 64}))
    assert not store.has(ref.model_copy(update={"kind": "../x"}))


# Folders ---------------------------------------------------------------------------------------------------------


def test_a_tree_lists_each_file_with_digest_and_size(store, tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a").write_bytes(b"12345")
    ref = store.put_folder("bundle", source)
    assert ref.kind == "bundle"
    assert store.get(ref, Tree) == Tree(files={"deep/a": TreeFile(sha256=sha256_hex(b"12345"), size_bytes=5)})
    assert store.verify_folder(ref) == store.get(ref, Tree)


def test_a_damaged_file_of_a_folder_is_named_and_nothing_is_written(tmp_path):
    store = ObjectStore(str(tmp_path / "store"))
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b"):
        (source / name).write_bytes(name.encode())
    ref = store.put_folder("bundle", source)
    digest = sha256_hex(b"b")
    (tmp_path / "store" / "objects" / "file" / digest[:2] / digest).write_bytes(b"B")
    with pytest.raises(CorruptObject, match=rf"{ref.short}: file b: .*expected digest"):
        store.verify_folder(ref)
    with pytest.raises(CorruptObject, match="expected digest"):
        store.get_folder(ref, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_folder_is_written_over_what_was_there_and_returned(store, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for folder, text in ((source, b"new"), (target, b"old")):
        folder.mkdir()
        (folder / "a").write_bytes(text)
    assert store.get_folder(store.put_folder("bundle", source), target) == target
    assert (target / "a").read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    store = ObjectStore(str(tmp_path / "store"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"x")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreNotWritable, match=f"cannot write {tmp_path / 'file' / 'deep'}"):
        store.get_folder(store.put_folder("bundle", source), tmp_path / "file" / "deep")


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [("x" * 240, True), ("x" * 241, False), ("a/b.c", True), ("ab:c", True), ("a:b", False), ("Z:", False),
     ("deep/a:b", True), ("a b", True), ("a\\b", False), ("a\u200bb", False), ("...", True)],
)  # fmt: skip
def test_names_of_files_are_plain_relative_paths_of_240_characters_at_most(name, is_plain):
    if is_plain:
        assert checked_relative(name) == name
        return
    with pytest.raises(CorruptObject, match="is no file name inside a folder"):
        checked_relative(name)


# Streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_is_stored_as_the_bytes_that_it_adds_up_to(store):
    ref = store.put_stream("blob", (bytes([number]) * number for number in range(40)))
    whole = b"".join(bytes([number]) * number for number in range(40))
    assert ref == store.put("blob", whole)
    with store.opened(ref) as file:
        assert file.read() == whole


def test_a_stream_that_breaks_off_leaves_nothing(store, tmp_path):
    def broken():
        yield b"x"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        store.put_stream("blob", broken())
    assert list(store) == []
    assert files(tmp_path) == []


def test_a_file_is_stored_as_its_bytes(store, tmp_path):
    (tmp_path / "source").write_bytes(b"weights")
    assert store.put_file("file", tmp_path / "source") == store.put("file", b"weights")


def test_nothing_of_an_altered_or_lost_object_is_handed_out(tmp_path):
    store = in_memory("streams")
    for kept in (store, ObjectStore(str(tmp_path))):
        ref = kept.put("blob", b"abc")
        kept._place._fs.pipe_file(kept._path("blob", ref.sha256), b"abX")
        with pytest.raises(CorruptObject, match="expected digest"), kept.opened(ref):
            pytest.fail("it was opened")
        with pytest.raises(CorruptObject, match="is not in"), kept.opened(ref.model_copy(update={"sha256": "0" * 64})):
            pytest.fail("it was opened")


@pytest.mark.parametrize("place", ["local", "memory"])
def test_a_large_file_is_stored_verified_and_unpacked_a_part_at_a_time(tmp_path, place):
    store = ObjectStore(str(tmp_path / "store")) if place == "local" else in_memory("large")
    folder = tmp_path / "base"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(64 << 20)
    held = []
    # In memory the driver itself holds what it stores; what is checked there is reading.
    ref = peak(lambda: store.put_folder("base", folder), held if place == "local" else [])
    peak(lambda: store.verify_folder(ref), held)
    peak(lambda: store.get_folder(ref, tmp_path / "unpacked"), held)
    assert max(held) < 16 << 20, f"of 64 MB, {held} were held"


def peak(act, held):
    """Do it, and note how many bytes were allocated at most meanwhile."""
    tracemalloc.start()
    try:
        done = act()
        held.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    return done


# Places that fail ------------------------------------------------------------------------------------------------


def test_a_place_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    store = ObjectStore(str(tmp_path))
    ref = store.put("blob", b"x")
    store.mark("stage", "0", RECORD)

    def fail(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    for call, do in (
        ("cat_file", lambda: store.get(ref)),
        ("cat_file", lambda: store.marked("stage", "0", Interval)),
        ("ls", lambda: list(store)),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(store._place._fs, call, fail)
            with pytest.raises(StoreNotReadable, match=f"cannot read {tmp_path}.*: Permission denied"):
                do()


def test_a_damaged_mark_is_none(tmp_path):
    store = ObjectStore(str(tmp_path))
    store.mark("stage", "0", RECORD)
    (tmp_path / "marks" / "stage" / "0.json").write_bytes(b"{")
    assert store.marked("stage", "0", Interval) is None
    store.mark("stage", "0", Tree(files={}))
    assert store.marked("stage", "0", Interval) is None


@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_from_a_lack_of_rights(cause):
    full = str(not_writable("/x", OSError(cause, "No room")))
    assert full == (
        "cannot write /x: No room. The disk is full: free space there, or choose another place with AOI_HOME or "
        "AOI_STORE_URL"
    )
    other = str(not_writable("/x", OSError(errno.EACCES, "Permission denied")))
    assert other == (
        "cannot write /x: Permission denied. Give this user write access to it, or choose another place with "
        "AOI_STORE_URL or AOI_HOME"
    )


def test_an_error_without_a_system_message_is_told_in_its_own_words():
    assert str(not_writable("/x", OSError("bucket is gone"))).startswith("cannot write /x: bucket is gone. ")
    assert str(not_readable("/x", OSError("bucket is gone"))) == (
        "cannot read /x: bucket is gone. Give this user read access to it, or name another place with "
        "AOI_STORE_URL or AOI_HOME"
    )


def test_a_write_is_flushed_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    store = ObjectStore(str(tmp_path))
    done = []
    fsync, replace = os.fsync, os.replace

    def flush(handle):
        done.append("flush folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "flush file")
        fsync(handle)

    def rename(source, target):
        assert Path(source).read_bytes() == b"x"
        assert Path(source).parent == Path(target).parent
        assert Path(source).name.startswith(".writing-")
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    store.put("blob", b"x")
    assert done == ["flush file", "rename", "flush folder"]


def test_a_failed_rename_leaves_no_temporary_file(tmp_path, monkeypatch):
    store = ObjectStore(str(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lambda *_names: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
        with pytest.raises(StoreNotWritable):
            store.put("blob", b"x")
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage", [b"ab", b"abX", b"abcd"], ids=["cut", "one bit", "longer"])
def test_a_bucket_that_holds_other_bytes_is_written_anew(damage, tmp_path):
    store = in_memory("writes")
    (tmp_path / "file").write_bytes(b"abc")
    puts = (
        lambda: store.put("blob", b"abc"),
        lambda: store.put_file("blob", tmp_path / "file"),
        lambda: store.put_stream("blob", [b"a", b"bc"]),
    )
    for put in puts:
        ref = put()
        path = store._path("blob", ref.sha256)
        store._place._fs.pipe_file(path, damage)
        assert put() == ref
        assert store._place._fs.cat_file(path) == b"abc"


def test_a_bucket_that_holds_the_same_bytes_is_not_written_again():
    store = in_memory("writes")
    path = store._path("blob", store.put("blob", b"abc").sha256)
    before = store._place._fs.modified(path)
    store.put("blob", b"abc")
    assert store._place._fs.modified(path) == before


def test_an_empty_object_has_no_bytes_however_it_is_looked_up(store):
    ref = store.put("blob", b"")
    assert store.get(ref) == b""
    assert (store.find(ref.short), store.of_any_kind(ref.sha256), list(store)) == (ref, [ref], [ref])


def test_a_folder_is_written_where_nothing_was(store, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"x")
    target = tmp_path / "not" / "yet" / "there"
    assert (store.get_folder(store.put_folder("bundle", source), target) / "a").read_bytes() == b"x"


def test_what_broke_a_write_is_told_even_if_somebody_cleaned_up_before(tmp_path, monkeypatch):
    store = ObjectStore(str(tmp_path))

    def lose(source, _target):
        os.unlink(source)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lose)
        with pytest.raises(StoreNotWritable, match="Input/output error"):
            store.put("blob", b"x")
