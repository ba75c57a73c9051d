"""A model's answer about a live cluster stands beside the survey's, with what both rest on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.language.lexicon import MAX_HANDLES
from tasks.diagnose import LiveTarget, diagnose_live
from tasks.workspace import workspace
from tests.flows.live_cluster import BROKEN, deploy, live_cluster
from tests.models.small import make_base
from tests.tasks.test_promote import store_base

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts


@pytest.fixture
def _champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A model that has learnt next to nothing."""
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    store_base(make_base(tmp_path / "base", steps=5))
    yield
    workspace().database.close()
    workspace.cache_clear()


@pytest.mark.usefixtures("_champion")
def test_a_model_that_knows_nothing_takes_nothing_from_the_survey(tmp_path: Path) -> None:
    with live_cluster(tmp_path) as cluster:
        told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)), is_demonstration=True)
    assert told.survey is not None
    assert (told.survey.verdict, told.survey.component) == ("fault", "till-worker")
    assert told.survey.coverage is not None
    assert told.survey.coverage.namespaces == (BROKEN,)
    assert told.answer is None or told.answer.coverage is not None
    assert told.answer is None or told.answer.verdict != "no_fault"
    assert told.trajectory is not None
    assert told.bundle == told.trajectory.content.bundle
    assert {evidence.signal.subject for evidence in told.evidence} >= {"till-worker"}


@pytest.mark.usefixtures("_champion")
def test_components_that_a_model_has_no_handle_for_are_told_and_healthy(tmp_path: Path) -> None:
    with live_cluster(tmp_path) as cluster:
        for number in range(MAX_HANDLES + 5):
            deploy(cluster.world, BROKEN, f"till-{number}")
        cluster.world.advance(120_000)
        told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)), is_demonstration=True)
    assert told.trajectory is not None
    assert "till-worker" in told.trajectory.content.handles.values()
    assert told.answer is not None
    assert told.answer.coverage is not None
    gap = told.answer.coverage.lacks("handles")[0]
    assert "have no short name" in gap.detail
    assert "till-worker" not in gap.detail


def test_whoever_asks_no_model_does_not_wait_for_one_to_be_loaded() -> None:
    program = "import sys, tasks.diagnose, flows.transcript; print({'torch', 'prefect', 'mlflow'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
