"""Runs that were killed, on a real Prefect server: told as crashed, and their slot of a limit free for the next."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from tests import prefect_server
from tests.command import AOI
from tests.docs.pages import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WAIT_S = 240.0
SLEEPS = """
import time
from pathlib import Path
from prefect import flow, task
from flows.runs import watched

@task
def sleep(marker: str, seconds: float) -> None:
    Path(marker).touch()
    time.sleep(seconds)

@watched
@flow(name="sleeps")
def sleeps(marker: str, seconds: float) -> None:
    sleep(marker, seconds)
"""


class Prefect:
    """A server with a deployment of which one run may be at work, and workers' processes as Prefect starts them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        (folder / "sleeps.py").write_text(SLEEPS)
        self.env = prefect_server.environment(folder, url, AOI_HOME=str(folder / "home"))
        flow = self.post("flows/", name="sleeps")
        self.deployment = self.post(
            "deployments/",
            name="one",
            flow_id=flow["id"],
            concurrency_limit=1,
            path=str(folder),
            entrypoint="sleeps.py:sleeps",
        )["id"]

    def post(self, place: str, /, **body: Any) -> Any:
        return httpx.post(f"{self.url}/{place}", json=body, timeout=60.0).raise_for_status().json()

    def asked_for(self, seconds: float) -> str:
        """A run that is scheduled. Its marker is beside the flow."""
        parameters = {"marker": str(self.folder / str(uuid4())), "seconds": seconds}
        path = f"deployments/{self.deployment}/create_flow_run"
        return self.post(path, parameters=parameters, state={"type": "SCHEDULED"})["id"]

    def read(self, run: str) -> Any:
        return httpx.get(f"{self.url}/flow_runs/{run}", timeout=60.0).raise_for_status().json()

    def takes_slot(self, run: str) -> bool:
        """Whether a worker that proposes to start the run may."""
        return self.post(f"flow_runs/{run}/set_state", state={"type": "PENDING"})["status"] == "ACCEPT"

    def started(self, run: str) -> subprocess.Popen[bytes]:
        """The process of a run, as a worker starts it."""
        env = {**self.env, "PREFECT__FLOW_RUN_ID": run}
        return subprocess.Popen([sys.executable, "-m", "prefect.engine"], env=env, cwd=self.folder)

    def killed(self) -> str:
        """A run whose process was killed while its task was at work."""
        run = self.asked_for(600.0)
        assert self.takes_slot(run)
        marker = Path(self.read(run)["parameters"]["marker"])
        with self.started(run) as process:
            wait_until(marker.exists)
            wait_until(lambda: self.states_of_tasks(run) == {"RUNNING"})  # which comes to the server by an event
            os.kill(process.pid, signal.SIGKILL)
        return run

    def aoi(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*AOI, *words], env=self.env, cwd=ROOT, capture_output=True, text=True, check=False)

    def states_of_tasks(self, run: str) -> set[str]:
        body = {"flow_runs": {"id": {"any_": [run]}}}
        return {task["state_type"] for task in self.post("task_runs/filter", **body)}


def wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    folder = tmp_path_factory.mktemp("prefect")
    with prefect_server.running(folder) as url:
        yield Prefect(url, folder)


def test_a_killed_run_is_crashed_by_reconcile_with_its_tasks_and_the_next_gets_its_slot(prefect: Prefect) -> None:
    run, following = prefect.killed(), prefect.asked_for(0.0)
    assert prefect.read(run)["state_type"] == "RUNNING", "Prefect alone does not see it"
    assert not prefect.takes_slot(following)

    told = prefect.aoi("reconcile", "--json")
    assert told.returncode == 0, told.stderr
    (line,) = json.loads(told.stdout)["crashed"]
    assert prefect.read(run)["name"] in line
    assert prefect.read(run)["state_type"] == "CRASHED"
    assert prefect.states_of_tasks(run) == {"CRASHED"}

    assert prefect.takes_slot(following)
    with prefect.started(following) as process:
        assert process.wait(WAIT_S) == 0
    assert prefect.read(following)["state_type"] == "COMPLETED"
    again = prefect.aoi("reconcile", "--json")
    assert json.loads(again.stdout)["crashed"] == [], "a run that ended well left nothing, and the other was told once"


def test_a_run_whose_heartbeats_stop_is_crashed_by_the_automation_that_is_shipped(prefect: Prefect) -> None:
    automation = yaml.safe_load((ROOT / "automations.yaml").read_text())
    automation["trigger"]["within"] = 10  # Prefect takes no less
    made = prefect.post("automations/", **automation)["id"]
    try:
        run = prefect.killed()
        resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
        event = {"event": "prefect.flow-run.heartbeat", "id": str(uuid4()), "occurred": now(), "resource": resource}
        httpx.post(f"{prefect.url}/events", json=[event], timeout=60.0).raise_for_status()
        wait_until(lambda: prefect.read(run)["state_type"] == "CRASHED")
    finally:  # or it would be quicker than the reconciliation of the other test
        httpx.delete(f"{prefect.url}/automations/{made}", timeout=60.0).raise_for_status()


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
