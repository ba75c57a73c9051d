"""The flow `diagnose` where Prefect or Alertmanager give it nothing: it neither fails nor claims a diagnosis."""

import subprocess
import sys
from pathlib import Path

from tests import prefect_server
from tests.docs.pages import ROOT

WITHOUT_PREFECT = """
import logging
from aoi import progress
from flows.diagnose import ENDED, _Shown

with progress.reporting_to(_Shown(logging.getLogger("aoi"))) as shown:
    shown.reach(50.0)
    shown.reach(ENDED)
print("went on")
"""
ALL_RESOLVED = """
from flows.diagnose import DiagnoseParameters, diagnose_on_demand

posted = {"version": "4", "status": "resolved", "alerts": [{"status": "resolved", "labels": {"alertname": "x"}}]}
state = diagnose_on_demand.fn(DiagnoseParameters(cluster="prod", alertmanager=posted))
print(state.type.value, state.message)
"""


def ran(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """A program where nobody answers as Prefect's server."""
    env = prefect_server.environment(folder, "http://127.0.0.1:9/api", AOI_HOME=str(folder / "home"))
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended


def test_a_prefect_server_that_is_away_costs_the_bar_and_nothing_else(tmp_path: Path) -> None:
    ended = ran(tmp_path, WITHOUT_PREFECT)
    assert ended.stdout == "went on\n"
    assert ended.stderr.count("the progress is not shown") == 1


def test_a_run_by_alerts_that_are_all_resolved_is_complete_and_says_so(tmp_path: Path) -> None:
    assert ran(tmp_path, ALL_RESOLVED).stdout.startswith(
        "COMPLETED Nothing to diagnose: none of its 1 alerts is firing"
    )
