"""Serves worlds over HTTPS on 127.0.0.1. Control (inject, reset, oracle) is not reachable from here.

A world is at `/`, or several at `/w/<id>/`: the prefix goes into the server URL of a kubeconfig. All worlds live
in the thread of the event loop; nobody else may touch them while they are served.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from kubeworld.api.logs import Follower
from kubeworld.api.results import Exec, Forward
from kubeworld.api.server import Api, api_of
from kubeworld.api.strict import BODY_LIMIT_BYTES
from kubeworld.api.watch import Watch
from kubeworld.front.certificates import make_certificates
from kubeworld.front.doors import Doors, Face
from kubeworld.front.forwarding import forward
from kubeworld.front.listening import Handler, Listener, Listening, answer, nothing
from kubeworld.front.streams import follow_log, send_exec, stream_watch
from kubeworld.kinds.errors import ApiError
from kubeworld.machine.identity import Identity
from kubeworld.machine.response import Response
from kubeworld.machine.world import World

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
WATCH_LIMIT = 500
"""Open watches and followed logs of one front; the next one is told to come back."""
CHORE_S = 0.2
CLOSING_S = 0.1
"""How long a connection may take to say goodbye in TLS before it is cut."""
_READS = ("GET", "HEAD")
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stepped:
    """Time stands still until `Front.advance`, but for what each request costs."""

    request_ms: int = 0
    """Simulated time that passes in a world with each request to it."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """Simulated time runs `factor` times as fast as the wall clock, in ticks and with each request."""

    factor: float = 1.0
    tick_s: float = 0.1


@dataclass
class Front:
    """One HTTPS server for one or more worlds."""

    worlds: Mapping[str, World]
    """By id; the id `""` is served at `/`."""
    mode: Stepped | Scaled = field(default_factory=Stepped)
    url: str = ""
    """Of the server, once it runs: https://127.0.0.1:PORT."""
    authority_pem: bytes = b""
    chores: tuple[Callable[[], None], ...] = ()
    """Called every `CHORE_S` of the wall clock in the thread that owns the worlds."""
    listening: Listening = nothing
    """What answers on the ports of pods: reached by port-forward, and by NodePort where those are served."""
    faces: tuple[Face, ...] = ()
    """Served over plain HTTP, each on a port of its own."""
    is_node_ports: bool = False
    """NodePorts of Services listen on loopback."""
    report: Callable[[str], None] = _LOG.warning
    """Told of NodePorts that could not be had."""
    streams: int = 0

    async def start(self, port: int = 0) -> None:
        """Bind and serve; port 0 takes a free one."""
        certificates = make_certificates(HOST)
        self.authority_pem = certificates.authority_pem
        app = web.Application(client_max_size=BODY_LIMIT_BYTES + 1)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        assert self._runner.server is not None  # set by setup
        self._listener = await asyncio.get_running_loop().create_server(
            self._runner.server, HOST, port, ssl=certificates.context, ssl_shutdown_timeout=CLOSING_S
        )
        self.url = f"https://{HOST}:{self._listener.sockets[0].getsockname()[1]}"
        self._loop = asyncio.get_running_loop()
        self._moved_at = time.monotonic()
        self.doors = Doors(
            self.worlds, self.listening, self.faces, self.is_node_ports, self.report, before=self._pass_time
        )
        try:
            await self.doors.open()
        except OSError:
            await self._close()
            raise
        self._loops = (asyncio.create_task(self._tick()), asyncio.create_task(self._do_chores()))

    async def stop(self) -> None:
        """Close every connection."""
        for loop in self._loops:
            loop.cancel()
        await self._close()

    async def _close(self) -> None:
        await self.doors.close()
        self._listener.close()
        await self._runner.cleanup()
        await asyncio.sleep(2 * CLOSING_S)

    def call(self, action: Callable[[], T]) -> T:
        """Run `action` in the thread that owns the worlds: how a test or a console steers a served world."""

        async def run() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def advance(self, duration_ms: int) -> None:
        """Let simulated time pass in every world, from any thread."""
        self.call(lambda: [world.advance(duration_ms) for world in self.worlds.values()])

    def move_clock(self) -> None:
        """In scaled mode, let the simulated time pass that the wall clock says."""
        if isinstance(self.mode, Scaled):
            now = time.monotonic()
            duration_ms = int((now - self._moved_at) * 1000 * self.mode.factor)
            if duration_ms > 0:
                self._moved_at = now
                for world in self.worlds.values():
                    world.advance(duration_ms)

    async def _tick(self) -> None:
        while isinstance(self.mode, Scaled):
            await asyncio.sleep(self.mode.tick_s)
            try:
                self.move_clock()
            except Exception:  # one world's livelock must not stop the time of the others
                _LOG.exception("the clock could not move")

    async def _do_chores(self) -> None:
        while self.chores or self.is_node_ports:
            await asyncio.sleep(CHORE_S)
            try:
                for chore in self.chores:
                    chore()
                await self.doors.follow()
            except Exception:
                _LOG.exception("a chore failed")

    async def _serve(  # noqa: PLR0911 - one return per kind of answer
        self, request: web.Request
    ) -> web.StreamResponse:
        """Authenticate, read, ask the API, write."""
        path, world = self._world_of(request.raw_path.partition("?")[0])
        if world is None:
            return _answer(ApiError(404, "NotFound", "no such cluster", {}).response(), None)
        api = api_of(world)
        try:
            identity = _authenticate(api, request)
            body = await request.read()
        except ApiError as error:
            return _answer(error.response(), world)
        except web.HTTPRequestEntityTooLarge:
            message = f"Request entity too large: limit is {BODY_LIMIT_BYTES}"
            return _answer(ApiError(413, "RequestEntityTooLarge", message).response(), world)
        self._pass_time(world)
        query = tuple(parse_qsl(request.query_string, keep_blank_values=True))
        result = self._ask(api, request, (path, query), body, identity)
        if isinstance(result, Exec):
            return await send_exec(request, result)
        if isinstance(result, Forward):
            return await forward(request, result, lambda port: self._handler(world, result, port))
        if isinstance(result, Watch) or _follows(path, query, result):
            return await self._stream(request, api, result)
        return _answer(result, world)

    def _pass_time(self, world: World) -> None:
        """What a request to a world costs, or what has passed on the wall clock."""
        self.move_clock()
        if isinstance(self.mode, Stepped) and self.mode.request_ms:
            world.advance(self.mode.request_ms)

    def _handler(self, world: World, target: Forward, port: int) -> Handler | None:
        """What answers on a port of a pod, as long as the pod lives."""

        def listener() -> Listener | None:
            pod = world.store.get("pods", target.namespace, target.pod)
            is_same = pod is not None and pod["metadata"]["uid"] == target.uid
            return self.listening(world, pod, port) if pod is not None and is_same else None

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            self._pass_time(world)
            found = listener()
            return await answer(request, found) if found else web.Response(status=502)

        return handle if listener() else None

    def _ask(
        self, api: Api, request: web.Request, target: tuple[str, Query], body: bytes, identity: Identity
    ) -> Response | Watch | Exec | Forward:
        """The API's answer, the world settled after a write."""
        path, query = target
        try:
            result = api.handle(request.method, path, query, _headers(request), body, identity)
            if request.method not in _READS:
                api.world.settle()
        except Exception as error:  # a bug must not look like a broken connection; the traceback goes to the log
            _LOG.exception("%s %s", request.method, path)
            message = f"an unexpected error on the server: {type(error).__name__}"
            return ApiError(500, "InternalError", message).response()
        return result

    async def _stream(self, request: web.Request, api: Api, result: Watch | Response) -> web.StreamResponse:
        if self.streams >= WATCH_LIMIT:
            busy = ApiError(429, "TooManyRequests", "too many open watches, please try again later", {}, retry_s=1)
            return _answer(busy.response(), api.world)
        self.streams += 1
        response = web.StreamResponse()
        try:
            if isinstance(result, Watch):
                await stream_watch(request, response, result)
            else:
                path, _ = self._world_of(request.raw_path.partition("?")[0])
                query = dict(reversed(parse_qsl(request.query_string, keep_blank_values=True)))
                namespace, pod = path.split("/")[4:7:2]  # /api/v1/namespaces/NAMESPACE/pods/POD/log
                follower = Follower(api.world, namespace, pod, query, len(result.body))
                await follow_log(request, response, result.body, follower)
            return response
        except ConnectionResetError:  # the client left while something was on its way to it
            return response
        finally:
            self.streams -= 1

    def _world_of(self, path: str) -> tuple[str, World | None]:
        if path.startswith("/w/"):
            name, _, rest = path[3:].partition("/")
            return "/" + rest, self.worlds.get(name)
        return path, self.worlds.get("")


def _authenticate(api: Api, request: web.Request) -> Identity:
    """Whose bearer token it is. Raises: ApiError 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    identity = api.tokens.authenticate(token.strip()) if scheme.lower() == "bearer" and token else None
    if identity is None:
        raise ApiError(401, "Unauthorized", "Unauthorized")
    return identity


def _headers(request: web.Request) -> dict[str, str]:
    """Header fields; those given several times are joined by commas, as HTTP means them."""
    joined: dict[str, str] = {}
    for key, value in request.headers.items():
        name = key.lower()
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _follows(path: str, query: tuple[tuple[str, str], ...], result: object) -> bool:
    wanted = dict(query).get("follow") in ("true", "1")
    return wanted and path.endswith("/log") and isinstance(result, Response) and result.status == 200


def _answer(response: Response, world: World | None) -> web.Response:
    # As kube-apiserver: without it, a Date in the simulated future makes clients keep stale discovery.
    headers = {"Content-Type": response.content_type, "Cache-Control": "no-cache, private", **response.headers}
    if world is not None:
        headers["Date"] = formatdate((world.clock.epoch_ms + world.clock.now_ms) // 1000, usegmt=True)
    return web.Response(status=response.status, body=response.body, headers=headers)


@contextmanager
def serving(front: Front, port: int = 0) -> Iterator[Front]:
    """Serve in a thread of its own while the block runs. The worlds belong to that thread meanwhile."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="kubeworld-front", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(front.start(port), loop).result(timeout=30)
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(front.stop(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def serve_until_stopped(front: Front, port: int, ready: Callable[[], None]) -> None:
    """Serve in this thread, call `ready` once clients may come, and return on SIGINT, SIGTERM or SIGHUP."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    await front.start(port)
    try:
        ready()
        await stopped.wait()
    finally:
        await front.stop()
