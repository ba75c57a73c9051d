"""What stands before every request: its size and its time are bounded, it is counted, and a defect ends here."""

import time
from collections.abc import Callable

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aoi.access.alerts import MAX_BYTES
from aoi.errors import AoiError
from flows.serving.metrics import Metrics
from flows.serving.problems import plain, refuse
from tasks.desk import log
from tasks.troubles import INTERNAL, trouble_of

Admit = Callable[[Scope], None]
"""Raises an error of ours for whoever may send no body."""

BODY_S = 20.0
"""For the whole body of a request."""
DROPPED = 32
"""Of a body that is too large, so many times the limit is read and dropped: whoever sends it can then read why."""


class Bounded:
    """Reads a body whole before anything looks at it, or refuses it; one of a stranger is refused unread."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, admit: Admit, *, max_bytes: int = MAX_BYTES, body_s: float = BODY_S
    ) -> None:
        self._app, self._metrics, self._admit = app, metrics, admit
        self._max_bytes, self._body_s = max_bytes, body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = time.monotonic(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._bounded(scope, receive, counted)
        except Exception as error:  # raised further, it would be logged once more, with whatever secret stands in it
            log(error)
            if not status:  # else the answer has begun: the connection is closed without its end
                await refuse(INTERNAL, scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            self._metrics.answered(scope["method"], route, status, time.monotonic() - began_s)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_body(scope):
            try:
                await run_in_threadpool(self._admit, scope)
            except AoiError as error:
                await refuse(trouble_of(error), scope, receive, send)
                return
        try:
            with anyio.fail_after(self._body_s):
                body = await self._read(receive)
        except TimeoutError:
            why = f"the body was not whole after {self._body_s:g} s"
            await refuse(plain(408, "body-slow", "The request took too long to arrive", why), scope, receive, send)
            return
        if body is None:
            why = f"a body has {self._max_bytes} bytes at most"
            await refuse(plain(413, "body-large", "The request is too large", why), scope, receive, send)
            return
        is_given = False

        async def replayed() -> Message:
            nonlocal is_given
            if is_given:
                return await receive()
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replayed, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None for one that is too large, of which nothing is kept."""
        parts: list[bytes] = []
        size, is_more = 0, True
        while is_more and size <= DROPPED * self._max_bytes:
            message = await receive()
            if message["type"] != "http.request":  # whoever sent it is gone
                break
            part: bytes = message.get("body", b"")
            size += len(part)
            is_more = message.get("more_body", False)
            if size <= self._max_bytes:
                parts.append(part)
            else:
                parts.clear()
        return b"".join(parts) if size <= self._max_bytes else None


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
