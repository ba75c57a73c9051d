"""Admission of many problems at once: over processes, kept as it goes, and as a table.

What is finished is kept in the store under the digest of the code that examined it: a check that was stopped goes on
where it was, and changed code examines everything anew.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aoi import progress
from aoi.problems import catalogue
from aoi.problems.admission import RESTART, Examination, Report, examine, report_of
from aoi.problems.compounds import is_compound, mechanisms_of
from aoi.problems.fanning import fan_out
from aoi.problems.faults import FAULTS, MECHANISM_SPLITS
from aoi.records.base import sha256_hex
from aoi.source import source_digest
from aoi.store.objects import ObjectStore

TOGETHER = 4
"""Problems of one world that a worker takes at once: they share it, and what is stopped loses little."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Some problems of one application in the worlds of one seed."""

    problem_ids: tuple[str, ...]
    seed: int


def check_all(
    problem_ids: Sequence[str], seeds: int, *, workers: int = 1, store: ObjectStore | None = None
) -> Iterator[Report]:
    """A report for each problem, as soon as all its worlds were looked at. Raises: UnknownProblem, StageBusy."""
    found: dict[str, dict[int, Examination]] = {problem_id: {} for problem_id in problem_ids}
    jobs = _jobs(problem_ids, seeds, found, store)
    total = len(found) * seeds
    done = sum(len(worlds) for worlds in found.values())
    progress.advance(done, total, "kept from before" if done else "")
    for problem_id in [one for one in found if len(found[one]) == seeds]:
        yield _report(found.pop(problem_id))
    for job, examined in fan_out(_examine_some, jobs, workers):
        for one in examined:
            _keep(store, one)
            found[one.problem_id][one.seed] = one
        done += len(examined)
        progress.advance(done, total, job.problem_ids[-1])
        for problem_id in [one for one in job.problem_ids if len(found[one]) == seeds]:
            yield _report(found.pop(problem_id))


def _jobs(
    problem_ids: Iterable[str], seeds: int, found: dict[str, dict[int, Examination]], store: ObjectStore | None
) -> list[_Job]:
    """What is left to do, problems that share a world together; `found` is filled with what was kept."""
    waiting: dict[tuple[str, str, int], list[str]] = {}
    for problem_id in dict.fromkeys(problem_ids):
        problem = catalogue.get(problem_id)
        where = next((root.component for root in catalogue.roots_of(problem)), "")
        for seed in range(seeds):
            kept = store.marked(_group(), _name(problem_id, seed), Examination) if store else None
            if kept is not None:
                found[problem_id][seed] = kept
            else:
                waiting.setdefault((problem.application, where, seed), []).append(problem_id)
    return [
        _Job(tuple(ids[start : start + TOGETHER]), seed)
        for (_, _, seed), ids in waiting.items()
        for start in range(0, len(ids), TOGETHER)
    ]


def _examine_some(job: _Job) -> list[Examination]:
    return [examine(problem_id, job.seed) for problem_id in job.problem_ids]


def _report(worlds: dict[int, Examination]) -> Report:
    return report_of([worlds[seed] for seed in sorted(worlds)])


def _keep(store: ObjectStore | None, one: Examination) -> None:
    if store is not None:
        store.mark(_group(), _name(one.problem_id, one.seed), one)


def _group() -> str:
    return f"checks-{source_digest(__name__)[:32]}"


def _name(problem_id: str, seed: int) -> str:
    return sha256_hex(f"{problem_id}@{seed}".encode())[:40]


# ---------------------------------------------------------------- the table

COLUMNS = (
    "mechanism", "family", "split", "problems", "shows in", "nearest confusable (distance)", "golden", "null",
    "delete all", "scale to 0", "restart all", "admitted",
)  # fmt: skip


def table_rows(reports: Iterable[Report]) -> list[tuple[str, ...]]:
    """A row for each mechanism and each kind of compound, over the problems of it that were checked."""
    by_fault: dict[str, list[Report]] = {}
    for report in reports:
        if report.fault is not None:
            by_fault.setdefault(_row_of(report.fault), []).append(report)
    order = {key: number for number, key in enumerate(FAULTS)}
    return [_row(key, by_fault[key]) for key in sorted(by_fault, key=lambda key: (order.get(key, len(order)), key))]


def _row_of(fault: str) -> str:
    if not is_compound(fault):
        return fault
    return "two at once" if len(mechanisms_of(fault)) > 1 else "cascade"


def _row(key: str, reports: Sequence[Report]) -> tuple[str, ...]:
    closest = min(reports, key=lambda report: (report.distance, report.problem_id))
    fault = FAULTS.get(key)
    count = sum(len(p.kinds) for p in catalogue.places() if _row_of(p.fault) == key)
    return (
        key,
        fault.family if fault else "several",
        MECHANISM_SPLITS[key] if fault else "train",
        str(count),
        ", ".join(sorted({channel for report in reports for channel in report.channels})),
        f"{closest.nearest} ({closest.distance:.2f})" if closest.nearest else "none",
        *(_share(reports, claim) for claim in _ORACLE),
        f"{sum(report.admitted for report in reports)}/{sum(len(report.seeds) for report in reports)}",
    )


_ORACLE = ("golden repair passes", "nobody fails", "delete-everything fails", "scale-to-zero fails", RESTART)


def _share(reports: Sequence[Report], claim: str) -> str:
    """How many worlds bear a claim out, as `5/5`."""
    told = [check.passed for report in reports for check in report.checks if check.name.startswith(claim)]
    return f"{sum(told)}/{len(told)}"


def markdown_table(reports: Sequence[Report]) -> str:
    """The table as documentation shows it."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(row) + " |" for row in table_rows(reports)]
    return "\n".join(lines)
