"""`aoi serve` in a process of its own, as its user starts it, and a client with a token."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx

from tests.command import AOI, aoi, environment

READY_S = 120.0


@dataclass(frozen=True)
class Server:
    """One that runs."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0, trust_env=False, verify=False)


def token(home: Path, name: str, role: str) -> str:
    """Made as its user makes it."""
    made = aoi(home, "serve", "token", "add", name, "--role", role, "--json")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)["token"]


@contextmanager
def served(home: Path, **variables: str) -> Iterator[Server]:
    """A server for the block, told to end after it, and killed if it does not."""
    log = home.parent / "serve.log"
    with log.open("a") as err:
        process = subprocess.Popen(
            [*AOI, "serve", "--port", "0", "--json"],
            env=environment(home, **variables),
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    try:
        assert process.stdout is not None
        lines = []
        while not (lines and lines[-1].startswith("}")):
            line = process.stdout.readline()
            assert line, log.read_text()[-3000:]
            lines.append(line)
        server = Server(process, json.loads("".join(lines))["url"], log)
        _wait_until_ready(server)
        yield server
    finally:
        process.send_signal(SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + READY_S
    with server.client() as client:
        while time.monotonic() < deadline:
            try:
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    raise TimeoutError(server.log.read_text()[-3000:])


def wait_until(client: httpx.Client, identity: str, *states: str) -> dict[str, Any]:
    """What is told of a submission once it is in one of these states."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        told = client.get(f"/v1/diagnoses/{identity}").raise_for_status().json()
        if told["submission"]["state"] in states:
            return told
        time.sleep(0.1)
    raise TimeoutError(str(told))
