"""docs/howto/serve-diagnoses.md as its reader follows it: the lines of its two terminals, in a shell."""

import subprocess
import sys
from pathlib import Path

from tests import prefect_server
from tests.command import environment
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.flows.live_cluster import BROKEN, live_cluster

PAGE = "docs/howto/serve-diagnoses.md"
PRELUDE = f"""
set -euo pipefail
umask 077
aoi() {{ "{sys.executable}" -m flows.entry "$@"; }}
"""
READY = """
trap 'kill $SERVER; wait $SERVER || true' EXIT
for try in $(seq 240); do curl -sf http://127.0.0.1:8321/readyz && break; sleep 0.5; done
"""


def script(port: int, kubeconfig: Path) -> str:
    """The page's lines; the one that serves stays behind, and the others wait for it."""
    lines = [said.text for said in pages.shell_lines() if said.page == PAGE]
    serving = lines.index("aoi serve")
    command = f"{sys.executable} -m flows.entry serve --port 8321 & SERVER=$!"
    whole = "\n".join((PRELUDE, *lines[:serving], command, READY, *lines[serving + 1 :]))
    return whole.replace("8321", str(port)).replace("YOURS", BROKEN).replace("probe.kubeconfig", str(kubeconfig))


def test_the_page_leads_from_a_kubeconfig_to_an_answer(tmp_path: Path) -> None:
    with live_cluster(tmp_path) as cluster:
        done = subprocess.run(
            ["bash", "-c", script(prefect_server.free_port(), cluster.kubeconfig)],
            env=environment(tmp_path / "home", PYTHONPATH=f"{ROOT}:{ROOT / 'kubeworld'}"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "event: surveyed" in done.stdout
    assert "event: result" in done.stdout
    assert '"component":"till-worker"' in done.stdout
    assert "aoi_diagnoses_total" in done.stdout
    assert "curl: " not in done.stderr
