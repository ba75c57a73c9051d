"""From what the learning benchmark keeps to the rows of its report. Seeds are the units of every interval here."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aoi.problems import aiopslab
from aoi.promotion.evaluation import FAULT_SLICES, Score, by_problem, no_false_alarm, success
from aoi.promotion.standings import PARTS, TOLD
from aoi.records.evaluation import PairedResult
from aoi.records.problem import TaskKind
from aoi.records.standings import LineName
from benchmarks.experiment import BINS, Bin, Calibration, Kept, Measured, Rates
from benchmarks.seeds import POWER_AT, Shown, power, seeds_needed, shown

GRPO = "grpo"
"""The arm that the others are compared with at equal budget."""
REFERENCES: Sequence[LineName] = ("survey", "expert")
PAPER_TEST, PAPER_TRAIN = "the paper's test split", "the paper's training split"


class Verdict(NamedTuple):
    """One arm on one set of worlds, or what of it is missing."""

    arm: str
    says: str
    gain: Shown | None
    """Over the seed model; None if no seed of it is there."""
    over: Shown | None
    """Over GRPO alone, paired by seed; None for GRPO alone, or where no seed has both."""
    missing: tuple[int, ...]
    """Seeds that were planned and are not there."""


class PartRow(NamedTuple):
    """One part of the problems: arm by arm what it gained there."""

    part: str
    problems: float
    """Of a seed, on average."""
    before: float
    """Rate of the seed model, mean over the seeds of the first arm that has it."""
    gains: tuple[Shown | None, ...]


class RateRow(NamedTuple):
    """One line, means over seeds."""

    line: str
    faults: Rates
    controls: Rates

    @property
    def gap(self) -> float:
        """best@k minus avg@k."""
        return self.faults.best - self.faults.average


class CountRow(NamedTuple):
    """Failed runs of a seed, on average, by the seed model and by each arm."""

    name: str
    before: float
    after: tuple[float, ...]


class Trust(NamedTuple):
    """How well one arm knows whether it is right."""

    arm: str
    champion: Calibration
    challenger: Calibration
    difference: Shown | None
    """Brier's score of the arm minus that of the seed model: below zero is better."""
    controls: tuple[float | None, float | None]
    """Brier's score in controls: of the seed model, of the arm."""


class PowerRow(NamedTuple):
    """What the seeds of one arm could have shown; if they are too few, what enough of them could."""

    arm: str
    found: Shown
    at: tuple[float, ...]
    """Chance to show each gain of `POWER_AT`."""
    needed: int | None
    """Seeds for five points."""


def gains(kept: Kept, arm: str) -> dict[int, float]:
    """Seed -> gain over the seed model where it counts: faults, of AIOpsLab's those that the paper tests on."""
    return {
        one.seed: _gain(headline(one), success) for one in (kept.measured.get((n, arm)) for n in kept.plan.seeds) if one
    }


def over_grpo(kept: Kept, arm: str) -> dict[int, float]:
    """Seed -> gain over that of GRPO alone in the same seed. Empty for GRPO alone."""
    alone = gains(kept, GRPO) if arm != GRPO else {}
    return {seed: gain - alone[seed] for seed, gain in gains(kept, arm).items() if seed in alone}


def headline(one: Measured) -> list[PairedResult]:
    """The pairs that a verdict is about."""
    faults = [pair for pair in one.pairs if pair.slice != "control"]
    return [pair for pair in faults if one.worlds != "aiopslab" or _paper_split(pair) == "test"]


def verdicts(kept: Kept) -> list[Verdict]:
    """All arms that were planned."""
    lacking = kept.lacking()
    return [
        Verdict(
            arm,
            kept.plan.known[arm],
            _shown(gains(kept, arm)),
            _shown(over_grpo(kept, arm)),
            tuple(lacking.get(arm, ())),
        )
        for arm in kept.plan.arms
    ]


def parts(kept: Kept) -> list[PartRow]:
    """By slice (AIOpsLab's by the paper's split), then by kind; controls last, and in none of the others."""
    found: dict[str, dict[str, dict[int, tuple[float, float, int]]]] = {}
    for (seed, arm), one in sorted(kept.measured.items()):
        for name, pairs in _groups(one).items():
            before, after = by_problem(pairs, no_false_alarm if name == "controls" else success)
            means = (float(before.mean()), float((after - before).mean()), len(before))
            found.setdefault(name, {}).setdefault(arm, {})[seed] = means
    rows = []
    for name, of_part in found.items():
        first = next(iter(of_part.values())).values()
        of_arms = tuple(_shown({n: one[1] for n, one in of_part.get(arm, {}).items()}) for arm in by_arm(kept))
        told = PARTS.get(name, name)
        rows.append(PartRow(told, mean(one[2] for one in first), mean(one[0] for one in first), of_arms))
    return rows


def rates(kept: Kept) -> list[RateRow]:
    """References and seed model once, from whatever arm has the most seeds, then the arms."""
    counts = Counter(arm for _, arm in kept.measured)
    if not counts:
        return []
    fullest = max(kept.plan.arms, key=lambda arm: counts[arm])
    lines = [(TOLD[name], fullest, name) for name in (*REFERENCES, "champion")]
    lines[-1] = (TOLD["seed"], fullest, "champion")
    lines += [(arm, arm, "challenger") for arm in kept.plan.arms if counts[arm]]
    rows = []
    for told, arm, name in lines:
        own = [s for (_, of), one in kept.measured.items() if of == arm for s in one.standings if s.line == name]
        if own:
            rows.append(RateRow(told, _mean_rates([s.faults for s in own]), _mean_rates([s.controls for s in own])))
    return rows


def failures(kept: Kept) -> tuple[list[CountRow], list[CountRow]]:
    """Failed runs with a fault: by slice and kind of task, and by pattern."""
    by_place = _counted(kept, lambda one: f"{PARTS.get(one.slice, one.slice)}: {one.kind.value}")
    return by_place, _counted(kept, lambda one: one.pattern.replace("_", " "))


def trust(kept: Kept) -> list[Trust]:
    """Arms that stated anything."""
    rows = []
    for arm, own in by_arm(kept).items():
        scores = [
            (one.seed, one.believed.champion.brier, one.believed.challenger.brier)
            for one in own
            if one.believed.champion.brier is not None and one.believed.challenger.brier is not None
        ]
        controls = (
            pooled([one.believed.champion_controls for one in own]).brier,
            pooled([one.believed.challenger_controls for one in own]).brier,
        )
        difference = _shown({seed: after - before for seed, before, after in scores})
        champion = pooled([one.believed.champion for one in own])
        rows.append(Trust(arm, champion, pooled([one.believed.challenger for one in own]), difference, controls))
    return rows


def pooled(found: Sequence[Calibration]) -> Calibration:
    """All runs together, each with the same weight."""
    by_bin: defaultdict[int, list[Bin]] = defaultdict(list)
    for one in found:
        for each in one.bins:
            by_bin[min(int(each.stated * BINS), BINS - 1)].append(each)
    bins = []
    for _, own in sorted(by_bin.items()):
        runs = sum(one.runs for one in own)
        stated, right = (sum(getattr(one, name) * one.runs for one in own) / runs for name in ("stated", "right"))
        bins.append(Bin(runs=runs, stated=min(stated, 1.0), right=min(right, 1.0)))
    stated = sum(one.stated for one in found)
    squares = sum(one.brier * one.stated for one in found if one.brier is not None)
    unstated = sum(one.unstated for one in found)
    return Calibration(stated=stated, unstated=unstated, brier=squares / stated if stated else None, bins=tuple(bins))


def powers(kept: Kept) -> list[PowerRow]:
    """Arms with at least two seeds that differ."""
    rows = []
    for arm in kept.plan.arms:
        found = _shown(gains(kept, arm))
        if found is not None and found.deviation:
            at = tuple(power(gain, found.deviation, found.enough) for gain in POWER_AT)
            rows.append(PowerRow(arm, found, at, seeds_needed(0.05, found.deviation)))
    return rows


def _groups(one: Measured) -> dict[str, list[PairedResult]]:
    faults = [pair for pair in one.pairs if pair.slice != "control"]
    groups: dict[str, list[PairedResult]] = {"overall": faults}
    if one.worlds == "aiopslab":
        groups[PAPER_TEST] = [pair for pair in faults if _paper_split(pair) == "test"]
        groups[PAPER_TRAIN] = [pair for pair in faults if _paper_split(pair) == "train"]
    else:
        groups |= {name: [pair for pair in faults if pair.slice == name] for name in FAULT_SLICES}
    groups |= {kind.value: [pair for pair in faults if pair.kind == kind] for kind in TaskKind}
    groups["controls"] = [pair for pair in one.pairs if pair.slice == "control"]
    return {name: pairs for name, pairs in groups.items() if pairs}


def _paper_split(pair: PairedResult) -> str:
    return aiopslab.known()[pair.problem_id].split


def _gain(pairs: Sequence[PairedResult], score: Score) -> float:
    before, after = by_problem(pairs, score)
    return float((after - before).mean()) if len(before) else 0.0


def _shown(values: Mapping[int, float]) -> Shown | None:
    return shown(list(values.values())) if values else None


def by_arm(kept: Kept) -> dict[str, list[Measured]]:
    """The arms that were measured at all, in order, each with its seeds."""
    found = {arm: [one for (_, of), one in sorted(kept.measured.items()) if of == arm] for arm in kept.plan.arms}
    return {arm: own for arm, own in found.items() if own}


def _counted(kept: Kept, name_of: Callable[..., str]) -> list[CountRow]:
    own = by_arm(kept)
    names: dict[str, None] = {}
    counts: dict[tuple[str, str], float] = defaultdict(float)
    for arm, found in own.items():
        for one in found:
            for each in one.failures:
                names[name_of(each)] = None
                counts[f"before {arm}", name_of(each)] += each.champion / len(found)
                counts[arm, name_of(each)] += each.challenger / len(found)
    fullest = max(own, key=lambda arm: len(own[arm]), default="")
    return [
        CountRow(name, counts[f"before {fullest}", name], tuple(counts[arm, name] for arm in own)) for name in names
    ]


def _mean_rates(found: Sequence[Rates]) -> Rates:
    """Mean over seeds of every figure."""
    whole = ("problems", "runs")
    values = {
        name: mean(float(getattr(one, name) or 0.0) for one in found)
        for name in Rates.model_fields
        if name != "schema_version"
    }
    fields = {name: round(value) if name in whole else value for name, value in values.items()}
    return Rates(**fields | ({"variance": None} if any(one.variance is None for one in found) else {}))


def mean(values: Iterable[float]) -> float:
    """0 of nothing."""
    given = list(values)
    return float(np.mean(given)) if given else 0.0
