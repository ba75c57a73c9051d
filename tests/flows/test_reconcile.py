"""A retraining that people's words want is started once by a real Prefect server, and told where none can start it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import prefect_server
from tests.docs.pages import ROOT

ASK = """
from prefect import flow
from flows.reconcile import request_retraining
from tasks.wanted import Wanted

@flow
def ask(cycle: int) -> None:
    request_retraining(Wanted(after_cycle=cycle, asked=1, wrong=3, rated=4))

for cycle in {cycles}:
    ask(cycle)
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_server.running(tmp_path_factory.mktemp("prefect")) as url:
        yield url


def ask(api: str, folder: Path, *cycles: int) -> str:
    """Ask after each of the cycles, in one process. Returns its log."""
    env = prefect_server.environment(folder, api, AOI_HOME=str(folder / "home"))
    program = [sys.executable, "-c", ASK.format(cycles=cycles)]
    ended = subprocess.run(program, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stderr


def deployed(api: str) -> str:
    """Id of a deployment `retrain/nightly` that no worker serves."""
    flow = httpx.post(f"{api}/flows/", json={"name": "retrain"}).raise_for_status().json()
    body = {"name": "nightly", "flow_id": flow["id"]}
    return httpx.post(f"{api}/deployments/", json=body).raise_for_status().json()["id"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_wanted_retraining_is_started_once_for_each_cycle_and_told_where_none_is_deployed(
    api: str, tmp_path: Path
) -> None:
    told = ask(api, tmp_path, 6)
    assert "3 of the last 4 answers of the champion that people rated were wrong" in told
    assert "aoi retrain" in told

    deployment = deployed(api)
    ask(api, tmp_path, 7, 7, 8)
    runs = httpx.post(f"{api}/flow_runs/filter", json={"deployments": {"id": {"any_": [deployment]}}})
    asked = runs.raise_for_status().json()
    assert sorted(run["idempotency_key"] for run in asked) == [
        "retraining-after-cycle-7-1",
        "retraining-after-cycle-8-1",
    ]
    assert {tag for run in asked for tag in run["tags"]} == {"requested"}
