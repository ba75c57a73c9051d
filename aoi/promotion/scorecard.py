"""What a run over problems came to, and how two runs differ: `aoi problems report` and its page.

avg@k is the mean success of a problem's k worlds, best@k whether any of them succeeded. The unit is the problem: its
runs share a fault and an application, so intervals are over problems. Two runs are compared on the worlds that both
have, paired by problem.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from pydantic import Field
from scipy import stats

from aoi.errors import Permanent
from aoi.problems.faults import FAULTS
from aoi.promotion.pages import environment
from aoi.promotion.statistics import Array, interval
from aoi.records.base import Record
from aoi.records.episode import Trajectory
from aoi.records.evaluation import Interval

LEVEL = 0.95
WIDTH, HEIGHT = 240, 18
"""Of one bar, in pixels of the picture."""


class Part(Record):
    """Some problems of a run."""

    name: str
    problems: int
    runs: int
    average: Interval
    """avg@k."""
    best: Interval
    """best@k."""
    aiopslab: float = Field(ge=0, le=1)
    """Share of runs that pass AIOpsLab's grade."""
    steps: float
    """Mean of a run."""
    tokens: float
    """Mean of a run."""
    false_alarms: int


class Scorecard(Record):
    """One run over problems."""

    title: str
    most_worlds: int
    """k: worlds of a problem, at most."""
    overall: Part
    kinds: tuple[Part, ...]
    slices: tuple[Part, ...]
    families: tuple[Part, ...]
    mechanisms: tuple[Part, ...]
    broken: int
    """Episodes that an error ended."""


class Difference(Record):
    """How much more of some problems the second run solves than the first."""

    name: str
    gain: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, paired by problem."""

    first: Scorecard
    second: Scorecard
    differences: tuple[Difference, ...]
    flipped: tuple[tuple[str, float, float], ...]
    """(problem, avg@k of the first, of the second) where they differ, the largest loss first."""


def scorecard(title: str, rows: Iterable[Trajectory]) -> Scorecard:
    """Count a run. Raises: Permanent if it is empty."""
    runs = list(rows)
    if not runs:
        raise Permanent(f"{title}: no episodes to count. Run some: aoi problems run --set aiopslab")
    return Scorecard(
        title=title,
        most_worlds=max(len(worlds) for worlds in _by_problem(runs).values()),
        overall=_part("all", runs),
        kinds=_parts(runs, lambda row: row.content.kind.value),
        slices=_parts(runs, lambda row: row.content.slice),
        families=_parts(runs, lambda row: family_of(row.content.instance.problem.fault)),
        mechanisms=_parts(runs, lambda row: row.content.instance.problem.fault or "no fault"),
        broken=sum(row.content.ended == "error" for row in runs),
    )


def family_of(fault: str | None) -> str:
    """Family of a mechanism; what is composed of several, and a control, have none."""
    if fault is None:
        return "no fault"
    return FAULTS[fault].family if fault in FAULTS else "several"


def compare(first: Sequence[Trajectory], second: Sequence[Trajectory], titles: tuple[str, str]) -> Comparison:
    """Two runs on the worlds that both have. Raises: Permanent if they share none."""
    shared = {_world(row) for row in first} & {_world(row) for row in second}
    if not shared:
        raise Permanent(
            f"{titles[0]} and {titles[1]} share no world: expected runs over some of the same problems and seeds. "
            "Run the same problems again with the other operator: aoi problems run"
        )
    ours, theirs = ([row for row in rows if _world(row) in shared] for rows in (first, second))
    before, after = _rates(ours), _rates(theirs)
    parts: dict[str, list[str]] = {"all": sorted(before)}
    for row in ours:
        problem = row.content.instance.problem
        for name in (row.content.kind.value, row.content.slice, family_of(problem.fault)):
            if problem.id not in parts.setdefault(name, []):
                parts[name].append(problem.id)
    differences = [
        Difference(name=name, gain=_gain(np.array([after[one] - before[one] for one in ids])))
        for name, ids in parts.items()
    ]
    changed = [(one, before[one], after[one]) for one in sorted(before) if before[one] != after[one]]
    return Comparison(
        scorecard(titles[0], ours),
        scorecard(titles[1], theirs),
        tuple(differences),
        tuple(sorted(changed, key=lambda row: row[2] - row[1])),
    )


def render(card: Scorecard, comparison: Comparison | None = None) -> str:
    """The page: one file, no script, readable without seeing the bars."""
    return environment(bar=bar).get_template("scorecard.html.j2").render(card=card, comparison=comparison)


def bar(value: Interval) -> Markup:
    """A rate with its interval as a picture, and in words."""
    low, high, at = (WIDTH * min(1.0, max(0.0, x)) for x in (value.low, value.high, value.estimate))
    label = f"{value.estimate:.0%}, between {max(0.0, value.low):.0%} and {min(1.0, value.high):.0%}"
    return Markup(
        '<svg class="bar" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
        '<rect x="0" y="3" width="{at:.1f}" height="{inner}" fill="currentColor" opacity="0.35"/>'
        '<line x1="{low:.1f}" x2="{high:.1f}" y1="{mid}" y2="{mid}" stroke="currentColor" stroke-width="2"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, label=label, at=at, inner=HEIGHT - 6, low=low, high=high, mid=HEIGHT / 2)


def _world(row: Trajectory) -> tuple[str, int]:
    return row.content.instance.problem.id, row.content.instance.seed


def _by_problem(runs: Iterable[Trajectory]) -> Mapping[str, list[Trajectory]]:
    found: dict[str, list[Trajectory]] = {}
    for row in runs:
        found.setdefault(row.content.instance.problem.id, []).append(row)
    return found


def _rates(runs: Iterable[Trajectory]) -> dict[str, float]:
    """Problem -> avg@k."""
    return {
        problem: sum(row.content.outcome.success for row in worlds) / len(worlds)
        for problem, worlds in _by_problem(runs).items()
    }


def _share(mean: float, problems: int) -> Interval:
    """Wilson's interval, which is honest where every problem or none is solved.

    Of a mean over worlds it is too wide, never too narrow: no mean in [0, 1] varies more than one of wins and losses.
    """
    z = float(stats.norm.ppf(0.5 + LEVEL / 2))
    middle = (mean + z * z / (2 * problems)) / (1 + z * z / problems)
    half = z / (1 + z * z / problems) * math.sqrt(mean * (1 - mean) / problems + z * z / (4 * problems * problems))
    return Interval(estimate=mean, low=max(0.0, middle - half), high=min(1.0, middle + half), level=LEVEL, n=problems)


def _gain(differences: Array) -> Interval:
    """Mean of paired differences in [-1, 1] with its two-sided interval, which stays in there.

    Where all are equal, their spread says nothing: as in Wilson's interval some of the problems may still differ, and
    those from one end to the other.
    """
    n, mean = len(differences), float(differences.mean())
    found = interval(differences, 0.5 + LEVEL / 2)
    low, high = found.low, found.high
    if n > 1 and np.ptp(differences) == 0:
        z = float(stats.norm.ppf(0.5 + LEVEL / 2))
        unseen = z * z / (n + z * z)
        low, high = mean - unseen * (1 + mean), mean + unseen * (1 - mean)
    return Interval(estimate=mean, low=max(-1.0, low), high=min(1.0, high), level=LEVEL, n=n)


def _parts(runs: Sequence[Trajectory], name_of: Callable[[Trajectory], str]) -> tuple[Part, ...]:
    found: dict[str, list[Trajectory]] = {}
    for row in runs:
        found.setdefault(name_of(row), []).append(row)
    return tuple(_part(name, found[name]) for name in sorted(found))


def _part(name: str, runs: Sequence[Trajectory]) -> Part:
    rates = np.array(list(_rates(runs).values()))
    return Part(
        name=name,
        problems=len(rates),
        runs=len(runs),
        average=_share(float(rates.mean()), len(rates)),
        best=_share(float((rates > 0).mean()), len(rates)),
        aiopslab=sum(row.content.outcome.aiopslab_success for row in runs) / len(runs),
        steps=sum(len(row.content.steps) for row in runs) / len(runs),
        tokens=sum(row.content.tokens for row in runs) / len(runs),
        false_alarms=sum(row.content.outcome.false_alarm for row in runs),
    )
