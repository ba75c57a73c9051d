"""A Prefect API for flows that run without one: started with the first command, stopped by the last.

Prefect's own ephemeral server is stopped before its task-run events are flushed, and the last task runs
stay PENDING for ever. A dedicated server per home folder avoids that; several `aoi` processes share it, and
the last one to leave stops it once every run is recorded as ended. Where none is left that could,
`flows.kept_server` sees it and ends.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from aoi.database.holders import named
from aoi.errors import ServerUnavailable
from flows.kept_server import HOST, STATE, USERS, command, is_free
from tasks.workspace import keep_private

STARTUP_TIMEOUT_S = 180.0
"""A cold start imports FastAPI, SQLAlchemy and runs migrations: 16 s idle, minutes on a loaded machine."""
DRAIN_TIMEOUT_S = 20.0
LOGS_TIMEOUT_S = 5.0
STARTING = "server.starting"
"""Held by the one command that looks for a server and starts one."""
LOG = "server.log"

ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
}


def prepare_environment(home: Path) -> Path:
    """Point Prefect at this home folder and switch its telemetry off. Call before importing prefect."""
    folder = home.resolve() / "prefect"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(ENVIRONMENT)
    os.environ["PREFECT_HOME"] = str(folder)
    # These two do not follow PREFECT_HOME: without them every home of a user shares its results with the others.
    os.environ["PREFECT_RESULTS_LOCAL_STORAGE_PATH"] = str(folder / "storage")
    os.environ["PREFECT_SERVER_MEMO_STORE_PATH"] = str(folder / "memo_store.toml")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    return folder


@contextmanager
def prefect_server(home: Path, port: int = 0) -> Iterator[str]:
    """A Prefect API URL for the block: `PREFECT_API_URL` if set, otherwise a server of this home folder.

    `port` is where a new server listens; 0 takes a free one. A server that runs already keeps its own. However the
    block is left, or this process killed, a server that nobody else uses ends.

    Raises: ServerUnavailable if the server does not become healthy; the message names its log.
    """
    folder = prepare_environment(home)
    if url := os.environ.get("PREFECT_API_URL"):
        yield url
        return
    with (folder / USERS).open("a+b") as users:
        try:
            url = _join(folder, users.fileno(), port)
            os.environ["PREFECT_API_URL"] = url
            try:
                yield url
            finally:
                _send_logs()
                _drain(url)
        finally:
            os.environ.pop("PREFECT_API_URL", None)
            _leave(folder, users.fileno())


def running_server(home: Path) -> str | None:
    """The API URL of the server that this home's flows report to, if it answers; nothing is started."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url if _healthy(url) else None
    known = Server.of(home.resolve() / "prefect")
    return known.url if known and known.is_there and _healthy(known.url) else None


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a home, as its folder names it."""

    pid: int
    process: str
    """Its name among processes: a number alone may be another's by now."""
    url: str

    @property
    def is_there(self) -> bool:
        """Whether the process still runs; healthy is another question."""
        return named(self.pid) == self.process and _alive(self.pid)

    @classmethod
    def of(cls, folder: Path) -> "Server | None":
        """The last one that was started here and not stopped."""
        try:
            return cls(**json.loads((folder / STATE).read_text()))
        except (FileNotFoundError, TypeError):  # none, or one of an earlier version
            return None

    def keep(self, folder: Path) -> None:
        """Let others find it. At once or not at all: who writes may be killed."""
        new = folder / f"{STATE}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / STATE)


def _join(folder: Path, users: int, port: int) -> str:
    """Hold the users' lock, then use the server that runs, or start one."""
    fcntl.flock(users, fcntl.LOCK_SH)  # waits while a server that everybody left is stopped
    with (folder / STARTING).open("a+b") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        known = Server.of(folder)
        if known is not None and known.is_there:
            return _when_healthy(known, folder)
        server = _start(folder, port)
        try:
            return _when_healthy(server, folder)
        except ServerUnavailable:
            _stop(server)
            raise


def _leave(folder: Path, users: int) -> None:
    """Stop the server if nobody else uses it."""
    server = Server.of(folder)
    if server is not None and is_free(users):
        (folder / STATE).unlink(missing_ok=True)
        _stop(server)


def _stop(server: Server) -> None:
    """SIGTERM, then SIGKILL after ten seconds."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for wait in range(100):
            with contextlib.suppress(ChildProcessError):  # ours to reap only if we started it
                os.waitpid(server.pid, os.WNOHANG)
            if not server.is_there:
                return
            if wait == 0:
                os.kill(server.pid, sent)
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _start(folder: Path, port: int) -> Server:
    """A server that others can find from its first moment on."""
    with socket.socket() as probe:
        probe.bind((HOST, port))
        port = probe.getsockname()[1]
    keep_private()  # the log, and the database of the server
    with (folder / LOG).open("ab") as out:
        # A session of its own: Ctrl-C must reach the flow, which then still reports to the server.
        process = subprocess.Popen(
            command(folder, port), stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    server = Server(process.pid, named(process.pid), f"http://{HOST}:{port}/api")
    server.keep(folder)
    return server


def _when_healthy(server: Server, folder: Path) -> str:
    """Its address, once it answers. Raises: ServerUnavailable."""
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while not _healthy(server.url):
        if not server.is_there or time.monotonic() > deadline:
            raise ServerUnavailable(f"the Prefect server did not start; see {folder / LOG}, then run the command again")
        time.sleep(0.25)
    return server.url


def _healthy(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=2.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _send_logs() -> None:
    """Send what is still to be logged; after the server has stopped it would end as an error on the terminal."""
    if "prefect" in sys.modules:
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=LOGS_TIMEOUT_S)


def _drain(url: str) -> None:
    """Wait until the server has recorded the end of every task run that its ended flow runs started."""
    import httpx

    unfinished = {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "SCHEDULED"]}}}}
    ended = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}}
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(f"{url}/task_runs/count", json={**unfinished, **ended}, timeout=5.0)
        except httpx.HTTPError:
            return
        if answer.status_code != httpx.codes.OK or answer.json() == 0:
            return
        time.sleep(0.5)
