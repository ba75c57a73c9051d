"""The registry's run of a cycle ends when the cycle does, and says what it came to."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aoi.records.evaluation import Interval, SliceResult
from aoi.records.promotion import LedgerFacts, PromotionRequest
from aoi.records.report import CycleReport, LearningReport, StageTime
from models.registry import Registry
from tasks.cycle import close_cycle, open_cycle
from tasks.kept import keep_report
from tasks.runs import hold, let_go
from tasks.tracking import LOOP, end_left_runs, end_run
from tasks.workspace import keep_settings, workspace
from tests.promotion.evaluations import pair, result
from tests.promotion.requests import decision, facts

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts
AWAY = "http://127.0.0.1:9"
MEASURED = result([pair(number, before=False, after=True) for number in range(3)])


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables take seconds to make: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("mlflow")
    Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts", name="empty")
    return folder / "mlflow.db"


@pytest.fixture
def home(schema: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation with a champion, and with a registry that knows of nothing."""
    shutil.copy(schema, tmp_path / "mlflow.db")
    at(tmp_path, monkeypatch)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    tree = workspace().store.put_folder("bundle", tmp_path / "bundle")
    workspace().ledger.install(facts(0).model_copy(update={"tree": tree.sha256}), "ann")
    yield tmp_path
    workspace().database.close()
    workspace.cache_clear()


def at(home: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    if workspace.cache_info().currsize:
        workspace().database.close()
    ours = {"AOI_HOME": str(home), "AOI_MLFLOW_URI": f"sqlite:///{home / 'mlflow.db'}", "AOI_TRAINING__GROUP_SIZE": "8"}
    for name, value in {**ours, **variables}.items():
        monkeypatch.setenv(name, value)
    workspace.cache_clear()


def request_of(cycle: int) -> PromotionRequest:
    """What a cycle brings up to its request."""
    ws = workspace()
    made = ws.store.put("evaluation", MEASURED)
    examples = ws.store.put("examples", b"{}\n{}\n")
    challenger = facts(cycle).model_copy(update={"settings": keep_settings(), "data": (examples.sha256,)})
    ws.ledger.register(cycle, challenger, "nightly")
    champion = workspace().ledger.champion()
    assert champion is not None
    seen = LedgerFacts(bundle=challenger.bundle, replaces=champion.bundle, evaluation=made.sha256)
    ws.ledger.evaluated(cycle, seen, "nightly")
    request = PromotionRequest(
        cycle=cycle,
        champion=champion.bundle,
        challenger=challenger.bundle or "",
        challenger_version=challenger.version or "",
        evaluation=made.sha256,
        decision=decision(made.sha256, "reject"),
    )
    ws.ledger.request(request, "nightly")
    return request


def closed(request: PromotionRequest) -> CycleReport:
    """The report of a cycle that was closed."""
    gain = Interval(estimate=0.1, low=0.05, high=0.15, level=0.9, n=80)
    overall = SliceResult(name="overall", champion_rate=0.5, challenger_rate=0.6, gain=gain, runs=80)
    made = CycleReport(
        cycle=request.cycle,
        champion=request.champion,
        challenger=request.challenger,
        challenger_version=request.challenger_version,
        evaluation=request.evaluation,
        overall=overall,
        slices=(),
        kinds=(),
        controls=overall,
        verdict=request.decision.verdict,
        reasons=("gain: not proven",),
        power=0.8,
        detectable_gain=0.1,
        decision=close_cycle(workspace().ledger.open_cycle("nightly"), request, None),
        learning=LearningReport(episodes=1, solved=1),
        stages=(StageTime(stage="collect", seconds=2.0), StageTime(stage="train", seconds=3.0)),
        review_page="",
    )
    keep_report(made)
    return made


def shown(home: Path, cycle: int) -> Any:
    """The run as whoever opens MLflow sees it."""
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}")
    return registry._client.get_run(registry.run(cycle))


def check_whole(run: Any, request: PromotionRequest) -> None:
    assert run.info.status == "FINISHED"
    assert run.data.params["training.group_size"] == "8"
    assert (run.data.tags["aoi.verdict"], run.data.tags["aoi.decision"]) == ("reject", "not proposed")
    assert run.data.metrics["stages_s"] == 5.0
    for told in (request.digest()[:12], request.evaluation[:12], "50.0% -> 60.0%", "+10.0 points [+5.0, +15.0]"):
        assert told in run.data.tags["mlflow.note.content"]
    sets = {each.dataset.name: json.loads(each.dataset.profile)["num_rows"] for each in run.inputs.dataset_inputs}
    assert sets == {"examples": 2, "evaluation": len(MEASURED.pairs)}


def test_a_cycle_is_shown_as_under_way_and_ended_with_settings_figures_sets_and_the_verdict(home: Path) -> None:
    cycle = open_cycle().cycle.number
    assert shown(home, cycle).info.status == "RUNNING"
    request = request_of(cycle)
    end_run(closed(request))
    check_whole(shown(home, cycle), request)


def test_a_night_ends_while_the_registry_is_away_and_the_next_shows_what_it_came_to(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle = open_cycle().cycle.number
    request = request_of(cycle)
    at(home, monkeypatch, AOI_MLFLOW_URI=AWAY)
    end_run(closed(request))
    at(home, monkeypatch)
    assert shown(home, cycle).info.status == "RUNNING"
    at(home, monkeypatch, AOI_TRAINING__GROUP_SIZE="2")  # of the next night, and no matter of this one
    open_cycle()
    at(home, monkeypatch)
    check_whole(shown(home, cycle), request)


def test_a_cycle_opens_while_the_registry_is_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(home, monkeypatch, AOI_MLFLOW_URI=AWAY)
    assert open_cycle().cycle.number == 1


def test_an_open_cycle_that_nobody_works_on_is_killed_and_under_way_again_when_it_goes_on(home: Path) -> None:
    registry = Registry.of(workspace().settings)
    hold(LOOP, "run")
    cycle = open_cycle().cycle.number
    end_left_runs(registry)
    assert shown(home, cycle).info.status == "RUNNING"
    let_go("run")
    end_left_runs(registry)
    assert shown(home, cycle).info.status == "KILLED"
    open_cycle()
    assert shown(home, cycle).info.status == "RUNNING"


def test_a_cycle_that_was_closed_without_a_report_is_killed_and_one_of_others_left_alone(home: Path) -> None:
    registry = Registry.of(workspace().settings)
    request = request_of(open_cycle().cycle.number)
    close_cycle(workspace().ledger.open_cycle("nightly"), request, None)
    for cycle in (0, 99):  # the installation, and a cycle of an installation that shares the registry
        registry.begin(cycle)
    hold(LOOP, "run")
    following = open_cycle().cycle.number
    let_go("run")
    states = [shown(home, cycle).info.status for cycle in (0, request.cycle, following, 99)]
    assert states == ["FINISHED", "KILLED", "RUNNING", "RUNNING"]
