"""What a filesystem raises when it fails, put into the error tree: come back later, or mend something first.

Called by `aoi.store.place` around every call. Drivers of buckets are not installed everywhere and raise what their own
libraries do, so these are told by the package that a class comes from and by the HTTP status that it carries.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from aoi.errors import AoiError, SettingsError, StoreUnavailable

Failed = Callable[[str, OSError], AoiError]
"""What a refusal becomes: `not_readable` or `not_writable`."""

_VENDORS = frozenset({"botocore", "aiobotocore", "boto3", "aiohttp", "urllib3", "requests", "httpx", "gcsfs", "google"})
_SECRETLESS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError")
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "ENETDOWN", "ENETUNREACH", "EHOSTDOWN",
        "EHOSTUNREACH", "ENOTCONN", "ESTALE", "EAGAIN",
        "EBUSY",  # s3fs: 503, slow down
        "EREMOTEIO",  # s3fs: 500
    )
    if hasattr(errno, name)
)  # fmt: skip
_MAX_CAUSE = 200
"""Characters."""


@contextmanager
def explained(url: str, path: str, failed: Failed) -> Iterator[None]:
    """Turn what a driver raises inside the block into the error tree; a file that is not there is for the caller.

    Raises: StoreUnavailable for what may pass; SettingsError without credentials or bucket; what `failed` makes of any
    other refusal; FileNotFoundError.
    """
    try:
        yield
    except FileNotFoundError as error:
        if _code(error) == "NoSuchBucket":
            raise SettingsError(f"{url}: there is no such bucket. Make it, or set AOI_STORE_URL") from error
        raise
    except Exception as error:
        named = _named(url, path, failed, error)
        if named is None:
            raise
        raise named from error


def is_silence(error: BaseException | None) -> bool:
    """Whether something was waited for in vain: asking again at once would cost the same wait."""
    while error is not None:
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return True
        error = error.__cause__
    return False


def unavailable(url: str, cause: str) -> StoreUnavailable:
    """The error for a place that cannot be reached now."""
    return StoreUnavailable(
        f"the store at {url} does not answer: {cause}. Nothing is lost: run the command again when it does. `aoi "
        "doctor` says how it stands; AOI_STORE_URL says where it is"
    )


def _named(url: str, path: str, failed: Failed, error: Exception) -> AoiError | None:
    is_vendors = type(error).__module__.partition(".")[0] in _VENDORS
    if isinstance(error, AoiError) or not (is_vendors or isinstance(error, OSError)):
        return None
    if type(error).__name__ in _SECRETLESS:
        return SettingsError(f"{url} cannot be opened: {_told(error)}. Give this process the credentials of its driver")
    status = _status(error)
    if status is not None:
        passes = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.REQUEST_TIMEOUT,
        )
    else:
        is_network = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
        passes = is_vendors or is_network or getattr(error, "errno", None) in _PASSING
    if passes:
        return unavailable(url, _told(error))
    return failed(path, error if isinstance(error, OSError) else OSError(_told(error)))


def _status(error: BaseException | None) -> int | None:
    """The HTTP status of whatever refused: of botocore in a response, of aiohttp as `status`, of gcsfs as `code`."""
    while error is not None:
        response: Any = getattr(error, "response", None)
        answered: Any = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        for found in (answered.get("HTTPStatusCode"), getattr(error, "status", None), getattr(error, "code", None)):
            if isinstance(found, int):
                return found
        error = error.__cause__
    return None


def _code(error: BaseException | None) -> str | None:
    while error is not None:
        response: Any = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code"))
        error = error.__cause__
    return None


def _told(error: BaseException) -> str:
    """On one line; an error without words, as those of time-outs are, by its class."""
    words = " ".join(str(error).split())[:_MAX_CAUSE].rstrip(".")
    return words or f"no answer in time ({type(error).__name__})"
