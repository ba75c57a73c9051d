"""A home's Prefect server ends with the commands that use it, however they end."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aoi.database.holders import named
from flows.kept_server import USERS
from tests.command import AOI, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STARTED_S = 240.0
GONE_S = 60.0
USES = """
import sys
from pathlib import Path
from flows.server import prefect_server

with prefect_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


class Served:
    """What a home says of its server."""

    def __init__(self, home: Path) -> None:
        self._state = home / "prefect" / "server.json"

    def __enter__(self) -> "Served":
        """The server that is being started or runs."""
        deadline = time.monotonic() + STARTED_S
        while not self._state.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        known = json.loads(self._state.read_text())
        self.pid, self.process, self.url = int(known["pid"]), str(known["process"]), str(known["url"])
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody is left behind, whatever the test came to."""
        if self.runs():
            subprocess.run(["kill", "-KILL", str(self.pid)], check=False)

    def runs(self) -> bool:
        return named(self.pid) == self.process

    def is_healthy(self) -> bool:
        return httpx.get(f"{self.url}/health", timeout=30.0).status_code == httpx.codes.OK

    def ends(self) -> bool:
        """Whether it is gone soon, and nothing names it any more."""
        deadline = time.monotonic() + GONE_S
        while self.runs() and time.monotonic() < deadline:
            time.sleep(0.1)
        return not self.runs() and not self._state.exists()


@contextmanager
def using(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the server until it is told to leave or killed."""
    program = [sys.executable, "-c", USES, str(home)]
    with subprocess.Popen(
        program, env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_command_that_is_ended_while_its_server_starts_leaves_none(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [*AOI, "retrain"], env=environment(home, HOME=str(tmp_path)), stderr=subprocess.PIPE, text=True
    ) as command:
        try:
            with Served(home) as server:
                assert server.runs()
                command.send_signal(sent)
                assert command.wait(GONE_S) == status
                assert server.ends()
        finally:
            command.kill()
        assert command.stderr is not None
        told = command.stderr.read()
    assert "Traceback" not in told
    assert ("interrupted" in told) == (sent != signal.SIGKILL)


def test_a_server_stays_while_anybody_uses_it_and_ends_when_the_last_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with using(home) as first, Served(home) as server, using(home) as second:
        assert said(first) == said(second) == server.url
        first.kill()
        first.wait()
        time.sleep(3.0)  # longer than the server takes to look who is left
        assert server.is_healthy()
        second.kill()
        second.wait()
        assert server.ends()


def test_a_server_whose_starter_was_killed_is_taken_over_and_stopped_by_who_leaves_last(tmp_path: Path) -> None:
    home = tmp_path / "home"
    users = home / "prefect" / USERS
    with using(home) as first, Served(home) as server, users.open("a+b") as comes, using(home) as second:
        fcntl.flock(comes, fcntl.LOCK_SH)  # somebody has come, and not asked for a server yet
        first.kill()
        first.wait()
        assert said(second) == server.url
        comes.close()
        second.communicate("leave\n", timeout=GONE_S)
        assert second.returncode == 0
        assert server.ends()
