"""Who asks no model waits for none: what a diagnosis of a live cluster loads."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.diagnosis import PROGRAM
from tests.flows.live_cluster import BROKEN, live_cluster


def test_a_diagnosis_without_a_model_loads_no_vendor_of_models(tmp_path: Path):
    with live_cluster(tmp_path) as live:
        command = [sys.executable, "-c", PROGRAM, "diagnose", "--kubeconfig", str(live.kubeconfig), "-n", BROKEN]
        environment = {**os.environ, "AOI_HOME": str(tmp_path / "home")}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "till-settings" in done.stdout
    assert done.stderr.rstrip().endswith("loaded:")


def test_a_diagnosis_loads_nothing_that_can_change_a_cluster():
    program = "import sys, tasks.diagnose, tasks.answers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "tasks.clusters" in loaded
    assert loaded.isdisjoint({"aoi.agents.executor", "aoi.agents.gate", "tasks.executing", "tasks.actions"})
