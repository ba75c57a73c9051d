"""A look at a cluster as one file: each read with its outcome, redacted before anybody sees it, and its replay.

Whoever looks through a `Recorder` sees what is written, so that the replay shows exactly the same. A recording can be
read, not written to: there is no `request`.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from aoi.access.redaction import redact, redact_object, without_colours
from aoi.access.replay import Key, key_of
from aoi.access.transport import Backend, ReadRequest, ReadTransport, Response
from aoi.errors import ClusterUnavailable, CommandRefused, RecordingUnreadable
from aoi.records.base import sha256_hex
from aoi.records.recording import RecordedRead, RecordingHead
from aoi.store.files import not_writable, replace_file

MAX_BYTES = 512 * 1024 * 1024
"""Of a file that is replayed."""
MAX_READS = 100_000
SERVER = "[server]"
NOT_ASKED = 501
"""Status of a read that was not recorded: whoever recorded did not ask, so that it never looks like "not found"."""
SPENT = "the time budget was spent"
"""Why the survey that was recorded asked no further."""


@dataclass(frozen=True)
class Recording:
    """What a file holds."""

    head: RecordingHead
    reads: tuple[RecordedRead, ...]


class Recorder:
    """Passes reads on from several threads, and keeps each outcome as it hands it out: redacted."""

    def __init__(
        self, inner: ReadTransport, hidden: Iterable[str] = (), left_s: Callable[[], float] = lambda: float("inf")
    ) -> None:
        """`hidden` are addresses of the server, which no answer and no error may name; `left_s` is the budget's rest.

        A megabyte takes a second to redact: what came in time and was not redacted in time is told as lost.
        """
        self._inner, self._left_s = inner, left_s
        self._hidden = sorted(filter(None, hidden), key=len, reverse=True)
        self._lock, self._redacting = threading.Lock(), threading.Lock()
        self._reads: list[RecordedRead] = []
        self.clock = ""
        """Of the first answer that told its time; all others are given the same, so that ages do not depend on which
        of several answers came last."""

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. Raises: ClusterUnavailable, in words that name no server."""
        try:
            response = self._inner.read(request)
        except ClusterUnavailable as error:
            failure = self._without_server(redact(str(error).encode()).decode())
            self._keep(_recorded(request, failure=failure))
            raise ClusterUnavailable(failure, error.retry_in_s) from None
        try:
            with self._redacting:
                body = self._without_server(_redacted(_asked_for(request, response.body), self._left_s).decode())
        except TimeoutError:
            failure = f"an answer of {len(response.body)} bytes came, and {SPENT} before it was redacted"
            self._keep(_recorded(request, failure=failure))
            raise ClusterUnavailable(failure) from None
        with self._lock:
            dates = (value for key, value in response.headers.items() if key.lower() == "date")
            self.clock = self.clock or next(dates, "")
        read = _recorded(
            request,
            status=response.status,
            content_type=response.content_type,
            is_final=response.is_final,
            body=body,
        )
        self._keep(read)
        return _response(read, self.clock)

    @property
    def reads(self) -> tuple[RecordedRead, ...]:
        """In the order of what was asked, and of the answers to the same: threads do not change it."""
        with self._lock:
            return tuple(sorted(self._reads, key=lambda read: key_of(_request(read))))

    def _keep(self, read: RecordedRead) -> None:
        with self._lock:
            self._reads.append(read)

    def _without_server(self, text: str) -> str:
        for address in self._hidden:
            text = text.replace(address, SERVER)
        return text


class RecordedTransport:
    """A `ReadTransport` that answers from a recording, to the same question in the same order."""

    def __init__(self, recording: Recording) -> None:
        self._clock = recording.head.clock
        self._left: dict[Key, list[RecordedRead]] = {}
        for read in recording.reads:
            self._left.setdefault(key_of(_request(read)), []).append(read)

    def read(self, request: ReadRequest) -> Response:
        """The recorded outcome. Raises: ClusterUnavailable if that was none."""
        request.check()
        left = self._left.get(key_of(request))
        if not left:
            return Response(NOT_ASKED, SPENT.encode(), "text/plain", self._date, is_final=True)
        read = left.pop(0) if len(left) > 1 else left[0]
        if read.failure:
            raise ClusterUnavailable(read.failure)
        return _response(read, self._clock)

    @property
    def _date(self) -> Mapping[str, str]:
        return {"Date": self._clock} if self._clock else {}


def save(path: Path, head: RecordingHead, reads: Sequence[RecordedRead]) -> RecordingHead:
    """Write a recording, whole or not at all, readable by its owner alone; returns its head with count and digest.

    Raises: StoreNotWritable.
    """
    lines = b"".join(read.to_bytes() + b"\n" for read in reads)
    head = head.model_copy(update={"reads": len(reads), "sha256": sha256_hex(lines)})
    try:
        replace_file(path, head.to_bytes() + b"\n" + lines)
    except OSError as error:
        raise not_writable(path, error) from error
    return head


def load(path: Path) -> Recording:
    """Read a recording. Raises: RecordingUnreadable for what is none, altered, cut or too large."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RecordingUnreadable(f"{path} has {size} bytes, and a recording has at most {MAX_BYTES}")
        if not path.is_file():
            raise RecordingUnreadable(f"{path} is no file. Make one: aoi record --to FILE")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise RecordingUnreadable(f"{path} cannot be read: {reason}. Make one: aoi record --to FILE") from error
    first, _, lines = data.partition(b"\n")
    head = _head(path, first)
    if sha256_hex(lines) != head.sha256:
        raise RecordingUnreadable(
            f"{path} was altered or cut: expected {head.reads} reads with digest {head.sha256[:12]}, found "
            f"{len(lines.splitlines())} with {sha256_hex(lines)[:12]}. Ask for the file again"
        )
    return Recording(head, tuple(_reads(path, lines)))


def _head(path: Path, line: bytes) -> RecordingHead:
    try:
        written = orjson.loads(line)
    except orjson.JSONDecodeError:
        written = None
    if not isinstance(written, dict) or written.get("format") != "aoi-recording":
        raise RecordingUnreadable(f"{path} is no recording: its first line is none of `aoi record`")
    try:
        return RecordingHead.from_bytes(line)
    except ValidationError as error:
        version = written.get("aoi_version")
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RecordingUnreadable(
            f"{path} was recorded by version {version!r:.40} in a form that this one does not read ({where})"
        ) from None


def _reads(path: Path, lines: bytes) -> Iterable[RecordedRead]:
    for number, line in enumerate(lines.splitlines(), 2):
        if number > MAX_READS + 1:
            raise RecordingUnreadable(f"{path} has more than {MAX_READS} reads")
        try:
            read = RecordedRead.from_bytes(line)
            _request(read)  # refuses a path that may not be read, whoever wrote it into the file
        except (ValidationError, ValueError, CommandRefused) as error:
            said = str(error).splitlines()[0]
            raise RecordingUnreadable(f"{path} line {number} is no read: {said:.200}") from None
        yield read


def _recorded(request: ReadRequest, **outcome: Any) -> RecordedRead:
    return RecordedRead(
        backend=str(request.backend), path=request.path, query=request.query, accept=request.accept, **outcome
    )


def _request(read: RecordedRead) -> ReadRequest:
    return ReadRequest(read.path, read.query, read.accept, Backend(read.backend))


def _response(read: RecordedRead, clock: str) -> Response:
    headers = {"Date": clock} if clock else {}
    return Response(read.status, read.body.encode(), read.content_type, headers, is_final=read.is_final)


def _asked_for(request: ReadRequest, body: bytes) -> bytes:
    """Of a log the end that was asked for, and one byte more where a server heeds no limit: that it was cut."""
    limit = dict(request.query).get("limitBytes", "")
    return body[-int(limit) - 1 :] if request.path.endswith("/log") and limit.isdecimal() else body


def _redacted(body: bytes, left_s: Callable[[], float]) -> bytes:
    """Objects as objects, all else as text. Raises: TimeoutError where the time for it is over."""
    if left_s() <= 0:
        raise TimeoutError
    try:
        value = orjson.loads(body)
        return orjson.dumps(_redacted_objects(value, left_s)) if isinstance(value, dict) else _text(body)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return _text(body)


def _text(body: bytes) -> bytes:
    return redact(without_colours(body))


def _redacted_objects(value: dict[str, Any], left_s: Callable[[], float]) -> dict[str, Any]:
    """An object, or the objects of a list, which do not name their kind themselves."""
    items, kind = value.get("items"), str(value.get("kind") or "")
    if not isinstance(items, list):
        return redact_object(value)
    one = kind.removesuffix("List")
    rest = redact_object({key: held for key, held in value.items() if key != "items"})
    redacted: list[Any] = []
    for item in items:
        if left_s() <= 0:
            raise TimeoutError
        redacted.append(redact_object({"kind": one, **item}) if isinstance(item, dict) else _entry(item))
    return {**rest, "items": redacted}


def _entry(item: Any) -> Any:
    """What stands in a list in the place of an object."""
    return redact_object({"item": item})["item"]
