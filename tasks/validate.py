"""Validate: every set passes its data contract; rows that do not are quarantined with their reasons."""

from collections.abc import Iterator
from typing import Any

from aoi.problems import catalogue
from aoi.records.base import Record, Ref, Sha256
from aoi.records.contracts import ContractReport
from aoi.records.episode import TrajectorySet
from aoi.records.evaluation import EvaluationResult
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.problem import ProblemInstance, Split
from aoi.records.promotion import Cycle
from aoi.store.shards import put_rows, put_trajectories, read_rows, read_set
from data_contracts import evaluations, examples, gate, leakage, plans, trajectories
from data_contracts.contract import Contract
from tasks.caching import stage
from tasks.evaluate import planned_of
from tasks.workspace import workspace

HELD_OUT: tuple[Split, ...] = ("development", "test")


class Validated(Record):
    """What was accepted, and the reports of the contracts that it passed."""

    accepted: Ref
    reports: tuple[ContractReport, ...]


@stage("evaluation", timeout_s=1800)
def validate_trajectories(cycle: Cycle, batch: Ref[TrajectorySet]) -> Validated:
    """The set without what its contract refuses. Raises: ContractViolation if the whole batch is unfit."""
    store = workspace().store
    checked = gate.accept(trajectories.CONTRACT, read_set(store, batch), store)
    leak = gate.accept(_leakage(cycle), checked.rows, store)
    accepted = put_trajectories(store, "collect", checked.rows) if checked.reasons else batch
    return Validated(accepted=accepted, reports=(checked.report, leak.report))


@stage("evaluation", timeout_s=1800)
def validate_plans(cycle: Cycle, batch: Ref) -> Validated:
    """The plans without what their contract refuses. No plan at all is no violation: nothing may have failed."""
    return _validate_rows(cycle, plans.CONTRACT, batch, CorrectivePlan)


@stage("evaluation", timeout_s=1800)
def validate_examples(cycle: Cycle, batch: Ref, accepted_plans: Ref) -> Validated:
    """The examples without what their contract refuses, and without those of a plan that was refused.

    One of a held-out problem refuses the batch.
    """
    store = workspace().store
    known = {plan.digest() for plan in read_rows(store, accepted_plans, CorrectivePlan)}
    rows = read_rows(store, batch, TrainingExample)
    if any(row.plan is not None and row.plan not in known for row in rows):
        batch = put_rows(store, batch.kind, (row for row in rows if row.plan is None or row.plan in known))
    return _validate_rows(cycle, examples.CONTRACT, batch, TrainingExample)


@stage(timeout_s=1800)
def validate_evaluation(cycle: Cycle, evaluation: Ref) -> Validated:
    """The evaluation as it is, or a ContractViolation: pairs are never dropped from a comparison."""
    store = workspace().store
    result = store.get(evaluation, EvaluationResult)
    checked = gate.accept(evaluations.contract(result), result.pairs, store)
    return Validated(accepted=evaluation, reports=(checked.report,))


def _validate_rows(cycle: Cycle, contract: Contract[Any], batch: Ref, type_: type[Record]) -> Validated:
    store = workspace().store
    if batch.size_bytes == 0:
        return Validated(accepted=batch, reports=())
    checked = gate.accept(contract, read_rows(store, batch, type_), store)
    leak = gate.accept(_leakage(cycle), checked.rows, store)
    accepted = put_rows(store, batch.kind, checked.rows) if checked.reasons else batch
    return Validated(accepted=accepted, reports=(checked.report, leak.report))


def _leakage(cycle: Cycle) -> Contract[Any]:
    """Against all problems that are measured on, the episodes of former evaluations, and the worlds of this one's."""
    problems = {p.id: p for split in HELD_OUT for p in catalogue.problems(split=split)}
    instances = {spec.instance for spec in planned_of(cycle)}
    trajectories: set[Sha256] = set()
    for result in _former_evaluations():
        for run in (*result.pairs, *result.injected):
            trajectories |= {run.champion_trajectory, run.challenger_trajectory}
            if problem := problems.get(run.problem_id):  # of one that is gone there are no worlds any more
                instances.add(ProblemInstance(problem=problem, seed=run.world_seed))
    return leakage.contract(leakage.held_out(problems.values(), instances, trajectories))


def _former_evaluations() -> Iterator[EvaluationResult]:
    ws = workspace()
    for entry in ws.ledger.entries(kind="evaluated"):
        if entry.facts.evaluation:
            yield ws.store.get(ws.store.find(f"evaluation:{entry.facts.evaluation}"), EvaluationResult)
