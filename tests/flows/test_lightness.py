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
