"""Where a store lies: one folder or bucket, and the only module that calls its filesystem.

A call ends: a bucket that is silent is given up after seconds, and what its driver raises becomes an error of ours.
`aoi.store.objects` decides what the paths are and what lies there.
"""

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import fsspec
from typing_extensions import override

from aoi.errors import CorruptObject, SettingsError, StoreUnavailable
from aoi.records.base import Sha256
from aoi.store.files import PART_BYTES, copied, not_readable, not_writable, replace_file, replacing
from aoi.store.outages import Failed, explained, is_silence, unavailable

CONNECT_S = 5
READ_S = 15
"""Between two bytes, not for all of them."""
ATTEMPTS = 2
"""Of one call, by the driver: stages try again for longer, and people should not wait for minutes to be told."""
RESPITE_S = 10.0
"""After a bucket was silent it is not asked for so long: of ten calls in a row, one waits."""


class Place:
    """A filesystem and the folder in it. Every method raises StoreUnavailable for what may pass."""

    def __init__(self, url: str) -> None:
        """Raises: SettingsError if nothing installed can open such a URL."""
        self.url = url
        protocol = fsspec.utils.get_protocol(url)
        try:
            self._fs, root = fsspec.core.url_to_fs(url, **_patience(protocol))
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"AOI_STORE_URL {url!r} cannot be opened: {error}. Expected a folder (file://...) or a bucket whose "
                "driver is installed: s3:// needs `pip install s3fs`, gs:// needs `pip install gcsfs`"
            ) from None
        if protocol in ("s3", "s3a"):
            self._fs.retries = ATTEMPTS
        self.root = root.rstrip("/")
        self.is_local = "file" in _protocols(self._fs)
        self._silent_until_s = 0.0

    # Reading ---------------------------------------------------------------------------------------------------

    def read(self, path: str) -> bytes:
        """All bytes of a file. Raises: FileNotFoundError, StoreNotReadable."""
        with self._reading(path):
            data: bytes = self._fs.cat_file(path)
            return data

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """A file to read part by part. Raises, in the block too: FileNotFoundError, StoreNotReadable."""
        with self._reading(path):
            source = cast(BinaryIO, self._fs.open(path, "rb"))
        with source:
            # Its own errors are told as such, while whoever reads may fail for other reasons inside the block.
            yield cast(BinaryIO, io.BufferedReader(_Read(self, source, path), PART_BYTES))

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, in order; nothing if there is none. Raises: StoreNotReadable."""
        try:
            with self._reading(folder):
                return sorted(PurePosixPath(path).name for path in self._fs.ls(folder, detail=False))
        except FileNotFoundError:
            return []

    def size(self, path: str) -> int | None:
        """Of a file, in bytes; None if there is none. Raises: StoreNotReadable."""
        try:
            with self._reading(path):
                return int(self._fs.size(path) or 0)
        except FileNotFoundError:
            return None

    def modified(self, path: str) -> datetime:
        """When a file was written, by the clock of where it lies; now, if it is gone. Raises: StoreNotReadable."""
        try:
            with self._reading(path):
                at: datetime = self._fs.modified(path)
        except FileNotFoundError:
            return datetime.now(UTC)
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    # Writing ---------------------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes) -> None:
        """A file, whole or not at all. Raises: StoreNotWritable."""
        with self._writing(path):
            if self.is_local:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                replace_file(Path(path), data)
            else:
                # One PUT: object stores show the whole object or none.
                self._fs.pipe_file(path, data)

    def take_in(self, file: BinaryIO, path: str, sha256: Sha256) -> None:
        """Copy an open file of this machine, whole or not at all. Raises: StoreNotWritable; CorruptObject if what is
        copied here is no longer of that digest."""
        with self._writing(path):
            if not self.is_local:
                # Drivers of object stores send it in parts and show the whole object or none.
                self._fs.put_file(file.name, path)
                return
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with replacing(Path(path)) as target:
                if copied(file, target) != sha256:
                    raise CorruptObject(f"{file.name} was changed while it was stored. Run the command again")

    def remove(self, path: str) -> None:
        """Delete a file. Idempotent. Raises: StoreNotWritable."""
        try:
            with self._asked(path, not_writable):
                self._fs.rm_file(path)
        except FileNotFoundError:
            return

    # Inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _asked(self, path: str, failed: Failed) -> Iterator[None]:
        """Around every call of the filesystem."""
        if (left_s := self._silent_until_s - time.monotonic()) > 0:
            raise unavailable(self.url, f"it was silent a moment ago, and is asked again in {left_s:.0f} s")
        try:
            with explained(self.url, path, failed):
                yield
        except StoreUnavailable as error:
            if is_silence(error):
                self._silent_until_s = time.monotonic() + RESPITE_S
            raise

    def _reading(self, path: str) -> Any:
        return self._asked(path, not_readable)

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            with self._asked(path, not_writable):
                yield
        except FileNotFoundError as error:
            raise not_writable(path, error) from error


class _Read(io.RawIOBase):
    """A file of a place whose failures are told as those of the place."""

    def __init__(self, place: Place, source: BinaryIO, path: str) -> None:
        self._place, self._source, self._path = place, source, path

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int:
        with self._place._reading(self._path):
            data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with self._place._reading(self._path):
            return self._source.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._source.tell()


def _patience(protocol: str) -> dict[str, Any]:
    """How a driver is told not to wait for ever, and not to believe yesterday's listing: others write there too."""
    given = dict(fsspec.config.conf.get(protocol, {}))
    if protocol in ("s3", "s3a"):
        times = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": {"total_max_attempts": 1}}
        return {"use_listings_cache": False, "config_kwargs": times | given.get("config_kwargs", {})}
    if protocol in ("gs", "gcs"):
        return {"use_listings_cache": False, "requests_timeout": given.get("requests_timeout", 4 * READ_S)}
    return {}


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
