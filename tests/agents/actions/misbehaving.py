"""A real embedded API behind a wire, a proxy or a webhook that misbehaves, as the Executor's transport."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from aoi.access.transport import ReadRequest, Request, Response
from aoi.errors import ClusterUnavailable
from aoi.worlds.transport import EmbeddedTransport

Obj = dict[str, Any]

ANSWERS = (
    "honest",
    "lost before the write",
    "lost after the write",
    "500 instead of the write",
    "500 after the write",
    "HTML of a proxy after the write",
    "429 after the write",
    "409 after the write",
    "409 instead of the write",
    "302 after the write",
    "200 without the write",
    "half of the body after the write",
    "no body after the write",
    "another object's body after the write",
    "a Status as body after the write",
    "lost, and written while it is read back",
)
"""What a server makes of a write, and what it says of it."""

WEBHOOKS = ("none", "adds an annotation", "changes the value", "drops the change")
"""What a webhook, which lets dry runs pass, makes of a write."""


_ERROR = Response(500, b'{"kind":"Status","message":"etcdserver: request timed out"}')
_CONFLICT = Response(409, b'{"kind":"Status","reason":"Conflict","message":"the object has been modified"}')
INSTEAD = {"500 instead of the write": _ERROR, "409 instead of the write": _CONFLICT}
AFTER = {
    "500 after the write": _ERROR,
    "409 after the write": _CONFLICT,
    "HTML of a proxy after the write": Response(502, b"<html>Bad Gateway</html>", "text/html"),
    "429 after the write": Response(429, b'{"kind":"Status","message":"slow down"}'),
    "302 after the write": Response(302, b"", "text/html", {"Location": "http://127.0.0.1:9/"}),
    "no body after the write": Response(200, b""),
    "another object's body after the write": Response(200, b'{"kind":"Pod","metadata":{"name":"other","uid":"1"}}'),
    "a Status as body after the write": Response(200, b'{"kind":"Status","metadata":{},"status":"Success"}'),
}
"""Answers that are sent whatever the server did."""


@dataclass
class Misbehaving:
    """One fault of each sort at a time. Notes what the disk held when a request left that could change something."""

    inner: EmbeddedTransport
    answer: str = "honest"
    webhook: str = "none"
    ignores_dry_runs: bool = False
    failing_reads: int = 0
    """Reads after the first write that fail."""
    dry_answer: Callable[[Response], Response] | None = None
    journal: Callable[[], bytes] = lambda: b""
    meanwhile: Callable[[], None] | None = None
    """Somebody else's work, right before a write arrives."""
    sent: list[Request] = field(default_factory=list)
    on_disk: list[bytes] = field(default_factory=list)
    """Of the journal's file, at each request that could change something."""
    late: list[Request] = field(default_factory=list)

    def read(self, request: ReadRequest) -> Response:
        if self.writes and self.failing_reads:
            self.failing_reads -= 1
            raise ClusterUnavailable("connection refused")
        return self.inner.read(request)

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.sent if not request.dry_run]

    def wait(self, duration_ms: int) -> None:
        """Time passes; a write that was still on its way arrives."""
        while self.late:
            self._store(self.late.pop())
        self.inner._world.advance(duration_ms)

    def request(self, request: Request) -> Response:
        self.sent.append(request)
        if request.dry_run and not self.ignores_dry_runs:
            response = self.inner.request(request)
            return self.dry_answer(response) if self.dry_answer else response
        self.on_disk.append(self.journal())
        if request.dry_run:
            return self.inner.request(replace(request, dry_run=False))
        if self.meanwhile:
            self.meanwhile()
        return self._answer(request)

    def _store(self, request: Request) -> Response:
        # As a real API server does for every client, ours records who wrote a field only of clients with an agent.
        headers = {**request.headers, "user-agent": "aoi"}
        body = request.body
        if request.method == "PATCH" and self.webhook != "none":
            body = orjson.dumps(self._mutated(orjson.loads(body)))
        return self.inner.request(replace(request, headers=headers, body=body))

    def _mutated(self, patch: Obj) -> Obj:
        marked = {**patch.get("metadata", {}), "annotations": {"mesh.example/injected": "yes"}}
        if self.webhook == "adds an annotation":
            return {**patch, "metadata": marked}
        if self.webhook == "changes the value":
            return {**patch, "spec": {**patch["spec"], "replicas": patch["spec"]["replicas"] + 10}}
        return {"metadata": marked}

    def _answer(self, request: Request) -> Response:
        if self.answer in INSTEAD:
            return INSTEAD[self.answer]
        if self.answer == "lost before the write":
            raise ClusterUnavailable("connection reset")
        if self.answer == "lost, and written while it is read back":
            self.late.append(request)
            raise ClusterUnavailable("timed out")
        if self.answer == "200 without the write":
            return self.inner.request(replace(request, dry_run=True))
        response = self._store(request)
        if self.answer == "lost after the write":
            raise ClusterUnavailable("connection reset")
        if self.answer == "half of the body after the write":
            return replace(response, body=response.body[: len(response.body) // 2])
        return AFTER.get(self.answer, response)
