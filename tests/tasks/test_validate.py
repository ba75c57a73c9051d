"""What is learned from is held against what this cycle will be measured on, and against former evaluations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.errors import ContractViolation
from aoi.records.learning import TrainingExample
from aoi.records.problem import Problem, ProblemInstance
from aoi.records.promotion import Cycle, LedgerFacts
from aoi.store.shards import put_rows
from tasks.evaluate import planned_of
from tasks.validate import validate_examples
from tasks.workspace import workspace
from tests.data_contracts.test_contracts import example, plan
from tests.promotion.evaluations import simulated
from tests.store.episodes import problem

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations warns about its own parts
EVALUATED = simulated(0.1, problems=12, controls=4)
PLAN = plan(0)
CYCLE = Cycle(number=2, champion="c" * 64, is_new=True)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AOI_HOME", str(tmp_path))
    workspace.cache_clear()
    yield
    workspace().database.close()
    workspace.cache_clear()


def accepted(*rows: TrainingExample) -> int:
    """How many of them, beside twenty that are clean."""
    batch = put_rows(workspace().store, "examples", [*(clean(number) for number in range(20)), *rows])
    checked = validate_examples.fn(CYCLE, batch, put_rows(workspace().store, "plans", [PLAN]))
    assert checked.reports[-1].contract == "leakage"
    return checked.reports[-1].accepted - 20


def clean(number: int, **changes: object) -> TrainingExample:
    """Of a problem that no catalogue knows, so that nothing is measured on it."""
    own = {"instance": ProblemInstance(problem=unknown(number), seed=number), "plan": PLAN.digest()}
    return example(number, **own | changes)


def unknown(number: int, **changes: object) -> Problem:
    return problem(number, id=f"handmade-{number}", **changes)


def of_a_coming_evaluation() -> ProblemInstance:
    """A training problem under whose name a world of this cycle's evaluation hides."""
    instance = next(spec.instance for spec in planned_of(CYCLE) if spec.instance.problem.slice == "seen")
    hidden = {name: getattr(instance.problem, name) for name in ("application", "fault", "target")}
    return ProblemInstance(problem=unknown(99, **hidden), seed=instance.seed)


def test_a_plan_that_was_refused_teaches_nothing() -> None:
    assert accepted(clean(99, plan="f" * 64)) == 0
    assert accepted(clean(99)) == 1


def test_a_world_of_the_coming_evaluation_refuses_the_batch() -> None:
    leak = of_a_coming_evaluation()
    assert accepted(clean(99, instance=leak.model_copy(update={"seed": leak.seed + 1}))) == 1
    with pytest.raises(ContractViolation, match="leakage"):
        accepted(clean(99, instance=leak))


def test_an_episode_of_a_former_evaluation_refuses_the_batch() -> None:
    leaks = [EVALUATED.pairs[3].champion_trajectory, EVALUATED.pairs[3].challenger_trajectory]
    assert accepted(*(clean(90 + n, source_trajectory=leak) for n, leak in enumerate(leaks))) == 2
    kept = workspace().store.put("evaluation", EVALUATED)
    ledger = workspace().ledger
    ledger.install(LedgerFacts(bundle=CYCLE.champion, version="1", tree="1" * 64), "somebody")
    ledger.evaluated(ledger.open_cycle("somebody").number, LedgerFacts(evaluation=kept.sha256), "somebody")
    for leak in leaks:
        with pytest.raises(ContractViolation, match="leakage"):
            accepted(clean(99, source_trajectory=leak))
