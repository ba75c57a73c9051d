"""What the registry's run of a cycle says: under way, ended with what it came to, or killed.

People look there, and nothing depends on it: a registry that is away costs no cycle anything, and `aoi reconcile` makes
good what could not be said.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

from aoi.errors import CorruptObject, RegistryUnavailable, UnknownBundle
from aoi.records.evaluation import EvaluationResult
from aoi.records.promotion import LedgerEntry, LedgerFacts
from aoi.records.report import CycleReport
from models.registry import InputSet, Registry
from tasks.kept import kept_report
from tasks.runs import is_at_work
from tasks.workspace import workspace

LOOP = "retrain"
"""The flow whose runs work on the open cycle."""


def begin_run(cycle: int) -> None:
    """Show the cycle as under way, and no other one that is not."""
    with _registry_may_be_away(cycle):
        registry = Registry.of(workspace().settings)
        end_left_runs(registry)
        registry.begin(cycle)


def end_run(report: CycleReport) -> None:
    """Show what the cycle came to."""
    with _registry_may_be_away(report.cycle):
        _tell(Registry.of(workspace().settings), report)


def end_left_runs(registry: Registry) -> None:
    """End runs of cycles that are over, with what is known of them, and of an open one that nobody works on.

    Cycles that this ledger does not know are left alone: installations may share a registry.
    Raises: RegistryUnavailable.
    """
    shown = registry.running()
    if not shown:
        return
    entries = workspace().ledger.entries()
    opened, closed = _cycles(entries, "cycle_opened"), _cycles(entries, "cycle_closed")
    for cycle in shown:
        report = kept_report(cycle) if cycle in closed else None
        if report:
            _tell(registry, report)
        elif cycle == 0 and any(entry.kind == "promoted" for entry in entries):
            registry.finish(0)  # the installation
        elif cycle in closed or (cycle in opened and not is_at_work(LOOP)):
            registry.finish(cycle, "KILLED")


def _cycles(entries: list[LedgerEntry], kind: str) -> set[int]:
    return {entry.cycle for entry in entries if entry.kind == kind}


def _tell(registry: Registry, report: CycleReport) -> None:
    """Params are the settings that the cycle ran with, which need not be those of who tells it."""
    facts = {entry.kind: entry.facts for entry in workspace().ledger.entries(cycle=report.cycle)}
    registered = facts.get("registered", LedgerFacts())
    request = facts.get("requested", LedgerFacts()).request or ""
    gain = report.overall.gain
    registry.log(
        report.cycle,
        params=_settings_of(registered),
        metrics={
            "champion_rate": report.overall.champion_rate,
            "challenger_rate": report.overall.challenger_rate,
            "gain": gain.estimate,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "stages_s": sum(stage.seconds for stage in report.stages),
            **{f"stages_s/{stage.stage}": stage.seconds for stage in report.stages},
        },
        tags={
            "aoi.verdict": report.verdict,
            "aoi.decision": report.decision,
            "aoi.request": request,
            "aoi.evaluation": report.evaluation,
        },
    )
    registry.log_inputs(report.cycle, [*_training_sets(registered), *_evaluation_of(report)])
    registry.finish(report.cycle, description=_described(report, request))


def _described(report: CycleReport, request: str) -> str:
    gain = report.overall.gain
    lines = [
        f"Version {report.challenger_version} was **{report.decision}** when the cycle ended; the gate said "
        f"{report.verdict}.",
        f"- request `{request[:12] or '-'}`, evaluation `{report.evaluation[:12]}`",
        f"- success {report.overall.champion_rate:.1%} -> {report.overall.challenger_rate:.1%} of "
        f"{report.overall.runs} runs, gain {100 * gain.estimate:+.1f} points [{100 * gain.low:+.1f}, "
        f"{100 * gain.high:+.1f}] at {gain.level:.0%}",
        *(f"- {reason}" for reason in report.reasons),
    ]
    return "\n".join(lines)


def _settings_of(registered: LedgerFacts) -> dict[str, object]:
    """Those whose digest the bundle carries, as `group.name`."""
    if registered.settings is None:
        return {}
    store = workspace().store
    try:
        return _flat(json.loads(store.get(store.find(f"settings:{registered.settings}"))))
    except CorruptObject:  # purged or lost, which `aoi verify` tells
        return {}


def _flat(group: Mapping[str, Any], beginning: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in group.items():
        flat |= _flat(value, f"{beginning}{name}.") if isinstance(value, dict) else {f"{beginning}{name}": value}
    return flat


def _training_sets(registered: LedgerFacts) -> Iterator[InputSet]:
    """Sets of rows, one a line."""
    store = workspace().store
    for sha256 in registered.data:
        for ref in store.of_any_kind(sha256)[:1]:
            with store.opened(ref) as lines:
                yield InputSet(ref.kind, sha256, sum(1 for _ in lines))


def _evaluation_of(report: CycleReport) -> Iterator[InputSet]:
    store = workspace().store
    for ref in store.of_any_kind(report.evaluation)[:1]:
        yield InputSet("evaluation", report.evaluation, len(store.get(ref, EvaluationResult).pairs))


@contextmanager
def _registry_may_be_away(cycle: int) -> Iterator[None]:
    try:
        yield
    except (RegistryUnavailable, UnknownBundle) as error:
        run_log().warning("The run of cycle %d in the registry was not updated; `aoi reconcile` will: %s", cycle, error)


def run_log() -> "logging.Logger | logging.LoggerAdapter[Any]":
    """The log that the page of a flow run shows; outside of one, ours."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("aoi")
