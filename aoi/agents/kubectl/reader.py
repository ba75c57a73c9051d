"""One line's reads: every request it made, and what the server said. Holds a `ReadTransport`, nothing else."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from aoi.access.reading import MAX_LIST, MAX_LOG_BYTES, READABLES, TABLE, Readable
from aoi.access.redaction import CREDENTIALS, Level
from aoi.access.transport import Backend, ReadRequest, ReadTransport, Response
from aoi.agents.kubectl.columns import one_line

Obj = dict[str, Any]

MAX_PAGES = 4
"""Pages of one list: at most `MAX_PAGES * MAX_LIST` objects are read for one line."""


ANSWERED = (400, 404)
"""Statuses by which a server says that there is no such object, container or log."""
MAX_ERROR = 2_000
"""Characters of an error's text that are kept: it stands in records and in prompts."""


class ServerSaid(Exception):
    """The server answered with an error: data for the agents, not a crash."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        reason, message = one_line(reason[:MAX_ERROR]), one_line(message[:MAX_ERROR])
        super().__init__(f"Error from server ({reason}): {message}" if reason else f"Error from server: {message}")
        self.status = status

    @property
    def is_answer(self) -> bool:
        """Whether it answers the question: there is none of it, or not yet. Every other error leaves it open."""
        return self.status in ANSWERED


class Reader:
    """Reads for one command in one namespace, and remembers what it asked."""

    def __init__(
        self, transport: ReadTransport, namespace: str, now: datetime | None = None, level: Level = CREDENTIALS
    ) -> None:
        """`level` says what is hidden of every object."""
        self.namespace, self.level = namespace, level
        self.requests: list[ReadRequest] = []
        self.is_partial = False
        """Whether something that was asked for did not come, or not to its end."""
        self._transport = transport
        self._now = now
        self._dates: list[datetime] = []

    @property
    def now(self) -> datetime | None:
        """The given time, else the server's Date header: ages must not depend on this machine's clock."""
        return self._now or (self._dates[-1] if self._dates else None)

    def get(self, key: str | Readable, name: str, *, redacted: bool = True, namespace: str = "") -> Obj:
        """One object. Raises: ServerSaid, e.g. with status 404."""
        readable = _readable(key)
        request = ReadRequest(readable.path(namespace or self.namespace, name))
        obj = self._json(request)
        if not isinstance(obj.get("metadata"), dict) or obj["metadata"].get("name") != name:
            raise ServerSaid(502, "BadAnswer", f"{request.path} answered something other than {name}")
        obj = {"apiVersion": readable.api_version, "kind": readable.kind, **obj}
        return self.level.object(obj) if redacted else obj

    def find(self, key: str | Readable, name: str) -> Obj | None:
        """One object, or None if there is none."""
        try:
            return self.get(key, name)
        except ServerSaid as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, key: str | Readable, *, labels: str = "", fields: str = "", namespace: str = "", redacted: bool = True
    ) -> list[Obj]:
        """Objects in the server's order. Raises: ServerSaid."""
        readable = _readable(key)
        items: list[Obj] = []
        follow = ""
        for _ in range(MAX_PAGES):
            query = _query(labels=labels, fields=fields, follow=follow)
            page = self._json(ReadRequest(readable.path(namespace or self.namespace), query))
            kind, held = page.get("kind"), page.get("items")
            if not isinstance(held, list) or not isinstance(kind, str) or not kind.endswith("List"):
                raise self._lost(502, "BadAnswer", f"{readable.path(namespace or self.namespace)} answered no list")
            items += held
            follow = _follow(page)
            if not follow:
                break
        self.is_partial = self.is_partial or bool(follow)
        typed = {"apiVersion": readable.api_version, "kind": readable.kind}
        whole = [{**typed, **item} for item in items]
        return [self.level.object(item) for item in whole] if redacted else whole

    def table(
        self, readable: Readable, name: str | None, *, labels: str = "", fields: str = "", whole: bool = False
    ) -> Obj:
        """The server's own columns; what it answers if it has none. Raises: ServerSaid."""
        query = (("includeObject", "Object" if whole else "Metadata"),)
        if name is not None:
            return self._json(ReadRequest(readable.path(self.namespace, name), query, accept=TABLE))
        first: Obj = {}
        follow = ""
        for _ in range(MAX_PAGES):
            asked = query + _query(labels=labels, fields=fields, follow=follow)
            page = self._json(ReadRequest(readable.path(self.namespace, name), asked, accept=TABLE))
            held = "rows" if page.get("kind") == "Table" else "items"
            first = {**page, held: [*(first.get(held) or []), *(page.get(held) or [])]}
            follow = _follow(page)
            if not follow:
                break
        self.is_partial = self.is_partial or bool(follow)
        return first

    def log(self, pod: str, query: Mapping[str, str]) -> str:
        """Text of one container's log. Raises: ServerSaid."""
        path = READABLES["pods"].path(self.namespace, pod) + "/log"
        pairs = (*query.items(), ("limitBytes", str(MAX_LOG_BYTES)))
        body = self._send(ReadRequest(path, pairs, accept="*/*")).body
        self.is_partial = self.is_partial or len(body) >= MAX_LOG_BYTES
        return body[-MAX_LOG_BYTES:].decode("utf-8", "replace")  # who heeds no limit sends more

    def telemetry(self, backend: Backend, path: str, query: Mapping[str, str]) -> Any:
        """The `data` of a Prometheus or Jaeger answer. Raises: ServerSaid."""
        return self._json(ReadRequest(path, tuple(query.items()), backend=backend)).get("data")

    def _json(self, request: ReadRequest) -> Obj:
        body = self._send(request).body
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._lost(
                502, "BadAnswer", f"{request.path} answered {len(body)} bytes that are not JSON"
            ) from error
        if not isinstance(value, dict):
            raise self._lost(502, "BadAnswer", f"{request.path} answered JSON that is not an object")
        return value

    def _send(self, request: ReadRequest) -> Response:
        self.requests.append(request)
        response = self._transport.read(request)
        date = next((value for key, value in response.headers.items() if key.lower() == "date"), None)
        if date:
            with suppress(ValueError, TypeError, OverflowError):  # a date that nobody can read says nothing
                self._dates.append(parsedate_to_datetime(date).astimezone(UTC))
        if response.status >= 400:
            said = _error(request, response)
            self.is_partial = self.is_partial or not said.is_answer
            raise said
        return response

    def _lost(self, status: int, reason: str, message: str) -> ServerSaid:
        """An answer that is none: whoever goes on without it has a part."""
        self.is_partial = True
        return ServerSaid(status, reason, message)


def _follow(page: Obj) -> str:
    """The token of the next page. Raises: TypeError, ValueError for one that is no text."""
    metadata = page.get("metadata") or {}
    follow = metadata.get("continue") or ""
    if not isinstance(follow, str):
        raise ValueError("the next page is named by no text")
    return follow


def _readable(key: str | Readable) -> Readable:
    return READABLES[key] if isinstance(key, str) else key


def _query(*, labels: str = "", fields: str = "", follow: str = "") -> tuple[tuple[str, str], ...]:
    pairs = (("labelSelector", labels), ("fieldSelector", fields), ("continue", follow), ("limit", str(MAX_LIST)))
    return tuple((key, value) for key, value in pairs if value)


def _error(request: ReadRequest, response: Response) -> ServerSaid:
    """The Status of a Kubernetes error, or the error text of a telemetry backend."""
    try:
        status = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict):
        return ServerSaid(
            response.status, "", response.body[:400].decode("utf-8", "replace") or f"HTTP {response.status}"
        )
    message = (
        status.get("message")
        or status.get("error")
        or status.get("errors")
        or f"{request.path}: HTTP {response.status}"
    )
    return ServerSaid(response.status, str(status.get("reason") or ""), str(message))
