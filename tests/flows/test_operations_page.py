"""docs/operations.md as an operator follows it: its own lines, a real Prefect server, a worker, the deployments."""

import re
import shlex
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import prefect_server
from tests.access.live.servers import NAMESPACE, Received, Sent, as_json, reviewing, scripted
from tests.command import AOI
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.flows.live_cluster import BROKEN, LiveCluster
from tests.flows.test_diagnose import STUCK
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
            self.run(words, AOI_CHECKOUT="/of/the/machine/that/deploys")

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return prefect_server.ask(method, f"{self.url}/{path}", body)

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Start a run by hand, as the UI does. Returns its id."""
        registered = self.api("GET", f"deployments/name/{deployment}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.api("POST", f"deployments/{registered['id']}/create_flow_run", body)["id"]

    def aoi(self, *words: str) -> None:
        """A command of the same home."""
        self.run([*AOI, *words])

    def run(self, words: list[str], **variables: str) -> None:
        """A command as the page's reader types it, to its end."""
        env = {**self.env, **variables}
        ended = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_S, check=False)
        assert ended.returncode == 0, f"{words}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"

    def artifacts(self, run: str, kind: str) -> list[dict[str, Any]]:
        """What a run left, of one kind."""
        body = {"artifacts": {"flow_run_id": {"any_": [run]}, "type": {"any_": [kind]}}}
        return self.api("POST", "artifacts/filter", body)

    def logs(self, run: str) -> list[dict[str, Any]]:
        return self.api("POST", "logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})

    def wait_for_run(self, is_it: Callable[[dict[str, Any]], bool]) -> str:
        """The id of a run that somebody else started, by its parameters."""
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            for run in self.api("POST", "flow_runs/filter", {}):
                if is_it(run["parameters"]):
                    return run["id"]
            time.sleep(1.0)
        raise TimeoutError(self.log()[-6000:])

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

    def wait_for_line(self, run: str, begins: str) -> None:
        """Until the run's log has such a line: a run has completed before its last lines are sent."""
        deadline = time.monotonic() + BUSY_S
        while not any(line["message"].startswith(begins) for line in self.logs(run)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no line of {run} begins with {begins!r}: {self.logs(run)}")
            time.sleep(1.0)

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

    def test_a_schedule_has_its_next_runs_planned_by_the_server(self, installation: Installation) -> None:
        nightly = installation.api("GET", "deployments/name/retrain/nightly")["id"]
        asked = {"deployments": {"id": {"any_": [nightly]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        deadline = time.monotonic() + BUSY_S
        while not (planned := installation.api("POST", "flow_runs/filter", asked)) and time.monotonic() < deadline:
            time.sleep(1.0)
        assert {run["expected_start_time"][11:16] for run in planned} == {"02:00"}

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
        assert re.search(r"^## Answer\n\n```text\n(fault|no fault|inconclusive)", said[0])

    def test_a_registered_cluster_is_diagnosed_with_progress_and_its_answer_is_a_page(
        self, installation: Installation, cluster: LiveCluster
    ) -> None:
        installation.aoi("clusters", "add", "prod", "--kubeconfig", str(cluster.kubeconfig))
        (line,) = (
            said.text for said in pages.shell_lines() if said.text.startswith("prefect deployment run diagnose/")
        )
        installation.run(shlex.split(line))
        run = installation.wait_for_run(
            lambda given: given.get("parameters", {}).get("symptoms") == ["checkout is slow"]
        )
        installation.wait_until(run, lambda state: state["type"] == "COMPLETED")
        (page,) = installation.artifacts(run, "markdown")
        assert "fault: till-worker (missingconfig)" in page["data"]
        assert page["description"].startswith("diagnosis:")
        (bar,) = installation.artifacts(run, "progress")
        assert bar["data"] == 100.0
        installation.wait_for_line(run, "survey    fault: till-worker")

    def test_the_form_has_a_field_for_everything_that_may_be_asked(self, installation: Installation) -> None:
        schema = installation.api("GET", "deployments/name/diagnose/diagnose")["parameter_openapi_schema"]
        fields = schema["definitions"]["DiagnoseParameters"]["properties"]
        assert {"cluster", "namespaces", "symptoms", "kind", "budget_s", "problem"} <= set(fields)
        assert fields["kind"]["enum"] == ["detection", "localization", "analysis"]
        assert [name for name, field in fields.items() if not field.get("description")] == []

    def test_an_event_with_what_alertmanager_posts_starts_a_diagnosis(
        self, installation: Installation, cluster: LiveCluster
    ) -> None:
        installation.aoi("clusters", "add", "paged", "--kubeconfig", str(cluster.kubeconfig))
        labels = {"alertname": "Paged", "namespace": BROKEN, "deployment": "till-worker", "text": "{{ 7 * 7 }}"}
        body = {"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": labels}]}
        event = {
            "event": "aoi.alerts.firing",
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "resource": {"prefect.resource.id": "aoi.cluster.paged"},
            "payload": {"cluster": "paged", "alertmanager": body},
        }
        installation.api("POST", "events", [event])
        run = installation.wait_for_run(lambda given: given.get("parameters", {}).get("cluster") == "paged")
        installation.wait_until(run, lambda state: state["type"] == "COMPLETED")
        (page,) = installation.artifacts(run, "markdown")
        assert "fault: till-worker (missingconfig)" in page["data"]

    def test_a_run_by_alerts_that_are_all_resolved_completes(self, installation: Installation) -> None:
        posted = {"version": "4", "status": "resolved", "alerts": [{"status": "resolved", "labels": {}}]}
        asked = {"parameters": {"cluster": "resolved", "alertmanager": posted}}
        run = installation.start("diagnose/diagnose", asked)
        state = installation.wait_until(run, lambda state: state["type"] == "COMPLETED")
        assert state["message"].startswith("Nothing to diagnose: ")

    def test_a_run_that_is_cancelled_keeps_what_it_has_seen(self, installation: Installation, tmp_path: Path) -> None:
        stalled, released = threading.Event(), threading.Event()

        def script(received: Received) -> Sent:
            if received.is_review:
                return reviewing(received)
            if received.path.partition("?")[0].endswith(f"/namespaces/{NAMESPACE}"):
                return as_json({"kind": "Namespace", "metadata": {"name": NAMESPACE}})
            if received.path.partition("?")[0].endswith("/pods"):
                return as_json({"kind": "PodList", "items": [STUCK]})
            stalled.set()
            released.wait(60)
            return [None]

        with scripted(script) as server:
            kubeconfig = server.kubeconfig(tmp_path / "config")
            installation.aoi("clusters", "add", "stalled", "--kubeconfig", str(kubeconfig))
            run = installation.start("diagnose/diagnose", {"parameters": {"cluster": "stalled"}})
            assert stalled.wait(RUN_S)
            installation.api("POST", f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
            try:
                installation.wait_until(run, lambda state: state["type"] == "CANCELLED")
            finally:
                released.set()
        (page,) = installation.artifacts(run, "markdown")
        assert "fault: web" in page["data"]
        assert "interrupted" in page["data"]

    @staticmethod
    def _has_opened_a_cycle(installation: Installation) -> bool:
        """False also while the night is still making its database: the file is there before its tables are."""
        if not (installation.home / "aoi.db").exists():
            return False
        try:
            return len(entries(installation.home, "cycle_opened")) == 1
        except sqlite3.OperationalError:
            return False
