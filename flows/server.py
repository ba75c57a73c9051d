"""A Prefect API for flows that run without one: started with the first command, stopped by the last.

Prefect's own ephemeral server is stopped before its task-run events are flushed, and the last task runs
stay PENDING for ever. A dedicated server per home folder avoids that; several `aoi` processes share it, and
the last one to leave stops it once every run is recorded as ended.
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
from pathlib import Path

from aoi.errors import ServerUnavailable
from tasks.workspace import keep_private

STARTUP_TIMEOUT_S = 180.0
"""A cold start imports FastAPI, SQLAlchemy and runs migrations: 16 s idle, minutes on a loaded machine."""
DRAIN_TIMEOUT_S = 20.0
LOGS_TIMEOUT_S = 5.0
HOST = "127.0.0.1"

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

    `port` is where a new server listens; 0 takes a free one. A server that runs already keeps its own.

    Raises: ServerUnavailable if the server does not become healthy; the message names its log.
    """
    folder = prepare_environment(home)
    if url := os.environ.get("PREFECT_API_URL"):
        yield url
        return
    with (folder / "server.lock").open("a+b") as users:
        url = _join(folder, users.fileno(), port)
        os.environ["PREFECT_API_URL"] = url
        try:
            yield url
        finally:
            _send_logs()
            _drain(url)
            del os.environ["PREFECT_API_URL"]
            _leave(folder, users.fileno())


def running_server(home: Path) -> str | None:
    """The API URL of the server that this home's flows report to, if it answers; nothing is started."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url if _healthy(url) else None
    return _running(home.resolve() / "prefect")


def _join(folder: Path, lock: int, port: int) -> str:
    """Use the running server, or start one under the exclusive lock; then hold the lock shared."""
    fcntl.flock(lock, fcntl.LOCK_SH)
    url = _running(folder)
    while url is None:
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _running(folder) is None:
            _start(folder, port)
        fcntl.flock(lock, fcntl.LOCK_SH)
        url = _running(folder)
    return url


def _leave(folder: Path, lock: int) -> None:
    """Stop the server if nobody else holds the lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    state = folder / "server.json"
    if not state.exists():
        return
    known = json.loads(state.read_text())
    state.unlink()
    if _healthy(known["url"]):  # otherwise it is gone, and its number may be another process's by now
        _stop(known["pid"])


def _stop(pid: int) -> None:
    """SIGTERM, then SIGKILL after ten seconds."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sent)
        except ProcessLookupError:
            return
        for _ in range(100):
            with contextlib.suppress(ChildProcessError):  # ours to reap only if we started it
                os.waitpid(pid, os.WNOHANG)
            if not _alive(pid):
                return
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _running(folder: Path) -> str | None:
    state = folder / "server.json"
    if not state.exists():
        return None
    url = json.loads(state.read_text())["url"]
    return url if _healthy(url) else None


def _start(folder: Path, port: int) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, port))
        port = probe.getsockname()[1]
    url = f"http://{HOST}:{port}/api"
    log = folder / "server.log"
    keep_private()  # the log, and the database of the server
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    with log.open("ab") as out:
        # A session of its own: Ctrl-C must reach the flow, which then still reports to the server.
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while not _healthy(url):
        if process.poll() is not None or time.monotonic() > deadline:
            _stop(process.pid)
            raise ServerUnavailable(f"the Prefect server did not start; see {log}, then run the command again")
        time.sleep(0.25)
    (folder / "server.json").write_text(json.dumps({"pid": process.pid, "url": url}))


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
