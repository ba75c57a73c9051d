"""`kubectl port-forward`: connections to a pod's ports, tunnelled as SPDY streams through a WebSocket.

For each connection the client opens an error stream and a data stream. What listens in the pod is spoken to over a pair
of sockets, as if it had accepted the connection.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from kubeworld.api.results import Forward
from kubeworld.front import spdy
from kubeworld.front.listening import Handler

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
STREAMS_LIMIT = 200
"""Open connections of one client; the next one is refused."""
_CHUNK_BYTES = 32 * 1024

HandlerOf = Callable[[int], Handler | None]
"""Port of the pod -> what answers requests there; None if nothing listens."""


@dataclass
class _Connection:
    """One forwarded connection, from its first stream on."""

    port: int = 0
    error: int = 0
    data: int = 0
    writer: asyncio.StreamWriter | None = None
    task: asyncio.Task[None] | None = None


class _Session:
    """All connections of one `kubectl port-forward`."""

    def __init__(self, target: Forward, handler_of: HandlerOf, send: Callable[[bytes], None]) -> None:
        self.target = target
        self.handler_of = handler_of
        self.send = send
        self.codec = spdy.Codec()
        self.connections: dict[str, _Connection] = {}
        self.by_stream: dict[int, _Connection] = {}
        self.servers: list[web.Server] = []

    async def take(self, data: bytes) -> None:
        """What the client sent. Raises: SpdyError."""
        for frame in self.codec.read(data):
            match frame.kind:
                case spdy.SYN_STREAM:
                    await self._open(frame)
                case 0 if (connection := self.by_stream.get(frame.stream)) and frame.stream == connection.data:
                    await self._forward(connection, frame)
                case spdy.RST_STREAM:
                    self._drop(self.by_stream.get(frame.stream))
                case spdy.PING:
                    self.send(spdy.ping(frame.data))

    async def _open(self, frame: spdy.Frame) -> None:
        kind, number = frame.headers.get("streamtype", ""), frame.headers.get("port", "")
        if kind not in ("error", "data") or not number.isdigit() or len(self.connections) >= STREAMS_LIMIT:
            self.send(spdy.reset(frame.stream, spdy.INVALID_STREAM))
            return
        connection = self.connections.setdefault(frame.headers.get("requestid", ""), _Connection())
        self.by_stream[frame.stream] = connection
        connection.port = int(number)
        self.send(self.codec.reply(frame.stream))
        if kind == "error":
            connection.error = frame.stream
            return
        connection.data = frame.stream
        await self._connect(connection)

    async def _connect(self, connection: _Connection) -> None:
        handler = self.handler_of(connection.port)
        if handler is None:
            self.send(spdy.data(connection.error, self._refusal(connection.port).encode(), is_last=True))
            self.send(spdy.data(connection.data, is_last=True))
            self._drop(connection)
            return
        ours, theirs = socket.socketpair()
        server = web.Server(handler, access_log=None)
        self.servers.append(server)
        await asyncio.get_running_loop().connect_accepted_socket(server, theirs)
        reader, connection.writer = await asyncio.open_connection(sock=ours)
        connection.task = asyncio.create_task(self._back(connection, reader))

    async def _forward(self, connection: _Connection, frame: spdy.Frame) -> None:
        if connection.writer is None:
            return
        connection.writer.write(frame.data)
        await connection.writer.drain()
        if frame.flags & spdy.FIN and connection.writer.can_write_eof():
            connection.writer.write_eof()

    async def _back(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        """What the program says, until it hangs up."""
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                self.send(spdy.data(connection.data, chunk))
        except ConnectionError:
            pass
        self.send(spdy.data(connection.data, is_last=True))
        self.send(spdy.data(connection.error, is_last=True))
        self._drop(connection)

    def _drop(self, connection: _Connection | None) -> None:
        if connection is None:
            return
        if connection.writer is not None:
            connection.writer.transport.abort()
        self.connections = {key: one for key, one in self.connections.items() if one is not connection}
        self.by_stream = {key: one for key, one in self.by_stream.items() if one is not connection}

    async def close(self) -> None:
        """The client is gone."""
        for connection in list(self.connections.values()):
            if connection.task is not None:
                connection.task.cancel()
            self._drop(connection)
        for server in self.servers:
            await server.shutdown(0)
        await asyncio.sleep(0)  # what was closed is let go of in the loop's next round

    def _refusal(self, port: int) -> str:
        """As a kubelet over containerd words it."""
        pod = self.target
        inside = f'failed to connect to localhost:{port} inside namespace "{pod.uid}", IPv4: dial tcp4 127.0.0.1:{port}'
        return (
            f"error forwarding port {port} to pod {pod.uid}, uid : failed to execute portforward in network namespace: "
            f"{inside}: connect: connection refused IPv6: dial tcp6 [::1]:{port}: connect: connection refused"
        )


async def forward(request: web.Request, target: Forward, handler_of: HandlerOf) -> web.StreamResponse:
    """Serve one client until it leaves."""
    offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if request.headers.get("Upgrade", "").lower() != "websocket" or PROTOCOL not in offered:
        return web.Response(status=400, text=f"port-forward needs a WebSocket of {PROTOCOL}")
    websocket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=4 * spdy.MAX_FRAME_BYTES)
    await websocket.prepare(request)
    outgoing: asyncio.Queue[bytes] = asyncio.Queue()
    session = _Session(target, handler_of, outgoing.put_nowait)
    sender = asyncio.create_task(_send(websocket, outgoing))
    try:
        async for message in websocket:
            if message.type is WSMsgType.BINARY:
                await session.take(message.data)
    except (spdy.SpdyError, ConnectionError):
        pass
    finally:
        sender.cancel()
        await session.close()
    await websocket.close()
    return websocket


async def _send(websocket: web.WebSocketResponse, outgoing: "asyncio.Queue[bytes]") -> None:
    while True:
        await websocket.send_bytes(await outgoing.get())
