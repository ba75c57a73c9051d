"""In-process transports to an embedded cluster. Each is made for one identity; a caller cannot choose another."""

from collections.abc import Mapping
from email.utils import formatdate

from aoi.access.transport import Backend, ReadRequest, Request, Response
from aoi.worlds import endpoints
from kubeworld.api.results import Exec
from kubeworld.api.server import api_of
from kubeworld.machine import response
from kubeworld.machine.identity import Identity
from kubeworld.machine.world import World

Query = tuple[tuple[str, str], ...]
_READS = frozenset({"GET", "HEAD"})


class EmbeddedReadTransport:
    """Reads only: what the Observer's and the Probe's process path holds."""

    def __init__(self, world: World, identity: Identity) -> None:
        self._world = world
        self._identity = identity

    def read(self, request: ReadRequest) -> Response:
        """Send one GET. HTTP errors are responses."""
        if request.backend is not Backend.KUBERNETES:
            return _telemetry(self._world, request.backend, request.path, request.query)
        return self._send("GET", request.path, request.query, {"accept": request.accept})

    def _send(self, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Ask the API as this transport's identity. The Date header is simulated time: ages are counted from it."""
        result = api_of(self._world).handle(method, path, query, headers, body, self._identity)
        clock = self._world.clock
        date = {"Date": formatdate((clock.epoch_ms + clock.now_ms) // 1000, usegmt=True)}
        if isinstance(result, response.Response):
            return Response(result.status, result.body, result.content_type, {**result.headers, **date})
        if isinstance(result, Exec):
            output = result.stdout + result.stderr
            return Response(200, output, "text/plain", {"X-Exit-Code": str(result.code), **date})
        return Response(405, b"a watch needs a connection: ask the Api itself", "text/plain", date)


class EmbeddedTransport(EmbeddedReadTransport):
    """Can also write; the world settles after each write and time stands still."""

    def leads_to(self, world: World) -> bool:
        """Whether this is a way into `world`. The world itself is nobody's to get from a transport."""
        return self._world is world

    def request(self, request: Request) -> Response:
        """Send one request. HTTP errors are responses."""
        if request.backend is not Backend.KUBERNETES:
            if request.method not in _READS:
                return Response(405, b"", "text/plain")
            return _telemetry(self._world, request.backend, request.path, request.query)
        query = (*request.query, ("dryRun", "All")) if request.dry_run else request.query
        # Who asks is this transport's business: headers that would act as somebody else do not pass.
        headers = {key: value for key, value in request.headers.items() if not key.lower().startswith("impersonate-")}
        answer = self._send(request.method, request.path, query, headers, request.body)
        if request.method not in _READS:
            self._world.settle()
        return answer


def _telemetry(world: World, backend: Backend, path: str, query: Query) -> Response:

    serve = endpoints.prometheus if backend is Backend.PROMETHEUS else endpoints.jaeger
    return serve(world, path, query)
