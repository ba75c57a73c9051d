"""docs/operations.md as an operator follows it: its own lines, a real Prefect server, a worker, the deployments."""

import re
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import prefect_server
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.flows.test_loop import TINY, entries

COMMAND_S = 180
RUN_S = 600
BUSY_S = 60
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def lines() -> list[str]:
    """The page's lines from the server to the worker."""
    said = [line.text for line in pages.shell_lines() if line.page == "docs/operations.md"]
    end = next(number for number, line in enumerate(said) if line.startswith("prefect worker start"))
    return said[: end + 1]


class Installation:
    """A server and a worker, as the page says, with a home and a user of their own."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.home = folder / "home"
        self.folder = folder
        port = str(prefect_server.free_port())
        self.env = prefect_server.environment(folder, "", **TINY, AOI_HOME=str(self.home))
        del self.env["PREFECT_API_URL"]
        for line in lines():
            self._follow(line.replace("4200", port).replace("$PWD", str(ROOT)), running)
        self.url = self.env["PREFECT_API_URL"]

    def _follow(self, line: str, running: ExitStack) -> None:
        words = shlex.split(line)
        if words[0] == "export":
            self.env.update(word.split("=", 1) for word in words[1:])
        elif "start" in words:  # servers and workers run on
            log = self.folder / f"{words[1]}.log"
            running.enter_context(prefect_server.started(words, self.env, log))
            if words[1] == "server":
                prefect_server.wait_until_healthy(f"http://127.0.0.1:{words[-1]}/api", log)
        else:
            ended = subprocess.run(
                words, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S, check=False
            )
            assert ended.returncode == 0, f"{line}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """As Prefect's own client asks: a server whose sqlite is locked answers 503, and asks to be asked again."""
        deadline = time.monotonic() + BUSY_S
        answer = httpx.request(method, f"{self.url}/{path}", json=body, timeout=60.0)
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            answer = httpx.request(method, f"{self.url}/{path}", json=body, timeout=60.0)
        answer.raise_for_status()
        return answer.json()

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Start a run by hand, as the UI does. Returns its id."""
        registered = self.api("GET", f"deployments/name/{deployment}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.api("POST", f"deployments/{registered['id']}/create_flow_run", body)["id"]

    def state(self, run: str) -> dict[str, Any]:
        return self.api("GET", f"flow_runs/{run}")["state"]

    def wait_until(self, run: str, is_reached: Any) -> dict[str, Any]:
        """The state of a run once `is_reached(state)`; the worker's log in the failure if it ends before."""
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            state = self.state(run)
            if is_reached(state):
                return state
            assert state["type"] not in ENDED, f"{state['message']}\n{self.log()[-6000:]}"
            time.sleep(1.0)
        raise TimeoutError(self.log()[-6000:])

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with ExitStack() as running:
        yield Installation(tmp_path_factory.mktemp("operations"), running)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.xdist_group("loop")
class TestOperationsPage:
    def test_every_deployment_of_the_file_is_registered_with_its_schedule(self, installation: Installation) -> None:
        registered = installation.api("POST", "deployments/filter", {})
        assert sorted(deployment["name"] for deployment in registered) == [
            "diagnose",
            "evaluate",
            "nightly",
            "promote",
            "reconcile",
        ]
        crons = {
            deployment["name"]: [schedule["schedule"]["cron"] for schedule in deployment["schedules"]]
            for deployment in registered
        }
        assert crons["nightly"] == ["0 2 * * *"]
        assert crons["reconcile"] == ["*/15 * * * *"]

    def test_a_reconciliation_completes(self, installation: Installation) -> None:
        run = installation.start("reconcile/reconcile", {})
        installation.wait_until(run, lambda state: state["type"] == "COMPLETED")

    def test_a_night_begins_its_cycle_and_a_diagnosis_of_its_champion_completes(
        self, installation: Installation
    ) -> None:
        night = installation.start("retrain/nightly", {})
        installation.wait_until(night, lambda _: self._has_opened_a_cycle(installation))
        installation.api("POST", f"flow_runs/{night}/set_state", {"state": {"type": "CANCELLING"}})
        installation.wait_until(night, lambda state: state["type"] == "CANCELLED")

        problem = {"problem": "misconfig_app_hotel_res-localization-1"}
        diagnosis = installation.start("diagnose/diagnose", {"parameters": problem})
        installation.wait_until(diagnosis, lambda state: state["type"] == "COMPLETED")
        artifacts = installation.api("POST", "artifacts/filter", {})
        said = [artifact["data"] for artifact in artifacts if artifact["key"] == "diagnosis"]
        assert re.search(r"^`misconfig_app_hotel_res-localization-1` ", said[0])

    @staticmethod
    def _has_opened_a_cycle(installation: Installation) -> bool:
        """False also while the night is still making its database: the file is there before its tables are."""
        if not (installation.home / "aoi.db").exists():
            return False
        try:
            return len(entries(installation.home, "cycle_opened")) == 1
        except sqlite3.OperationalError:
            return False
