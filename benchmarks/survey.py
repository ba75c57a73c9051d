"""How right is the survey, without any model? Precision and recall per mechanism, calibration, false alarms.

    .venv/bin/python -m benchmarks.survey --split development --seeds 2

Every problem of the split with a fault is surveyed once for each seed, and so is every no-fault control. Alerts are
given as an operator would give them, noise included; with `--no-alerts` the survey has nothing but the namespace. An
alert that nothing explains keeps the verdict open, so what `no fault` is worth shows without alerts alone. Writes a
JSON file if `--json FILE` is given.
"""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.problems import catalogue, scenario
from aoi.records.problem import Problem, ProblemInstance, Split, TaskKind
from flows.console import shown_progress, table

BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
"""Edges of the calibration table."""


@dataclass(frozen=True)
class Case:
    """One survey of one world."""

    problem: str
    fault: str
    seed: int
    verdict: str
    component: str
    expected: str
    cause: str
    confidence: float
    is_right: bool
    """Verdict and component."""
    is_cause_right: bool
    seconds: float
    summary: str


def look(problem: Problem, seed: int, *, is_paged: bool) -> Case:
    """Survey the world of one problem."""
    built = scenario.build(ProblemInstance(problem=problem, seed=seed))
    alerts = [alert.component for alert in built.alerts()] if is_paged else []
    began = time.perf_counter()
    answer = survey(Reader(built.read_transport()), [built.namespace], alerts).answer
    seconds = time.perf_counter() - began
    outcome = built.grade(answer)
    truth = built.truth
    is_right = outcome.success if problem.fault is None else answer.component in truth.accepted
    return Case(
        problem.id,
        problem.fault or catalogue.NO_FAULT,
        seed,
        answer.verdict,
        answer.component or "",
        truth.component or "",
        answer.cause or "",
        answer.confidence,
        is_right and answer.verdict == ("fault" if problem.fault else "no_fault"),
        answer.cause in truth.causes,
        seconds,
        answer.summary,
    )


def places(split: Split) -> list[Problem]:
    """One problem for each place where a mechanism strikes, and the controls."""
    faults = {(p.fault, p.application, p.target): p for p in catalogue.problems(split=split) if p.fault}
    controls = catalogue.problems(split=split, fault=catalogue.NO_FAULT, kind=TaskKind.LOCALIZATION)
    return [*faults.values(), *controls]


def report(cases: Sequence[Case]) -> None:
    """The tables."""
    rows = []
    for fault in sorted({case.fault for case in cases}):
        mine = [case for case in cases if case.fault == fault]
        said = [case for case in mine if case.verdict == "fault"]
        rows.append(
            (
                fault,
                str(len(mine)),
                _share(mine, [c for c in mine if c.is_right]),
                _share(mine, [c for c in mine if c.verdict == "inconclusive"]),
                _share(said, [c for c in said if c.is_right]),
                _share(mine, [c for c in mine if c.is_cause_right]),
            )
        )
    titles = ("mechanism", "worlds", "right", "inconclusive", "right of those that say fault", "cause right")
    table("Survey without a model", titles, rows)
    titles = ("verdict", "confidence", "answers", "right", "right in cause too")
    table("Calibration: share right of the answers with this confidence", titles, _bins(cases))
    controls = [case for case in cases if case.fault == catalogue.NO_FAULT]
    faults = [case for case in cases if case.fault != catalogue.NO_FAULT]
    seconds = sorted(case.seconds for case in cases)
    lines = [
        ("faults right", _share(faults, [c for c in faults if c.is_right])),
        ("faults called no fault", _share(faults, [c for c in faults if c.verdict == "no_fault"])),
        ("false alarms on controls", _share(controls, [c for c in controls if c.verdict == "fault"])),
        ("controls called no fault", _share(controls, [c for c in controls if c.verdict == "no_fault"])),
        ("median milliseconds", f"{1000 * seconds[len(seconds) // 2]:.0f}"),
    ]
    table("In all", ("", ""), lines)


def _bins(cases: Sequence[Case]) -> Iterable[tuple[str, str, str, str, str]]:
    for verdict in ("fault", "no_fault"):
        for low, high in pairwise(BINS):
            mine = [case for case in cases if case.verdict == verdict and low <= case.confidence < high]
            right = [case for case in mine if case.is_right]
            both = [case for case in right if case.is_cause_right or verdict == "no_fault"]
            if mine:
                label = f"{low:.0%} to {min(high, 1):.0%}"
                yield verdict, label, str(len(mine)), _share(mine, right), _share(mine, both)


def _share(all_of: Sequence[Case], some: Sequence[Case]) -> str:
    return f"{len(some) / len(all_of):.0%}" if all_of else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=catalogue.SPLITS, default="development")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--no-alerts", action="store_true", help="give the survey nothing but the namespace")
    parser.add_argument("--fault", help="one mechanism only")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = [p for p in places(options.split) if options.fault in (None, p.fault or catalogue.NO_FAULT)]
    with shown_progress():
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        cases = [look(problem, seed, is_paged=not options.no_alerts) for seed in seeds for problem in wanted]
    report(cases)
    if options.json:
        options.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))


if __name__ == "__main__":
    main()
