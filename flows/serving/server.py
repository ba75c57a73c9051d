"""Runs an HTTP service in this process until it is told to end."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from aoi.database.tokens import TokenBook
from aoi.errors import Permanent, SettingsError
from aoi.settings import ServeSettings, is_loopback
from flows.serving.app import application
from flows.serving.metrics import Metrics
from tasks.desk import Desk
from tasks.workspace import workspace

CONNECTIONS = 512
"""Open at once; one more is refused. A process may usually have 1,024 files open, and reads of clusters need some."""
KEEP_S = 75
"""A connection is kept open for the next request: longer than clients and proxies usually do, so that they close it and
no request meets a connection that is being closed."""
END_S = 15
"""For requests that are under way when the server is told to end."""


Announce = Callable[[str], None]
"""Is told the URL, once somebody listens there."""
Build = Callable[[str], ASGIApp]
"""The application at a URL."""


def serve(settings: ServeSettings, announce: Announce) -> None:
    """Diagnoses over HTTP, until SIGTERM or Ctrl-C. Raises: as `listen`."""
    metrics = Metrics()
    desk = Desk(settings, metrics.ended)
    listen(settings, desk, lambda _: application(desk, metrics), announce)


def listen(settings: ServeSettings, desk: Desk, build: Build, announce: Announce) -> None:
    """Listen until SIGTERM or Ctrl-C; then what runs ends with what it has, and what waits is left to the next server.

    Raises: SettingsError for an address that others reach and nobody could be let in at; Permanent if it is taken.
    """
    tokens = TokenBook(workspace().database)
    if not (settings.host == "localhost" or is_loopback(settings.host)) and not tokens.count():
        raise SettingsError(
            f"{settings.host} can be reached by others, and there is no token yet. Make one: aoi serve token add NAME "
            "--role operator, or listen on 127.0.0.1"
        )
    with _listening(settings) as listening:
        host, port = listening.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        config = uvicorn.Config(
            build(url),
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_S,
            timeout_graceful_shutdown=END_S,
        )
        announce(url)
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn sends itself what it was sent, once it has ended
            signal.signal(number, lambda *_: None)
        _Server(config, desk).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Lets the diagnoses end early as soon as it is told to end: those who listen to them wait for that."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._desk.drain()
        super().handle_exit(sig, frame)


def _listening(settings: ServeSettings) -> socket.socket:
    try:
        return socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
            backlog=CONNECTIONS,
        )
    except OSError as error:
        raise Permanent(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}. Choose others with "
            "--host and --port"
        ) from None
