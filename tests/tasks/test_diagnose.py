"""A model's answer about a live cluster stands beside the survey's, with what both rest on."""

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aoi import progress
from aoi.language.lexicon import MAX_HANDLES
from flows.events import EventLines
from tasks.diagnose import LiveTarget, SurveyClock, diagnose_live
from tasks.workspace import workspace
from tests.flows.live_cluster import BROKEN, deploy, live_cluster
from tests.models.protocol_server import ProtocolServer
from tests.models.small import make_base
from tests.models.talking_server import talking
from tests.tasks.requested import store_base

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


def silent(body: dict[str, Any], is_over: threading.Event) -> bytes:
    is_over.wait(60)
    return b"{}"


@pytest.mark.usefixtures("_champion")
def test_a_cancelled_diagnosis_leaves_its_model_and_tells_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, events = SurveyClock(), io.StringIO()
    with live_cluster(tmp_path) as cluster, talking(silent) as server:
        monkeypatch.setenv("AOI_SERVER__URL", server.url)
        workspace.cache_clear()

        def cancel() -> None:
            server.has_been_asked.wait(60)
            clock.stop()

        threading.Thread(target=cancel, daemon=True).start()
        with progress.reporting_to(EventLines(events)):
            told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)), clock=clock)
    assert told.ended == "cancelled"
    assert told.answer is not None
    assert (told.answer.verdict, told.answer.coverage is not None) == ("inconclusive", True)
    assert "cancelled" in told.answer.summary
    assert told.survey is not None
    assert told.survey.component == "till-worker"
    costs = {cost.role: cost for cost in told.costs}
    assert costs["survey"].requests > 10
    assert costs["survey"].bytes > 1_000
    kinds = [json.loads(line)["event"] for line in events.getvalue().splitlines()]
    assert kinds == ["surveyed", "asked", "stopped"]


@pytest.mark.usefixtures("_champion")
def test_an_interrupt_while_the_model_is_opened_leaves_the_surveys_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is asked first for its list of models. This one says nothing then, and Ctrl-C comes."""
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        server.has_been_listed.wait(60)
        signal.pthread_kill(main, signal.SIGINT)

    with live_cluster(tmp_path) as cluster, talking(silent, lists_models=False) as server:
        monkeypatch.setenv("AOI_SERVER__URL", server.url)
        workspace.cache_clear()
        threading.Thread(target=interrupt, daemon=True).start()
        told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)))
    assert told.ended == "interrupted"
    assert told.answer is not None
    assert (told.answer.verdict, told.answer.component) == ("fault", "till-worker")
    assert told.answer.coverage is not None
    assert [gap.reason for gap in told.answer.coverage.lacks("model")] == ["skipped"]
    assert told.kept_as is not None


@pytest.mark.usefixtures("_champion")
def test_what_another_model_said_is_no_answer_of_the_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_cluster(tmp_path) as cluster, ProtocolServer(tmp_path / "base") as server:
        monkeypatch.setenv("AOI_SERVER__URL", server.url)
        workspace.cache_clear()
        told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)))
        assert told.bundle is not None
        server.answer_with("base", None, base=make_base(tmp_path / "other", steps=1))
        told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig)))
    assert server.bodies, "it was asked, and answered"
    assert (told.bundle, told.version, told.trajectory) == (None, None, None)
    assert told.answer is not None
    assert told.answer.component == "till-worker"
    (gap,) = told.answer.coverage.lacks("model") if told.answer.coverage else ()
    assert "is not answered by base:" in gap.detail


def test_whoever_asks_no_model_does_not_wait_for_one_to_be_loaded() -> None:
    program = "import sys, tasks.diagnose, flows.transcript; print({'torch', 'prefect', 'mlflow'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
