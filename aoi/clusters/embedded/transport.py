"""In-process transports to an embedded cluster. Each is made for one identity; a caller cannot choose another."""

from collections.abc import Mapping

from aoi.clusters.embedded.api.results import Exec
from aoi.clusters.embedded.api.server import api_of
from aoi.clusters.embedded.identity import Identity
from aoi.clusters.embedded.world import World
from aoi.clusters.transport import Backend, ReadRequest, Request, Response

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
        return _plain(self._world, "GET", request.path, request.query, {"accept": request.accept}, b"", self._identity)


class EmbeddedTransport(EmbeddedReadTransport):
    """Can also write; the world settles after each write and time stands still."""

    def request(self, request: Request) -> Response:
        """Send one request. HTTP errors are responses."""
        if request.backend is not Backend.KUBERNETES:
            if request.method not in _READS:
                return Response(405, b"", "text/plain")
            return _telemetry(self._world, request.backend, request.path, request.query)
        query = (*request.query, ("dryRun", "All")) if request.dry_run else request.query
        # Who asks is this transport's business: headers that would act as somebody else do not pass.
        headers = {k: v for k, v in request.headers.items() if not k.lower().startswith("impersonate-")}
        answer = _plain(self._world, request.method, request.path, query, headers, request.body, self._identity)
        if request.method not in _READS:
            self._world.settle()
        return answer


def _plain(
    world: World,
    method: str,
    path: str,
    query: tuple[tuple[str, str], ...],
    headers: Mapping[str, str],
    body: bytes,
    identity: Identity,
) -> Response:
    result = api_of(world).handle(method, path, query, headers, body, identity)
    if isinstance(result, Response):
        return result
    if isinstance(result, Exec):
        headers = {"X-Exit-Code": str(result.code)}
        return Response(200, result.stdout + result.stderr, "text/plain", headers)
    return Response(405, b"watches need a connection; ask the Api itself", "text/plain")


def _telemetry(world: World, backend: Backend, path: str, query: tuple[tuple[str, str], ...]) -> Response:
    from aoi.clusters.apps import telemetry  # the application model imports the cluster

    serve = telemetry.prometheus if backend is Backend.PROMETHEUS else telemetry.jaeger
    return serve(world, path, query)
