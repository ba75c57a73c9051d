"""From episodes to what the learning benchmark keeps of them: which worlds, and what is counted in them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aoi.learning.failures import classify
from aoi.problems import sampling
from aoi.problems.sets import members
from aoi.promotion.evaluation import Run, paired, run_of
from aoi.records.episode import BROKEN_OFF, Trajectory
from aoi.records.evaluation import PairedResult
from aoi.records.problem import ProblemInstance, Slice, TaskKind
from aoi.records.standings import LineName
from aoi.settings import EvaluationSettings, derive_seed
from benchmarks.experiment import BINS, Believed, Bin, Calibration, Failures, Rates, Standing, WorldsName
from models.episodes import EpisodeSpec
from tasks.evaluate import EVEN_SLICES, planned

HARD: Mapping[Slice, float] = {"several": 2, "unseen_mechanism": 2, "control": 1}
"""Where the seed model fails most (docs/learning.md, "What a cycle is worth"), and controls beside them."""
HARD_KINDS: Mapping[TaskKind, float] = {
    TaskKind.LOCALIZATION: 1,
    TaskKind.ANALYSIS: 1,
    TaskKind.MITIGATION: 1,
}
"""That something is wrong it says nearly always."""
STYLES: Mapping[Slice, float] = {"unseen_style": len(EVEN_SLICES) - 1, "control": 1}
"""A control beside each five problems with a fault."""


def specs_of(worlds: WorldsName, seed: int, settings: EvaluationSettings) -> list[EpisodeSpec]:
    """Every run of one line on a set of worlds, neighbours sharing base worlds. Nothing is injected: no arm trains on
    injections, and the gate measures them."""
    if worlds in ("development", "test"):
        return planned(worlds, seed, settings.model_copy(update={"injected": 0}))
    instances = _aiopslab(seed, settings.seeds) if worlds == "aiopslab" else _drawn(worlds, seed, settings)
    specs = [
        EpisodeSpec(instance=one, rollout_seed=derive_seed(seed, one.problem.id, one.seed), arm="champion")
        for one in instances
    ]
    return sorted(specs, key=lambda spec: (spec.instance.problem.application, spec.instance.seed))


def _aiopslab(seed: int, k: int) -> list[ProblemInstance]:
    """The 86, those of one application in the same worlds. These are test worlds: no training met any of them."""
    return [
        ProblemInstance(problem=problem, seed=sampling.world_seed("test", seed, problem.application, number))
        for problem in members("aiopslab")
        for number in range(k)
    ]


def _drawn(worlds: WorldsName, seed: int, settings: EvaluationSettings) -> list[ProblemInstance]:
    """As many problems as the other sets have, of some sorts alone."""
    wanted = settings.problems_per_slice * len(EVEN_SLICES)
    if worlds == "hard":
        found = sampling.sample("development", wanted, derive_seed(seed, "hard"), slices=HARD, kinds=HARD_KINDS)
    else:
        found = sampling.sample("test", wanted, seed, slices=STYLES)
    drawn = {one.problem.id: one for one in found}
    return [sampling.other_world(one, number) for one in drawn.values() for number in range(settings.seeds)]


class Played(NamedTuple):
    """What is counted of the episodes of one set of worlds."""

    pairs: tuple[PairedResult, ...]
    missing: tuple[str, ...]
    standings: tuple[Standing, ...]
    believed: Believed
    failures: tuple[Failures, ...]


def played_by(lines: Mapping[LineName, Iterable[Trajectory]], specs: Sequence[EpisodeSpec]) -> Played:
    """Count the planned runs that seed model (`champion`) and arm (`challenger`) both finished; references on these."""
    plan = sorted({run_of(spec.instance, spec.rollout_seed) for spec in specs})
    before, after = _by_run(lines["champion"]), _by_run(lines["challenger"])
    both = [run for run in plan if run in before and run in after]
    pairs = {run: paired(run, before[run], after[run]) for run in both}
    standings = [
        _standing(name, pairs, before if name == "champion" else after if name == "challenger" else _by_run(rows))
        for name, rows in lines.items()
    ]
    return Played(
        pairs=tuple(pairs.values()),
        missing=tuple(str(run) for run in plan if run not in pairs),
        standings=tuple(standings),
        believed=_believed([before[run] for run in both], [after[run] for run in both]),
        failures=_failures([before[run] for run in both], [after[run] for run in both]),
    )


def _by_run(rows: Iterable[Trajectory]) -> dict[Run, Trajectory]:
    """Those that came to an end, without injections: none is planned here."""
    return {
        run_of(row.content.instance, row.content.rollout_seed): row
        for row in rows
        if row.content.ended not in BROKEN_OFF and row.content.injection is None
    }


def _standing(name: LineName, pairs: Mapping[Run, PairedResult], rows: Mapping[Run, Trajectory]) -> Standing:
    faults = [rows[run] for run, pair in pairs.items() if pair.slice != "control" and run in rows]
    controls = [rows[run] for run, pair in pairs.items() if pair.slice == "control" and run in rows]
    return Standing(
        line=name,
        faults=rates(faults, lambda row: row.content.outcome.success),
        controls=rates(controls, lambda row: not row.content.outcome.false_alarm),
    )


def rates(rows: Sequence[Trajectory], score: Callable[[Trajectory], bool]) -> Rates:
    """One line on some runs; the first world of a problem is the one that was planned first."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    graded: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        scores[row.content.instance.problem.id].append(float(score(row)))
        graded[row.content.instance.problem.id].append(float(row.content.outcome.aiopslab_success))
    spreads = [float(np.var(worlds, ddof=1)) for worlds in scores.values() if len(worlds) > 1]
    return Rates(
        problems=len(scores),
        runs=len(rows),
        first=_mean([worlds[0] for worlds in scores.values()]),
        average=_mean([_mean(worlds) for worlds in scores.values()]),
        best=_mean([max(worlds) for worlds in scores.values()]),
        variance=_mean(spreads) if spreads else None,
        aiopslab=_mean([_mean(worlds) for worlds in graded.values()]),
        steps=_mean([len(row.content.steps) for row in rows]),
        tokens=_mean([row.content.tokens for row in rows]),
    )


def _believed(champion: Sequence[Trajectory], challenger: Sequence[Trajectory]) -> Believed:
    def part(rows: Sequence[Trajectory], *, of_controls: bool) -> Calibration:
        return calibration([row for row in rows if (row.content.slice == "control") is of_controls])

    return Believed(
        champion=part(champion, of_controls=False),
        challenger=part(challenger, of_controls=False),
        champion_controls=part(champion, of_controls=True),
        challenger_controls=part(challenger, of_controls=True),
    )


def calibration(rows: Sequence[Trajectory]) -> Calibration:
    """What submitted answers said of themselves. An episode that ended otherwise stated nothing: code spoke for it."""
    stated = [
        (row.content.answer.confidence, float(row.content.outcome.success))
        for row in rows
        if row.content.ended == "submitted" and row.content.answer is not None
    ]
    by_bin: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for probability, right in stated:
        by_bin[min(int(probability * BINS), BINS - 1)].append((probability, right))
    bins = [
        Bin(runs=len(found), stated=_mean([one[0] for one in found]), right=_mean([one[1] for one in found]))
        for _, found in sorted(by_bin.items())
    ]
    brier = _mean([(probability - right) ** 2 for probability, right in stated]) if stated else None
    return Calibration(stated=len(stated), unstated=len(rows) - len(stated), brier=brier, bins=tuple(bins))


def _failures(champion: Sequence[Trajectory], challenger: Sequence[Trajectory]) -> tuple[Failures, ...]:
    """By pattern, faults alone: a failed control is a false alarm, and has no pattern."""
    counts = [
        Counter(
            (row.content.slice, row.content.kind, classify(row))
            for row in rows
            if row.content.slice != "control" and not row.content.outcome.success
        )
        for rows in (champion, challenger)
    ]
    return tuple(
        Failures(slice=key[0], kind=key[1], pattern=key[2], champion=counts[0][key], challenger=counts[1][key])
        for key in sorted(counts[0] | counts[1])
    )


def _mean(values: Sequence[float] | Sequence[int]) -> float:
    return float(np.mean(values)) if values else 0.0
