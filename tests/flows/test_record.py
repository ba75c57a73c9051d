"""`aoi record` and `aoi replay` as processes: one answer from both, gaps included, and no file is overwritten."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.command import aoi
from tests.flows.live_cluster import BROKEN, CALM, POOR, LiveCluster


def record(cluster: LiveCluster, home: Path, to: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return aoi(home, "record", "--kubeconfig", str(cluster.kubeconfig), "--to", str(to), *arguments)


@pytest.mark.parametrize(
    ("arguments", "status", "gap"),
    [
        (("-n", BROKEN, "-n", CALM), 0, None),
        (("-A",), 0, None),
        (("-n", CALM, "--symptom", "vault is slow"), 3, None),
        (("-n", CALM, "--context", POOR.name), 3, "refused"),
    ],
)
def test_a_replay_gives_the_recorded_answer_gaps_and_reports_included(
    arguments: tuple[str, ...], status: int, gap: str | None, cluster: LiveCluster, tmp_path: Path
) -> None:
    recorded = record(cluster, tmp_path / "home", tmp_path / "case", *arguments, "--json")
    replayed = aoi(tmp_path / "other", "replay", str(tmp_path / "case"), "--json")
    assert (recorded.returncode, replayed.returncode) == (status, status), recorded.stderr + replayed.stderr
    before, after = json.loads(recorded.stdout), json.loads(replayed.stdout)
    assert before["answer"] == after["answer"]
    assert before["symptoms"] == after["symptoms"]
    reasons = {one["reason"] for one in after["answer"]["coverage"]["gaps"]}
    assert gap is None or gap in reasons
    assert replayed.stderr == ""


def test_no_file_is_overwritten_and_a_folder_that_is_not_there_is_told_before_anything_is_read(
    cluster: LiveCluster, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("keep me")
    for place, why in ((tmp_path / "mine", "exists already"), (tmp_path / "none" / "case", "does not exist")):
        said = record(cluster, tmp_path / "home", place, "-n", CALM)
        assert said.returncode == 69
        assert why in said.stderr
    assert (tmp_path / "mine").read_text() == "keep me"


def test_another_answer_than_the_recorded_one_is_told(cluster: LiveCluster, tmp_path: Path) -> None:
    case = tmp_path / "case"
    assert record(cluster, tmp_path / "home", case, "-n", CALM).returncode == 0
    head, _, rest = case.read_text().partition("\n")
    case.write_text(json.dumps({**json.loads(head), "answer": "0" * 64}) + "\n" + rest)
    assert "answered differently" in aoi(tmp_path / "home", "replay", str(case)).stderr


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("not a recording")
    for name in ("notes", "nowhere"):
        said = aoi(tmp_path / "home", "replay", str(tmp_path / name))
        assert said.returncode == 69
        assert [line for line in said.stderr.splitlines() if line.startswith("error: ")] == said.stderr.splitlines()[
            -1:
        ]
        assert name in said.stderr
        assert "Traceback" not in said.stderr


def test_where_to_look_is_asked_for(tmp_path: Path) -> None:
    said = aoi(tmp_path / "home", "record", "--to", str(tmp_path / "case"), KUBECONFIG="")
    assert said.returncode == 2
    assert "say where to look" in said.stderr
