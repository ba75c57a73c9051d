"""Content-addressed objects over fsspec: a local folder by default, S3 or GCS for real.

Stages hand over `Ref`s; this is where the payloads lie. An object is written once, whole or not at all, and its bytes
are compared with its digest at every read. Addresses are made of a kind and a digest alone, so no name from outside
ever becomes a path, and nothing here can execute what it reads: records are JSON, everything else stays bytes.

A record is held in memory. What may be large, sets of rows and files of models, is written and read as a stream.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, overload

from pydantic import ValidationError

from aoi.errors import CorruptObject, PurgedObject, StoreNotReadable, UnknownObject
from aoi.records.base import Record, Ref, Sha256, sha256_hex
from aoi.store.files import copied, make_folder, not_writable, replacing
from aoi.store.place import Place
from aoi.store.trees import Tree, TreeFile, checked_relative, draft_of

R = TypeVar("R", bound=Record)

_KIND = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SHA = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")
PURGED = "purged"
"""Group of the marks that stand for what was taken out."""


class Purged(Record):
    """The sign in the place of an object that was taken out because it held a secret."""

    object_kind: str
    sha256: Sha256
    size_bytes: int
    at: str
    """RFC 3339."""
    by: str


class Mark(NamedTuple):
    """A mark for whoever goes through all of them."""

    group: str
    name: str
    data: bytes
    written_at: datetime


class ObjectStore:
    """Immutable objects by kind and digest, and small named marks that say what was finished.

    Safe for many writers: an address decides its bytes, so two writers of one object write the same thing.
    """

    def __init__(self, url: str) -> None:
        """Raises: SettingsError if nothing installed can open such a URL."""
        self.url = url
        self._place = Place(url)

    def put(self, kind: str, value: Record | bytes) -> Ref[Any]:
        """Store a record (as canonical JSON) or bytes. Idempotent. Raises: StoreNotWritable."""
        data = value.to_bytes() if isinstance(value, Record) else value
        ref: Ref[Any] = Ref(kind=kind, sha256=sha256_hex(data), size_bytes=len(data))
        path = self._path(ref.kind, ref.sha256)
        if not self._holds(path, ref):
            self._place.write(path, data)
        return ref

    def put_stream(self, kind: str, parts: Iterable[bytes]) -> Ref[Any]:
        """Store what `parts` add up to, of which one is held at a time. Idempotent. Raises: StoreNotWritable.

        They wait in a file, on the store's own disk where it has one: only their end says what their address
        is.
        """
        try:
            folder = self._place.root if self._place.is_local else None
            if folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(prefix=".writing-", dir=folder) as file:
                file.writelines(parts)
                file.flush()
                return self.put_file(kind, Path(file.name))
        except OSError as error:
            raise not_writable(self._place.root, error) from error

    def put_file(self, kind: str, path: Path) -> Ref[Any]:
        """Store a file, read twice and never whole. Idempotent. Raises: StoreNotWritable; CorruptObject if it changes
        meanwhile."""
        with path.open("rb") as file:
            sha256 = copied(file)
            ref: Ref[Any] = Ref(kind=kind, sha256=sha256, size_bytes=file.tell())
            target = self._path(kind, sha256)
            if not self._holds(target, ref):
                file.seek(0)
                self._place.take_in(file, target, sha256)
        return ref

    @contextmanager
    def opened(self, ref: Ref[Any]) -> Iterator[BinaryIO]:
        """An object as a file to read, verified before its first byte is handed out. Raises: CorruptObject.

        What lies elsewhere is brought onto this machine's disk for as long as the block runs.
        """
        with self._source(ref) as source:
            if self._place.is_local:
                self._compare(ref, copied(source), source.tell())
                source.seek(0)
                yield source
                return
            with tempfile.TemporaryFile() as file:
                self._compare(ref, copied(source, file), file.tell())
                file.seek(0)
                yield file

    @overload
    def get(self, ref: Ref[Any], type_: type[R]) -> R: ...
    @overload
    def get(self, ref: Ref[Any], type_: None = None) -> bytes: ...
    def get(self, ref: Ref[Any], type_: type[R] | None = None) -> R | bytes:
        """Read an object back, as a record of `type_` or as bytes. Raises: CorruptObject if lost or altered."""
        data = self._read(ref)
        if type_ is None:
            return data
        try:
            return type_.from_bytes(data)
        except ValidationError as error:
            raise CorruptObject(
                f"{ref.short} is intact but is not a {type_.__name__}: {error.error_count()} fields do not fit. "
                f"It was written by another version or is of another kind; look with `aoi data show {ref.short}`"
            ) from None

    def has(self, ref: Ref[Any]) -> bool:
        """Whether the object is there, whole and unaltered."""
        try:
            self._verify(ref)
        except CorruptObject:
            return False
        return True

    def find(self, short: str) -> Ref[Any]:
        """The object that `kind:first digits` names. Raises: CorruptObject if none or several do."""
        kind, _, digits = short.partition(":")
        if not _KIND.fullmatch(kind) or not re.fullmatch(r"[0-9a-f]{4,64}", digits):
            raise CorruptObject(f"{short!r} names no object: write kind:digits, e.g. trajectories:0a1b2c3d4e5f")
        folder = f"{self._place.root}/objects/{kind}/{digits[:2]}"
        matching = [name for name in self._place.names(folder) if name.startswith(digits) and _SHA.fullmatch(name)]
        if not matching and (gone := self._purged_like(kind, digits)):
            raise PurgedObject(f"{short} was purged at {gone.at} by {gone.by}, since it held a secret")
        if not matching and _SHA.fullmatch(digits):
            raise CorruptObject(f"{short} is not in {self.url}. Restore the store from its backup, then `aoi verify`")
        if not matching:
            raise UnknownObject(
                f"{short} names 0 objects in {self.url}, expected one. Copy it as the command printed it that made the "
                "object"
            )
        if len(matching) != 1:
            raise CorruptObject(f"{short} names {len(matching)} objects in {self.url}, expected one. Give more digits")
        size_bytes = self._place.size(f"{folder}/{matching[0]}")
        return Ref(kind=kind, sha256=matching[0], size_bytes=size_bytes or 0)

    def of_any_kind(self, sha256: Sha256) -> list[Ref[Any]]:
        """The objects with this digest, whatever their kind: for lineage that names digests alone."""
        refs = []
        for kind in self._place.names(f"{self._place.root}/objects"):
            size_bytes = self._place.size(self._path(kind, sha256))
            if size_bytes is not None:
                refs.append(Ref(kind=kind, sha256=sha256, size_bytes=size_bytes))
        return refs

    def put_folder(self, kind: str, folder: Path) -> Ref[Tree]:
        """Store every file below `folder` and then the tree that lists them. Links are refused."""
        files: dict[str, TreeFile] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                raise CorruptObject(f"{path} is a link: a stored folder holds plain files only. Copy the file there")
            if path.is_file():
                ref = self.put_file("file", path)
                name = checked_relative(path.relative_to(folder).as_posix())
                files[name] = TreeFile(sha256=ref.sha256, size_bytes=ref.size_bytes)
        return self.put(kind, Tree(files=files))

    def get_folder(self, ref: Ref[Tree], into: Path) -> Path:
        """Write a stored folder to `into`, every file verified. Returns `into`.

        Files lie beside it until all are there, so that each is read once.
        Raises: CorruptObject if a file is lost, altered or named with a path outside: nothing is in `into` then.
        """
        tree = self.get(ref, Tree)
        files = {checked_relative(name): file for name, file in tree.files.items()}
        with draft_of(into) as draft:
            for name, file in files.items():
                self._fetch(file.ref, draft / name)
            for name in files:
                make_folder((into / name).parent)
                os.replace(draft / name, into / name)
        return into

    def verify_folder(self, ref: Ref[Tree]) -> Tree:
        """Check a stored folder and each of its files. Raises: CorruptObject naming the file."""
        tree = self.get(ref, Tree)
        for name, file in tree.files.items():
            try:
                self._verify(file.ref)
            except CorruptObject as error:
                raise CorruptObject(f"{ref.short}: file {checked_relative(name)}: {error}") from None
        return tree

    def raw(self, ref: Ref[Any]) -> bytes:
        """The bytes that lie there, whole or not; empty if none do. For whoever searches, not for whoever believes."""
        try:
            return self._place.read(self._path(ref.kind, ref.sha256))
        except FileNotFoundError:
            return b""

    def remove(self, ref: Ref[Any], purged: Purged) -> None:
        """Take an object out for good and leave the sign that it was. Idempotent. Raises: StoreNotWritable."""
        self.mark(PURGED, f"{ref.kind}-{ref.sha256}", purged)
        self.discard(ref)

    def discard(self, ref: Ref[Any]) -> None:
        """Delete an object that nobody needs. Idempotent. Raises: StoreNotWritable."""
        self._place.remove(self._path(ref.kind, ref.sha256))

    def written_at(self, ref: Ref[Any]) -> datetime:
        """When an object was written, by the clock of where it lies; now, if it is gone. Raises: StoreNotReadable."""
        return self._place.modified(self._path(ref.kind, ref.sha256))

    def purged(self, kind: str, sha256: Sha256) -> Purged | None:
        """The sign that an object was taken out; None if it was not."""
        return self.marked(PURGED, f"{kind}-{sha256}", Purged)

    def _purged_like(self, kind: str, digits: str) -> Purged | None:
        names = (name.removesuffix(".json") for name in self._place.names(f"{self._place.root}/marks/{PURGED}"))
        shas = (name.removeprefix(f"{kind}-") for name in names if name.startswith(f"{kind}-{digits}"))
        return next((gone for sha in shas if (gone := self.purged(kind, sha))), None)

    def was_purged(self, sha256: Sha256) -> bool:
        """Whether an object with this digest was taken out, of whatever kind it was."""
        return any(name.endswith(f"-{sha256}.json") for name in self._place.names(f"{self._place.root}/marks/{PURGED}"))

    def mark(self, group: str, name: str, value: Record) -> None:
        """Write a small record under a name: the sign that something is finished. Replaces atomically."""
        self._place.write(self._mark_path(group, name), value.to_bytes())

    def take_over(self, mark: Mark) -> None:
        """Write a mark of another store, as it lay there. Raises: StoreNotWritable."""
        self._place.write(self._mark_path(mark.group, mark.name), mark.data)

    def marked(self, group: str, name: str, type_: type[R]) -> R | None:
        """The record under that name; None if none was written, or if it is not whole."""
        path = self._mark_path(group, name)
        try:
            return type_.from_bytes(self._place.read(path))
        except (FileNotFoundError, ValidationError):
            return None

    def marks(self) -> Iterator[Mark]:
        """Every mark, as it lies there. Raises: StoreNotReadable."""
        for group in self._place.names(f"{self._place.root}/marks"):
            for file in self._place.names(f"{self._place.root}/marks/{group}"):
                path = f"{self._place.root}/marks/{group}/{file}"
                with suppress(FileNotFoundError):
                    yield Mark(group, file.removesuffix(".json"), self._place.read(path), self._place.modified(path))

    def __iter__(self) -> Iterator[Ref[Any]]:
        """Every object, by kind and digest."""
        for kind in self._place.names(f"{self._place.root}/objects"):
            for head in self._place.names(f"{self._place.root}/objects/{kind}"):
                for name in self._place.names(f"{self._place.root}/objects/{kind}/{head}"):
                    if _SHA.fullmatch(name):
                        size_bytes = self._place.size(f"{self._place.root}/objects/{kind}/{head}/{name}")
                        yield Ref(kind=kind, sha256=name, size_bytes=size_bytes or 0)

    def _path(self, kind: str, sha256: str) -> str:
        if not _KIND.fullmatch(kind) or not _SHA.fullmatch(sha256):
            raise CorruptObject(f"{kind!r}:{sha256!r} is no address: a kind is a word, a digest 64 hexadecimal digits")
        return f"{self._place.root}/objects/{kind}/{sha256[:2]}/{sha256}"

    def _mark_path(self, group: str, name: str) -> str:
        for part in (group, name):
            if not _NAME.fullmatch(part):
                raise CorruptObject(f"{part!r} is no name of a mark: letters, digits, '_', '.' and '-' only")
        return f"{self._place.root}/marks/{group}/{name}.json"

    def _read(self, ref: Ref[Any]) -> bytes:
        try:
            data = self._place.read(self._path(ref.kind, ref.sha256))
        except FileNotFoundError:
            raise self._absent(ref) from None
        self._compare(ref, sha256_hex(data), len(data))
        return data

    def _verify(self, ref: Ref[Any]) -> None:
        with self._source(ref) as source:
            self._compare(ref, copied(source), source.tell())

    def _fetch(self, ref: Ref[Any], target: Path) -> None:
        """Write an object to a file of this machine, verified on the way."""
        make_folder(target.parent)
        with self._source(ref) as source, replacing(target) as file:
            self._compare(ref, copied(source, file), file.tell())

    @contextmanager
    def _source(self, ref: Ref[Any]) -> Iterator[BinaryIO]:
        """What lies at an address, not verified."""
        with ExitStack() as open_:
            try:
                source = open_.enter_context(self._place.opened(self._path(ref.kind, ref.sha256)))
            except FileNotFoundError:
                raise self._absent(ref) from None
            yield source

    def _compare(self, ref: Ref[Any], digest: Sha256, size: int) -> None:
        if digest != ref.sha256:
            raise CorruptObject(
                f"{ref.short}: expected digest {ref.sha256}, found {digest} ({size} bytes) at "
                f"{self._path(ref.kind, ref.sha256)}. Delete that file and run the stage again, or restore it from the "
                "backup"
            )

    def _absent(self, ref: Ref[Any]) -> CorruptObject:
        if gone := self.purged(ref.kind, ref.sha256):
            return PurgedObject(f"{ref.short} was purged at {gone.at} by {gone.by}, since it held a secret")
        return CorruptObject(
            f"{ref.short} is not in {self.url}. Restore the store from its backup, or run the stage again"
        )

    def _holds(self, path: str, ref: Ref[Any]) -> bool:
        """Whether a whole object lies there already; a damaged one is written anew.

        It is read back: a size is equal too where a bit was flipped, and what a bucket says of its checksum is what it
        was sent once.
        """
        with suppress(FileNotFoundError, StoreNotReadable):
            if self._place.size(path) == ref.size_bytes:
                with self._place.opened(path) as source:
                    return copied(source) == ref.sha256
        return False
