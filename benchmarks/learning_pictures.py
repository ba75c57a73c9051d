"""Pictures of the learning report: inline SVG in the colour of the text, each with its content in words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from benchmarks.experiment import Calibration, Kept
from benchmarks.learning_tables import GRPO, gains, over_grpo
from benchmarks.seeds import Shown, shown
from models.training.curves import TrainingRun

FIGURES = {"reward": "reward", "loss": "loss", "entropy": "entropy, nats a token", "kl": "KL, nats a token"}
"""Of a training's points, in the order of the page."""
METHODS = {"sft": "imitation", "dpo": "preference", "grpo": "GRPO"}
WIDTH, HEIGHT = 320, 100
EDGE = 4
SIDE = 180
"""Of the calibration picture, which is square."""
Points = Sequence[tuple[float, float]]


class ForestRow(NamedTuple):
    """One interval among those that share a scale."""

    name: str
    words: str
    picture: Markup


class Curves(NamedTuple):
    """All pictures of one arm."""

    arm: str
    pictures: tuple[Markup, ...]


def forest(kept: Kept) -> list[ForestRow]:
    """Each arm's gain over the seed model and over GRPO alone, all on one scale."""
    named = [(arm, gains(kept, arm)) for arm in kept.plan.arms]
    named += [(f"{arm} over {GRPO}", over_grpo(kept, arm)) for arm in kept.plan.arms]
    rows = [(name, shown(list(values.values())), list(values.values())) for name, values in named if values]
    # One seed has no interval but the whole range: it sets no scale.
    ends = [abs(end) for _, one, _ in rows for end in (one.interval.low, one.interval.high) if one.n > 2]
    ends += [abs(value) for _, _, values in rows for value in values]
    most = max([0.01, *ends])
    return [
        ForestRow(
            name,
            _words(one),
            _strip(name, one, values, most),
        )
        for name, one, values in rows
    ]


def _words(one: Shown) -> str:
    mean = f"{100 * one.interval.estimate:+.1f}"
    if not one.deviation:
        return f"{mean}, no interval"
    return f"{mean} [{100 * one.interval.low:+.1f}, {100 * one.interval.high:+.1f}]"


def _strip(name: str, one: Shown, values: Sequence[float], most: float) -> Markup:
    """Interval, mean and every seed between -most and most, zero in the middle."""
    low, high, estimate = one.interval.low, one.interval.high, one.interval.estimate
    if not one.deviation:
        low = high = estimate

    def at(value: float) -> float:
        return WIDTH / 2 + (WIDTH / 2 - EDGE) * min(max(value / most, -1.0), 1.0)

    seeds = Markup("").join(
        Markup('<circle cx="{:.1f}" cy="12" r="2.5" fill="none" stroke="currentColor"/>').format(at(value))
        for value in values
    )
    return Markup(
        '<svg class="strip" viewBox="0 0 {w} 24" role="img" aria-label="{label}">'
        '<line x1="{zero}" x2="{zero}" y1="0" y2="24" stroke="currentColor" stroke-dasharray="2 2"/>'
        '<line x1="{low:.1f}" x2="{high:.1f}" y1="12" y2="12" stroke="currentColor" stroke-width="2"/>{seeds}'
        '<rect x="{left:.1f}" y="7" width="4" height="10" fill="currentColor"/></svg>'
    ).format(
        w=WIDTH,
        label=f"{name}: {_words(one)} points; picture from {-100 * most:+.1f} to {100 * most:+.1f}",
        zero=WIDTH / 2,
        low=at(low),
        high=at(high),
        seeds=seeds,
        left=at(estimate) - 2,
    )


def curves(found: Iterable[Kept], most_points: int) -> list[Curves]:
    """Of every trained arm, a thin line a seed and their mean; the same figure has one scale for all arms."""
    runs: defaultdict[str, dict[int, tuple[TrainingRun, ...]]] = defaultdict(dict)
    for kept in found:
        for (seed, arm), one in kept.trained.items():
            runs[arm][seed] = one.runs
    lines = {arm: dict(_lines(by_seed.values())) for arm, by_seed in runs.items()}
    spans: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for own in lines.values():
        for key, series in own.items():
            spans[key] += [y for line in series for _, y in line]
    return [
        Curves(
            arm,
            tuple(
                _plot(f"{METHODS.get(method, method)}: {FIGURES[figure]}", series, spans[method, figure], most_points)
                for (method, figure), series in own.items()
            ),
        )
        for arm, own in lines.items()
    ]


def _lines(runs: Iterable[tuple[TrainingRun, ...]]) -> Iterator[tuple[tuple[str, str], list[Points]]]:
    """(method, figure) -> a line of (step, value) for each seed."""
    by_key: defaultdict[tuple[str, str], list[Points]] = defaultdict(list)
    for of_seed in runs:
        for run in of_seed:
            for figure in FIGURES:
                line = [(float(p.step), y) for p in run.points if (y := getattr(p, figure)) is not None]
                if len(line) > 1:
                    by_key[run.method, figure].append(line)
    for method in METHODS:
        for figure in FIGURES:
            if (method, figure) in by_key:
                yield (method, figure), by_key[method, figure]


def _plot(name: str, series: Sequence[Points], span: Sequence[float], most_points: int) -> Markup:
    low, high = min(span), max(span)
    last = max(line[-1][0] for line in series)

    def drawn(line: Points, style: str) -> Markup:
        every = max(1, len(line) // most_points)
        places = " ".join(
            f"{EDGE + (WIDTH - 2 * EDGE) * x / (last or 1):.0f},"
            f"{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (y - low) / ((high - low) or 1):.0f}"
            for x, y in [*line[::every], line[-1]]
        )
        return Markup('<polyline points="{}" fill="none" stroke="currentColor" {}/>').format(places, Markup(style))

    seeds = Markup("").join(drawn(line, 'stroke-width="0.7" opacity="0.5"') for line in series)
    mean = _mean_line(series)
    first, end = mean[0][1], mean[-1][1]
    label = f"{name}: {first:.3g} to {end:.3g} in {last:.0f} steps, seeds: {len(series)}"
    scale = f"scale {low:.3g} to {high:.3g}"
    return Markup(
        "<figure><figcaption>{label} <small>({scale})</small></figcaption>"
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="{label}">{seeds}{mean}</svg></figure>'
    ).format(label=label, scale=scale, w=WIDTH, h=HEIGHT, seeds=seeds, mean=drawn(mean, 'stroke-width="2"'))


def _mean_line(series: Sequence[Points]) -> Points:
    """At steps that every seed has."""
    at = [dict(line) for line in series]
    shared = sorted(set.intersection(*(set(one) for one in at))) or [x for x, _ in series[0]]
    return [(x, sum(one[x] for one in at if x in one) / sum(x in one for one in at)) for x in shared]


def reliability(arm: str, champion: Calibration, challenger: Calibration) -> Markup:
    """Stated against right: on the diagonal is who knows. The larger a mark, the more runs."""
    most = max([1, *(one.runs for each in (champion, challenger) for one in each.bins)])

    def marks(found: Calibration, fill: str) -> Markup:
        return Markup("").join(
            Markup('<circle cx="{:.0f}" cy="{:.0f}" r="{:.1f}" fill="{}" stroke="currentColor"/>').format(
                EDGE + (SIDE - 2 * EDGE) * one.stated,
                SIDE - EDGE - (SIDE - 2 * EDGE) * one.right,
                2 + 8 * (one.runs / most) ** 0.5,
                fill,
            )
            for one in found.bins
        )

    label = f"{arm}: stated probability against share right, 0 to 1, {challenger.stated} answers; hollow: seed model"
    return Markup(
        "<figure><figcaption>{label}</figcaption>"
        '<svg class="square" viewBox="0 0 {s} {s}" role="img" aria-label="{label}">'
        '<line x1="{e}" y1="{f}" x2="{f}" y2="{e}" stroke="currentColor" stroke-dasharray="3 3" opacity="0.6"/>'
        '{before}<g opacity="0.7">{after}</g></svg></figure>'
    ).format(
        label=label,
        s=SIDE,
        e=EDGE,
        f=SIDE - EDGE,
        before=marks(champion, "none"),
        after=marks(challenger, "currentColor"),
    )
