"""A Prefect server of a test's own, on loopback, that ends with the test whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.docs.pages import ROOT

READY_S = 180.0
"""A cold start on a loaded machine takes minutes."""
END_S = 30.0
BUSY_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path, url: str, **variables: str) -> dict[str, str]:
    """A user of its own with Prefect at `url`, nothing of this process's AOI or Prefect, no telemetry."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AOI_", "PREFECT_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    packages = f"{ROOT}:{kept['PYTHONPATH']}" if kept.get("PYTHONPATH") else str(ROOT)
    ours = {
        "HOME": str(folder),
        "PATH": path,
        "PYTHONPATH": packages,
        "OMP_NUM_THREADS": "1",
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(folder / "prefect" / "storage"),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "DO_NOT_TRACK": "1",
    }
    return {**kept, **ours, **variables}


@contextmanager
def started(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all its children, ended after the block: asked first, then killed."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env=env, cwd=ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_S)


def wait_until_healthy(url: str, log: Path) -> None:
    """Raises: TimeoutError with the end of the log."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise TimeoutError(log.read_text()[-3000:])


def ask(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    """As Prefect's own client asks: a server whose sqlite is locked answers 503, and asks to be asked again."""
    deadline = time.monotonic() + BUSY_S
    answer = httpx.request(method, url, json=body, timeout=60.0)
    while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(float(answer.headers.get("Retry-After", 1)))
        answer = httpx.request(method, url, json=body, timeout=60.0)
    answer.raise_for_status()
    return answer.json() if answer.content else None


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The API URL of a server for the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    log = folder / "server.log"
    env = environment(folder, url)
    with started([str(Path(sys.executable).parent / command[0]), *command[1:]], env, log):
        wait_until_healthy(url, log)
        yield url
