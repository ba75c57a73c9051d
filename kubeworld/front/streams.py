"""Answers that take time: watches, followed logs, and the channels of exec."""

import asyncio
import time

import orjson
from aiohttp import web

from kubeworld.api.logs import Follower
from kubeworld.api.results import Exec
from kubeworld.api.watch import Watch

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


async def follow_log(request: web.Request, response: web.StreamResponse, first: bytes, follower: Follower) -> None:
    """Send the log, then what is appended to it, until the client leaves or the run that wrote it has ended."""
    response.headers["Content-Type"] = "text/plain"
    await response.prepare(request)
    await response.write(first)
    goes_on = True
    while goes_on and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(POLL_S)
        data, goes_on = follower.poll()
        if data:
            await response.write(data)


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
