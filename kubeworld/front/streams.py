"""Answers that take time: watches, followed logs, and the channels of exec."""

import asyncio
import time

import orjson
from aiohttp import web

from kubeworld.api.results import Exec
from kubeworld.api.server import Api
from kubeworld.api.watch import Watch
from kubeworld.machine.identity import Identity
from kubeworld.machine.response import Response

POLL_S = 0.05
BOOKMARK_S = 30.0
EXEC_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDOUT, _STDERR, _ERROR = b"\x01", b"\x02", b"\x03"
_FRAME_BYTES = 32 * 1024


async def stream_watch(request: web.Request, response: web.StreamResponse, watch: Watch) -> None:
    """Poll and send until the client leaves, the watch ends or its time is up."""
    response.headers["Content-Type"] = "application/json"
    await response.prepare(request)
    started = bookmarked = time.monotonic()
    while True:
        now = time.monotonic()
        due = now - bookmarked >= BOOKMARK_S
        lines = watch.poll(bookmark=due)
        bookmarked = now if due else bookmarked
        if lines:
            await response.write(b"".join(lines))
        ended = not watch.is_open or (watch.timeout_s and now - started >= watch.timeout_s)
        if ended or request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(POLL_S)


async def follow_log(
    request: web.Request,
    response: web.StreamResponse,
    api: Api,
    identity: Identity,
    target: tuple[str, tuple[tuple[str, str], ...]],
) -> None:
    """Send the log, then what is appended to it, until the client leaves or the log cannot be read any more."""
    path, query = target
    response.headers["Content-Type"] = "text/plain"
    await response.prepare(request)
    first = api.handle("GET", path, query, {}, b"", identity)
    whole = tuple((key, value) for key, value in query if key not in ("tailLines", "limitBytes", "sinceSeconds"))
    sent = _log_bytes(api.handle("GET", path, whole, {}, b"", identity))
    await response.write(_log_bytes(first) or b"")
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(POLL_S)
        text = _log_bytes(api.handle("GET", path, whole, {}, b"", identity))
        if text is None or sent is None:
            break
        if text != sent:
            await response.write(text[len(sent) :] if text.startswith(sent) else text)
            sent = text


def _log_bytes(result: object) -> bytes | None:
    return result.body if isinstance(result, Response) and result.status == 200 else None


async def send_exec(request: web.Request, result: Exec) -> web.StreamResponse:
    """Output on channels 1 and 2, the exit code as a Status on channel 3."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return web.Response(status=400, text="exec needs a WebSocket: v5.channel.k8s.io or v4.channel.k8s.io")
    socket = web.WebSocketResponse(protocols=EXEC_PROTOCOLS)
    await socket.prepare(request)
    for channel, data in ((_STDOUT, result.stdout), (_STDERR, result.stderr)):
        for start in range(0, len(data), _FRAME_BYTES):
            await socket.send_bytes(channel + data[start : start + _FRAME_BYTES])
    await socket.send_bytes(_ERROR + orjson.dumps(_exit_status(result.code)))
    await socket.close()
    return socket


def _exit_status(code: int) -> dict[str, object]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
