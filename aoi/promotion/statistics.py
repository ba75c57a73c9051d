"""The statistics of the gate: paired by problem, one-sided, and honest for few mechanisms. Pure numpy, seeded.

A problem's runs share a fault and an application, so their mean difference is one observation. Problems are not
independent either: what a challenger learns or forgets is a mechanism, which several problems share, and an
application. Units are therefore clusters, and two tests must agree before a gain counts as proven:

- Student's t bound with a cluster-robust standard error, as wide as the widest of four: by problem, by mechanism, by
  application, and by both at once (their variances added, less what is counted twice). Each is made unbiased for
  problems that share nothing, and has as many degrees of freedom as its clusters are worth (Satterthwaite).
- A sign-flip permutation test of whole mechanisms. If challenger and champion are equal, a mechanism's difference is
  as likely as its negative, so the test is exact for any number of them: three wins of three prove nothing (1 in 8).

Where few problems differ a variance is a poor estimate, and where none does it is zero. Every bound of a rate is
therefore as wide as if one run more had been won and one lost, each in a problem and cluster of its own.

`python -m benchmarks.nights` measures what the gate makes of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aoi.records.evaluation import Interval

Array = NDArray[np.float64]

FLIPS = 999
"""Random sign patterns of the permutation test: p-values are multiples of 1/1000."""

REFERENCE_GAIN = 0.10
"""The gain at which power is stated."""
WANTED_POWER = 0.8
"""The power at which the detectable gain is stated."""


def sharing(names: Sequence[Sequence[str]]) -> Array:
    """Which observation belongs to which cluster: (n, g) weights whose squares sum to one in each row.

    One with several names, as a problem of two mechanisms, belongs to each by an equal part of its variance.
    """
    own = [sorted(set(each)) for each in names]
    columns = {name: column for column, name in enumerate(sorted({name for each in own for name in each}))}
    weights = np.zeros((len(names), len(columns)))
    for row, each in enumerate(own):
        for name in each:
            weights[row, columns[name]] = len(each) ** -0.5
    return weights


def t_bounds(differences: Array, level: float) -> tuple[Array, Array]:
    """One-sided lower and upper bounds of the mean of independent observations, each at `level`.

    Shapes: (..., n) -> two of (...). With fewer than two problems nothing is known: -1 and 1.
    """
    return cluster_bounds(differences, (), level)


def cluster_bounds(
    differences: Array, shared: Sequence[Array], level: float, *, flipped: float = 0.0
) -> tuple[Array, Array]:
    """One-sided lower and upper bounds of the mean, each at `level`, where observations share clusters.

    Shapes: (..., n), several of (n, g) -> two of (...). `flipped` is what one run more moves its problem by: one such
    run each way is added to the spread. With fewer than two observations, or one cluster, nothing is known: -1 and 1.
    """
    n = differences.shape[-1]
    if n < 2 or not all(np.ptp(weights, axis=0).any() for weights in shared):
        shape = differences.shape[:-1]
        return np.full(shape, -1.0), np.full(shape, 1.0)
    mean = differences.mean(axis=-1)
    if flipped:
        differences = np.concatenate([differences, np.broadcast_to([flipped, -flipped], (*mean.shape, 2))], axis=-1)
        shared = [_with_two(weights) for weights in shared]
    rest = differences - differences.mean(axis=-1, keepdims=True)
    alone = _variance(rest, np.eye(rest.shape[-1]))
    found = [alone, *(_variance(rest, weights) for weights in shared)]
    if len(shared) == 2:
        found.append((found[1][0] + found[2][0] - alone[0], min(found[1][1], found[2][1])))
    spread = np.max([stdtrit(freedom, level) * np.sqrt(np.maximum(of, 0.0)) for of, freedom in found], axis=0)
    return mean - spread, mean + spread


def _with_two(weights: Array) -> Array:
    """With two more observations, each a cluster of its own."""
    n, g = weights.shape
    wider = np.zeros((n + 2, g + 2))
    wider[:n, :g] = weights
    wider[n:, g:] = np.eye(2)
    return wider


def _variance(rest: Array, weights: Array) -> tuple[Array, float]:
    """Variance of the mean by the clusters' sums, unbiased where nothing is shared; and its degrees of freedom."""
    centred = weights - weights.mean(axis=0)
    trace = float((centred**2).sum())
    freedom = trace**2 / float(((centred.T @ centred) ** 2).sum())
    return ((rest @ weights) ** 2).sum(axis=-1) / (trace * rest.shape[-1]), freedom


def flip_p_values(differences: Array, seed: int, mechanisms: Array | None = None) -> Array:
    """One-sided p-value of a gain above zero, by flipping signs of mechanisms at random; of problems if none are given.

    Shapes: (nights, n), (n, g) -> (nights,). Exact up to the number of flips if the arms are exchangeable. A problem of
    several mechanisms is flipped with the first of them by name.
    """
    if mechanisms is not None:
        first = mechanisms.argmax(axis=1)
        differences = differences @ np.eye(mechanisms.shape[1])[first]
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(FLIPS, differences.shape[-1]))
    flipped = signs @ differences.T
    observed = differences.sum(axis=-1)
    return (1.0 + (flipped >= observed - 1e-9).sum(axis=0)) / (FLIPS + 1.0)


def interval(differences: Array, level: float, shared: Sequence[Array] = (), *, flipped: float = 0.0) -> Interval:
    """Mean and two-sided interval whose ends are the one-sided bounds at `level` (0.95 gives a 90 % interval)."""
    n = len(differences)
    low, high = cluster_bounds(differences, shared, level, flipped=flipped)
    estimate = float(differences.mean()) if n else 0.0
    return Interval(estimate=estimate, low=float(low), high=float(high), level=round(2 * level - 1, 9), n=n)


def is_gain_proven(
    differences: Array, shared: Sequence[Array], level: float, minimum: float, *, seed: int, flipped: float = 0.0
) -> bool:
    """Whether the mean lies above `minimum` by both tests. False for an empty or broken array.

    The first of `shared` are mechanisms, whose signs are flipped together.
    """
    if len(differences) < 2 or not np.isfinite(differences).all():
        return False
    low, _ = cluster_bounds(differences, shared, level, flipped=flipped)
    p_value = flip_p_values(differences[None, :] - minimum, seed, *shared[:1])[0]
    return bool(low > minimum and p_value <= 1 - level)


def problems_needed(gain: Interval, minimum: float) -> int | None:
    """Problems at which the lower bound would clear `minimum`, were gain and spread to stay as seen; None if never."""
    margin = gain.estimate - minimum
    if gain.n < 2 or margin <= 0:
        return None
    return max(gain.n + 1, int(np.ceil(gain.n * ((gain.estimate - gain.low) / margin) ** 2)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What one night compares: enough to simulate the gate before or after it."""

    champion_rates: Array
    """(n,) success probability of the champion on each problem with a fault."""
    mechanisms: Array
    """(n, g) what each shares (`sharing`)."""
    applications: Array
    """(n, a)"""
    groups: NDArray[np.bool_]
    """(g, n) which problems each floor looks at."""
    control_rates: Array
    """(m,) probability that the champion raises no false alarm on each control."""
    control_applications: Array
    """(m, b)"""
    runs: int
    """Runs of each problem."""
    effect_spread: float
    """Standard deviation of the challenger's effect between mechanisms: some are gained, others lost."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The part of the gate that chance can move: see `GateSettings`."""

    level: float
    minimum_gain: float
    slice_margin: float
    slice_loss: float
    control_margin: float
    alarm_rise: float


def effect_spread(champion_wins: Array, challenger_wins: Array, runs: int) -> float:
    """Standard deviation of the effect that is not chance, kept within [0.05, 0.5]. Wins are counts of `runs`."""
    rates = shrunk(champion_wins, runs)
    difference = (challenger_wins - champion_wins) / runs
    by_chance = float(np.mean(2 * rates * (1 - rates) / runs)) if len(rates) else 0.0
    seen = float(np.var(difference, ddof=1)) if len(difference) > 1 else 0.0
    return float(np.clip(np.sqrt(max(seen - by_chance, 0.0)), 0.05, 0.5))


def promotion_rate(plan: Plan, rule: Rule, gain: float, *, nights: int, seed: int) -> float:
    """Share of simulated nights in which the gate promotes a challenger that is truly `gain` better on average.

    It raises as many false alarms as the champion does. All the spread of its effect is between mechanisms.
    """
    random = np.random.default_rng(seed)
    n, m = len(plan.champion_rates), len(plan.control_rates)
    if n < 2:
        return 0.0
    before = np.broadcast_to(plan.champion_rates, (nights, n))
    effects = random.standard_normal((nights, plan.mechanisms.shape[1])) @ plan.mechanisms.T
    after = _shifted(before + plan.effect_spread * effects, plan.champion_rates, gain)
    difference = (random.binomial(plan.runs, after) - random.binomial(plan.runs, before)) / plan.runs
    both, one_run = (plan.mechanisms, plan.applications), 1 / plan.runs
    low, _ = cluster_bounds(difference, both, rule.level, flipped=one_run)
    p_values = flip_p_values(difference - rule.minimum_gain, seed, plan.mechanisms)
    promoted = (low > rule.minimum_gain) & (p_values <= 1 - rule.level)
    for group in plan.groups:
        own = within(plan.mechanisms, group)
        low, high = cluster_bounds(difference[:, group], (own,), rule.level, flipped=one_run)
        promoted &= (low > -rule.slice_loss) & (high >= -rule.slice_margin)
    if m:
        alarms = random.binomial(plan.runs, plan.control_rates, (2, nights, m)) / plan.runs
        own = plan.control_applications
        low, high = cluster_bounds(alarms[0] - alarms[1], (own,), rule.level, flipped=one_run)
        promoted &= (low > -rule.alarm_rise) & (high >= -rule.control_margin)
    return float(promoted.mean())


def within(shared: Array, chosen: NDArray[np.bool_]) -> Array:
    """The clusters of some of the observations."""
    rows = shared[chosen]
    return rows[:, rows.any(axis=0)]


def detectable_gain(rate: Callable[[float], float]) -> float:
    """Smallest gain, to half a point, that is promoted with probability 0.8; 1 if none is. `rate` must rise."""
    low, high = 0.0, 1.0
    if rate(high) < WANTED_POWER:
        return 1.0
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (low, middle) if rate(middle) >= WANTED_POWER else (middle, high)
    return round(high, 3)


def shrunk(wins: Array, runs: int) -> Array:
    """Rates drawn towards their mean by one pseudo-run: a problem solved three times in three is not certain."""
    if not len(wins):
        return wins.astype(float)
    return (wins + wins.mean() / runs) / (runs + 1)


def _shifted(rates: Array, before: Array, gain: float) -> Array:
    """Move all rates by one amount so that, kept within [0, 1], their mean is `gain` above that of `before`."""
    target = min(max(float(before.mean()) + gain, 0.0), 1.0)
    low, high = -2.0, 2.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(rates + middle, 0, 1).mean() < target else (low, middle)
    return np.clip(rates + high, 0.0, 1.0)
