"""Files that are written whole or not at all, and the errors of what could not be read or written."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from aoi.errors import StoreNotReadable, StoreNotWritable
from aoi.records.base import Sha256

PART_BYTES = 1 << 20
"""What is held of a file while it is copied."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL_WORDS = ("No space left on device", "StorageFull", "PytorchStreamWriter failed writing")
"""Of safetensors, torch and SQLite's kin, which raise errors of their own."""


def not_readable(path: str | Path, error: OSError) -> StoreNotReadable:
    """The error for a failed read."""
    return StoreNotReadable(
        f"cannot read {path}: {error.strerror or error}. Give this user read access to it, or name another place with "
        "AOI_STORE_URL or AOI_HOME"
    )


def not_writable(path: str | Path, error: OSError) -> StoreNotWritable:
    """The error for a failed write, with what to do about its cause."""
    if error.errno in _FULL:
        advice = "The disk is full: free space there, or choose another place with AOI_HOME or AOI_STORE_URL"
    else:
        advice = "Give this user write access to it, or choose another place with AOI_STORE_URL or AOI_HOME"
    return StoreNotWritable(f"cannot write {path}: {error.strerror or error}. {advice}")


def replace_file(path: Path, data: bytes) -> None:
    """Write whole or not at all, as `replacing`."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends, or is gone if that breaks.

    It is a temporary one beside `path`, flushed to the disk, then renamed over it. Its owner alone can read it.
    """
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def copied(source: BinaryIO, *targets: BinaryIO) -> Sha256:
    """Copy what is left of a file to others, part by part. Returns the digest of what was read."""
    digest = hashlib.sha256()
    while part := source.read(PART_BYTES):
        digest.update(part)
        for target in targets:
            target.write(part)
    return digest.hexdigest()


def make_folder(path: Path) -> None:
    """Make a folder and those above it. Raises: StoreNotWritable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(path, error) from error


def refused_by_disk(error: BaseException, *places: Path) -> StoreNotWritable | None:
    """What a full or closed disk made of somebody's write, whichever library tells it how; None for anything else.

    A full disk is often told without the file: then it is the fullest of `places`.
    """
    cause: BaseException | None = error
    while cause is not None:
        name = getattr(cause, "filename", None)
        if isinstance(cause, OSError) and cause.errno in _CLOSED and name is not None:
            return not_writable(str(name), cause)
        is_full = isinstance(cause, OSError) and cause.errno in _FULL
        if is_full or any(word in str(cause) for word in _FULL_WORDS):
            full = cause if isinstance(cause, OSError) and is_full else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return not_writable(str(name) if name is not None else _fullest(places), full)
        cause = cause.__cause__
    return None


def _fullest(places: Sequence[Path]) -> str:
    def free_bytes(place: Path) -> int:
        there = next((folder for folder in (place, *place.parents) if folder.exists()), Path("/"))
        return shutil.disk_usage(there).free

    return str(min(places, key=free_bytes)) if places else "a file"


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """What a disk refuses inside the block, by whatever library, is told with its place. Raises: StoreNotWritable."""
    try:
        yield
    except OSError as error:
        raise not_writable(error.filename or place, error) from error


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
