"""A bucket in this process that fails as drivers of real ones do: it refuses, is silent, is throttled, loses a bit.

The errors are shaped as botocore, aiohttp and s3fs raise them, which need not be installed here.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import fsspec
from fsspec.exceptions import FSTimeoutError
from fsspec.implementations.memory import MemoryFileSystem


class EndpointConnectionError(Exception):
    """Of botocore: nobody listens there."""


class ReadTimeoutError(Exception):
    """Of botocore: whoever listens there says nothing."""


class ClientError(Exception):
    """Of botocore: it was answered, with a status that says no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling the GetObject operation")
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class NoCredentialsError(Exception):
    """Of botocore."""


class ClientPayloadError(Exception):
    """Of aiohttp: it broke off in the middle."""


for _of, _classes in {
    "botocore.exceptions": (EndpointConnectionError, ReadTimeoutError, ClientError, NoCredentialsError),
    "aiohttp.client_exceptions": (ClientPayloadError,),
}.items():
    for _class in _classes:
        _class.__module__ = _of


def translated(error: OSError, status: int, code: str) -> OSError:
    """What s3fs makes of an answer that says no."""
    error.__cause__ = ClientError(status, code)
    return error


OUTAGES: dict[str, BaseException] = {
    "nobody listens": EndpointConnectionError('Could not connect to the endpoint URL: "http://127.0.0.1:9/b"'),
    "it is silent": ReadTimeoutError("Read timeout on endpoint URL"),
    "fsspec gives up": FSTimeoutError(),
    "slow down": translated(OSError(errno.EBUSY, "Please reduce your request rate"), 503, "SlowDown"),
    "internal error": translated(OSError(errno.EIO, "Unknown"), 500, "Whatever"),
    "throttled": ClientError(429, "TooManyRequests"),
    "broken off": ClientPayloadError("Response payload is not completed"),
    "connection reset": ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    "no route": OSError(errno.EHOSTUNREACH, "No route to host"),
}


class FailingBucket(MemoryFileSystem):
    """`bucket://`: what `failing` holds is raised by every call, and counted."""

    protocol = "bucket"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    error: BaseException | None = None
    calls = 0

    @classmethod
    def _called(cls) -> None:
        FailingBucket.calls += 1
        if FailingBucket.error is not None:
            raise FailingBucket.error

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        self._called()
        return super().ls(path, detail=detail, **kwargs)

    def info(self, path: str, **kwargs: Any) -> Any:
        self._called()
        return super().info(path, **kwargs)

    def modified(self, path: str) -> Any:
        self._called()
        return super().modified(path)

    def cat_file(self, path: str, *arguments: Any, **kwargs: Any) -> bytes:
        self._called()
        return bytes(super().cat_file(path, *arguments, **kwargs))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> Any:
        self._called()
        return super().pipe_file(path, value, mode=mode, **kwargs)

    def put_file(self, lpath: str, rpath: str, *arguments: Any, **kwargs: Any) -> Any:
        self._called()
        return super().put_file(lpath, rpath, *arguments, **kwargs)

    def rm_file(self, path: str) -> None:
        self._called()
        super()._rm(path)

    def open(self, path: str, *arguments: Any, **kwargs: Any) -> Any:
        self._called()
        return super().open(path, *arguments, **kwargs)


fsspec.register_implementation("bucket", FailingBucket, clobber=True)


@contextmanager
def failing(error: BaseException) -> Iterator[None]:
    """While the block runs, the bucket raises it."""
    FailingBucket.error = error
    try:
        yield
    finally:
        FailingBucket.error = None


def empty() -> None:
    """Nothing lies there, and nobody has called."""
    FailingBucket.store.clear()
    FailingBucket.pseudo_dirs[:] = [""]
    FailingBucket.calls = 0
