"""The champion plays in an orchestrator of AIOpsLab's protocol as well, within its steps."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.records.problem import TaskKind
from tasks.aiopslab import agent
from tasks.workspace import workspace
from tests.interop.orchestrator import play, served
from tests.models.small import make_base
from tests.tasks.requested import store_base

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts


@pytest.fixture
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    yield
    workspace().database.close()
    workspace.cache_clear()


@pytest.mark.usefixtures("_home")
def test_a_model_that_knows_nothing_looks_by_itself_and_submits_within_its_steps(tmp_path: Path) -> None:
    store_base(make_base(tmp_path / "base", steps=5))
    with served(tmp_path / "shell", "misconfig_app_hotel_res-localization-1") as (built, shell):
        player = agent(max_steps=12, is_demonstration=True)
        played = asyncio.run(play(player, TaskKind.LOCALIZATION, built.namespace, shell, max_steps=12))
    assert player.error is None
    assert played.is_submitted
    assert isinstance(played.submitted, list)
    assert player.answer is not None
    assert player.answer.coverage is not None, "the survey looked first"


@pytest.mark.usefixtures("_home")
def test_without_a_champion_the_submission_claims_nothing_and_the_reason_is_told(tmp_path: Path) -> None:
    with served(tmp_path / "shell", "misconfig_app_hotel_res-localization-1") as (built, shell):
        player = agent(max_steps=12, is_demonstration=True)
        played = asyncio.run(play(player, TaskKind.LOCALIZATION, built.namespace, shell, max_steps=12))
    assert played.submitted == []
    assert "aoi retrain" in str(player.error)
