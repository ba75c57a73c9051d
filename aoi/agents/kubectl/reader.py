"""One line's reads: every request it made, and what the server said. Holds a `ReadTransport`, nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from aoi.access.reading import MAX_LIST, MAX_LOG_BYTES, READABLES, TABLE, Readable
from aoi.access.redaction import redact_object
from aoi.access.transport import Backend, ReadRequest, ReadTransport, Response
from aoi.agents.kubectl.columns import one_line

Obj = dict[str, Any]

MAX_PAGES = 4
"""Pages of one list: at most `MAX_PAGES * MAX_LIST` objects are read for one line."""


MAX_ERROR = 2_000
"""Characters of an error's text that are kept: it stands in records and in prompts."""


class ServerSaid(Exception):
    """The server answered with an error: data for the agents, not a crash."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        reason, message = one_line(reason[:MAX_ERROR]), one_line(message[:MAX_ERROR])
        super().__init__(f"Error from server ({reason}): {message}" if reason else f"Error from server: {message}")
        self.status = status


class Reader:
    """Reads for one command in one namespace, and remembers what it asked."""

    def __init__(self, transport: ReadTransport, namespace: str, now: datetime | None = None) -> None:
        self.namespace = namespace
        self.requests: list[ReadRequest] = []
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
        return redact_object(obj) if redacted else obj

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
            items += page.get("items") or []
            follow = (page.get("metadata") or {}).get("continue") or ""
            if not follow:
                break
        typed = {"apiVersion": readable.api_version, "kind": readable.kind}
        whole = [{**typed, **item} for item in items]
        return [redact_object(item) for item in whole] if redacted else whole

    def table(
        self, readable: Readable, name: str | None, *, labels: str = "", fields: str = "", whole: bool = False
    ) -> Obj:
        """The server's own columns; what it answers if it has none. Raises: ServerSaid."""
        query = (("includeObject", "Object" if whole else "Metadata"),)
        if name is None:
            query += _query(labels=labels, fields=fields)
        return self._json(ReadRequest(readable.path(self.namespace, name), query, accept=TABLE))

    def log(self, pod: str, query: Mapping[str, str]) -> str:
        """Text of one container's log. Raises: ServerSaid."""
        path = READABLES["pods"].path(self.namespace, pod) + "/log"
        pairs = (*query.items(), ("limitBytes", str(MAX_LOG_BYTES)))
        return self._send(ReadRequest(path, pairs, accept="*/*")).body.decode("utf-8", "replace")

    def telemetry(self, backend: Backend, path: str, query: Mapping[str, str]) -> Any:
        """The `data` of a Prometheus or Jaeger answer. Raises: ServerSaid."""
        return self._json(ReadRequest(path, tuple(query.items()), backend=backend)).get("data")

    def _json(self, request: ReadRequest) -> Obj:
        body = self._send(request).body
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ServerSaid(
                502, "BadAnswer", f"{request.path} answered {len(body)} bytes that are not JSON"
            ) from error
        if not isinstance(value, dict):
            raise ServerSaid(502, "BadAnswer", f"{request.path} answered JSON that is not an object")
        return value

    def _send(self, request: ReadRequest) -> Response:
        self.requests.append(request)
        response = self._transport.read(request)
        date = next((value for key, value in response.headers.items() if key.lower() == "date"), None)
        if date:
            self._dates.append(parsedate_to_datetime(date).astimezone(UTC))
        if response.status >= 400:
            raise _error(request, response)
        return response


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
