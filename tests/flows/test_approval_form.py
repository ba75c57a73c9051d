"""The form of a promotion on a real Prefect server: what it says, what it takes, and that it waits for no process."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.workspace import workspace
from tests import prefect_server
from tests.docs.pages import ROOT
from tests.tasks.requested import Home

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts

COMMAND_S = 180
RUN_S = 300


class Waiting:
    """A server with the deployment `promote`, and a home whose request nobody has decided."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AOI_HOME", str(folder / "home"))
            workspace.cache_clear()
            self.home = Home(folder)
            workspace.cache_clear()
        variables = {"AOI_HOME": str(folder / "home"), "AOI_CHECKOUT": str(ROOT)}
        self.env = prefect_server.environment(folder, url, **variables)
        self.prefect("work-pool", "create", "local", "--type", "process")
        self.prefect("--no-prompt", "deploy", "--name", "promote")

    def prefect(self, *words: str) -> None:
        command = ["prefect", *words]
        ended = subprocess.run(
            command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]

    def worker(self) -> Any:
        """One for the block."""
        command = ["prefect", "worker", "start", "--pool", "local"]
        return prefect_server.started(command, self.env, self.folder / "worker.log")

    def start(self) -> str:
        """Id of a run that asks."""
        deployment = self.api("GET", "deployments/name/promote/promote")["id"]
        return self.api("POST", f"deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]

    def form(self, run: str) -> dict[str, Any]:
        """The schema that the page is drawn from."""
        state = self.api("GET", f"flow_runs/{run}")["state"]
        key = state["state_details"]["run_input_keyset"]["schema"]
        return self.api("GET", f"flow_runs/{run}/input/{key}")

    def description(self, run: str) -> str:
        state = self.api("GET", f"flow_runs/{run}")["state"]
        key = state["state_details"]["run_input_keyset"]["description"]
        return self.api("GET", f"flow_runs/{run}/input/{key}")

    def fill_in(self, run: str, **fields: str) -> dict[str, Any]:
        return self.api("POST", f"flow_runs/{run}/resume", {"run_input": fields})

    def wait_for(self, run: str, is_it: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + RUN_S
        while not is_it(state := self.api("GET", f"flow_runs/{run}")["state"]):
            if time.monotonic() > deadline or state["type"] in ("FAILED", "CRASHED"):
                raise AssertionError(f"{state}\n{(self.folder / 'worker.log').read_text()[-4000:]}")
            time.sleep(0.5)

    def entered(self) -> list[tuple[str, str]]:
        """What people decided: kind and the ledger's record of who."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AOI_HOME", str(self.folder / "home"))
            workspace.cache_clear()
            ledger = workspace().ledger
            found = [(entry.kind, entry.actor) for entry in ledger.entries() if entry.facts.approval]
            workspace().database.close()
            workspace.cache_clear()
        return found

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return prefect_server.ask(method, f"{self.url}/{path}", body)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    folder = tmp_path_factory.mktemp("form")
    with ExitStack() as running:
        yield Waiting(folder, running.enter_context(prefect_server.running(folder)))


def is_suspended(state: dict[str, Any]) -> bool:
    return state["type"] == "PAUSED" and state["name"] == "Suspended"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_form_says_what_is_decided_takes_no_other_word_and_is_heard_when_a_worker_returns(waiting: Waiting) -> None:
    digest = waiting.home.request.digest()
    with waiting.worker():
        left = waiting.start()
        waiting.wait_for(left, is_suspended)
        run = waiting.start()
        waiting.wait_for(run, is_suspended)
        waiting.fill_in(left, decision="keep open", approver="ada")
        waiting.wait_for(left, lambda state: state["type"] == "COMPLETED")
        assert waiting.entered() == []

    # From here on no worker and no process of the run is left.
    told = waiting.description(run)
    assert f"version `{waiting.home.request.challenger_version}`" in told
    assert f"aoi review {digest[:12]} --approve" in told
    assert f"Bundle {waiting.home.request.challenger[:12]} would replace {waiting.home.request.champion[:12]}" in told
    assert waiting.form(run)["properties"]["decision"]["enum"] == ["keep open", "approve", "reject"]
    for word in ("Approve", " approve", "yes", ""):
        assert waiting.fill_in(run, decision=word, approver="ada", request=digest)["status"] == "REJECT"
    assert waiting.fill_in(run, decision="approve", approver="ada", request=digest)["status"] == "ACCEPT"
    assert waiting.entered() == []

    with waiting.worker():
        waiting.wait_for(run, lambda state: state["type"] == "COMPLETED")
    kinds = [kind for kind, _ in waiting.entered()]
    assert kinds == ["approved", "promoted"]
    assert waiting.entered()[0][1] == "ada (by form)"
