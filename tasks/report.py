"""Report: what a cycle came to, made of the records that it left."""

from pathlib import Path

from aoi.records.base import Ref
from aoi.records.evaluation import EvaluationResult
from aoi.records.promotion import Cycle, PromotionRequest
from aoi.records.report import CycleReport
from aoi.records.standings import Standings
from tasks.evaluate import Evaluated
from tasks.evolve import Corrections
from tasks.kept import keep_report, kept_times
from tasks.register import registered_before
from tasks.tracking import end_run
from tasks.workspace import workspace


def report(
    cycle: Cycle,
    corrections: Corrections,
    evaluated: Evaluated,
    request: PromotionRequest,
    page: Path,
    decision: str,
) -> CycleReport:
    """The summary of a cycle; kept, so that `aoi status` shows it later."""
    ws = workspace()
    evaluation = ws.store.get(_evaluation_ref(request), EvaluationResult)
    registered = registered_before(cycle)
    made = CycleReport(
        cycle=cycle.number,
        champion=request.champion,
        challenger=request.challenger,
        challenger_version=request.challenger_version,
        evaluation=request.evaluation,
        overall=evaluation.overall,
        slices=evaluation.slices,
        kinds=evaluation.kinds,
        controls=evaluation.controls,
        standings=ws.store.get(evaluated.standings, Standings),
        verdict=request.decision.verdict,
        reasons=tuple(f"{check.name}: {check.detail}" for check in request.decision.checks if not check.passed),
        further_runs=request.decision.further_runs,
        power=request.decision.power,
        detectable_gain=request.decision.detectable_gain,
        decision=decision,
        learning=corrections.learning,
        judge=registered.judge if registered else None,
        stages=kept_times(cycle.number),
        review_page=str(page),
    )
    keep_report(made)
    end_run(made)
    return made


def _evaluation_ref(request: PromotionRequest) -> Ref[EvaluationResult]:
    return workspace().store.find(f"evaluation:{request.evaluation}")
