"""Statistics with seeds as units: what another night can expect, and what so few nights could have shown.

A seed is one collection, search, training and set of worlds; its gain is one observation, whatever it ran. Intervals
are Student's, two-sided at 95 %, and take gains of seeds to be about normal: with five of them no test without that
assumption reaches the level (five signs fall alike by chance in 1 of 16).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import optimize, stats

from aoi.promotion.statistics import WANTED_POWER, interval
from aoi.records.evaluation import Interval

LEVEL = 0.95
"""Of every interval over seeds, two-sided."""
WANTED_SEEDS = 5
"""Fewer show nothing, whatever their interval: a spread estimated from two or three is hardly known itself."""
MOST_SEEDS = 200
"""Where more would be needed, that is what is said."""
POWER_AT = (0.02, 0.05, 0.10)
"""Gains at which power is stated."""

Verdict = Literal["gain", "loss", "not shown"]


class Shown(NamedTuple):
    """What the gains of some seeds show."""

    interval: Interval
    """Mean over seeds, in [-1, 1]."""
    verdict: Verdict
    why: str
    """Of a verdict that shows nothing; empty with the others."""
    deviation: float | None
    """Between seeds; None with fewer than two."""

    @property
    def n(self) -> int:
        """Seeds."""
        return self.interval.n

    @property
    def enough(self) -> int:
        """As many seeds, but no fewer than can show anything."""
        return max(self.n, WANTED_SEEDS)

    @property
    def detectable(self) -> float | None:
        """Gain that `enough` seeds show four times in five if their spread is this one; None where it is not known."""
        return detectable(self.deviation, self.enough) if self.deviation else None

    @property
    def are_alike(self) -> bool:
        """Whether there are several seeds that all came to the same."""
        return self.n > 1 and not self.deviation


def shown(gains: Sequence[float]) -> Shown:
    """Judge one difference a seed. Nothing is shown by fewer than five, nor by an interval with zero in it."""
    values = np.array(gains, dtype=np.float64)
    found = interval(values, 0.5 + LEVEL / 2)
    found = found.model_copy(update={"low": max(found.low, -1.0), "high": min(found.high, 1.0)})
    deviation = (float(values.std(ddof=1)) if np.ptp(values) else 0.0) if len(values) > 1 else None
    verdict, why = _judged(found, deviation)
    return Shown(found, verdict, why, deviation)


def _judged(found: Interval, deviation: float | None) -> tuple[Verdict, str]:
    if found.n < WANTED_SEEDS:
        return "not shown", f"{found.n} of at least {WANTED_SEEDS} seeds"
    if not deviation:
        return "not shown", "all seeds came to the same, so their spread says nothing"
    if found.low <= 0 <= found.high:
        return "not shown", "the interval has zero in it"
    return ("gain" if found.low > 0 else "loss"), ""


def power(gain: float, deviation: float, n: int) -> float:
    """Chance that the interval of `n` seeds lies above zero, if gains are normal about `gain` with that deviation."""
    if n < 2 or deviation <= 0:
        raise ValueError(f"power of {n} seeds with deviation {deviation}: expected two seeds and a deviation above 0")
    bound = stats.t.ppf(0.5 + LEVEL / 2, n - 1)
    return float(stats.nct.sf(bound, n - 1, gain * np.sqrt(n) / deviation))


def detectable(deviation: float, n: int) -> float:
    """Smallest gain that `n` seeds show four times in five."""
    most = deviation
    while power(most, deviation, n) < WANTED_POWER:
        most *= 2
    return float(optimize.brentq(lambda gain: power(gain, deviation, n) - WANTED_POWER, 0.0, most, xtol=1e-6))


def seeds_needed(gain: float, deviation: float) -> int | None:
    """Seeds that show a gain four times in five; None if more than `MOST_SEEDS` are needed."""
    counts = range(WANTED_SEEDS, MOST_SEEDS + 1)
    return next((n for n in counts if power(gain, deviation, n) >= WANTED_POWER), None)
