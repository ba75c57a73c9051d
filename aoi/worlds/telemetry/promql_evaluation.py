"""Evaluates parsed PromQL at one instant over a source of series."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from aoi.worlds.telemetry.promql import RANGE_FUNCTIONS, Labels, Node, PromqlError, Sample, Series, Source, Unsupported
from aoi.worlds.telemetry.scrapes import SCRAPE_MS

IsSampled = Callable[[str, Labels, int], bool]
"""(metric, labels, time of a scrape) -> whether the sample is there: scrapes are missed now and then."""
Key = tuple[tuple[str, str], ...]
LOOKBACK_MS = 300_000
"""How long a series still has its newest value when none follows (`--query.lookback-delta`)."""


def _sum(values: Sequence[float]) -> float:
    """Infinities of both signs have no sum."""
    try:
        return math.fsum(values)
    except (ValueError, OverflowError):
        return sum(values)


_PLAIN: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": lambda value: math.ceil(value) if math.isfinite(value) else value,
    "floor": lambda value: math.floor(value) if math.isfinite(value) else value,
}
_FOLDS: dict[str, Callable[[list[float]], float]] = {
    "sum": _sum,
    "avg": lambda values: _sum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
    "group": lambda values: 1.0,
    "last": lambda values: values[-1],
}


def every_sample(_metric: str, _labels: Labels, _at_ms: int) -> bool:
    """No scrape is missed."""
    return True


def evaluate(
    node: Node,
    source: Source,
    at_ms: int,
    epoch_ms: int = 0,
    is_sampled: IsSampled = every_sample,
    *,
    newest_ms: int | None = None,
) -> list[Sample] | float:
    """An instant vector, or a scalar; `epoch_ms` is what `time()` counts from. Raises: PromqlError.

    Nothing was scraped after `newest_ms`: by default all is known up to the instant.
    """
    return _Evaluator(source, at_ms, epoch_ms, is_sampled, at_ms if newest_ms is None else newest_ms).value(node)


def matrix(
    node: Node, source: Source, at_ms: int, is_sampled: IsSampled = every_sample
) -> list[tuple[Labels, list[tuple[int, float]]]]:
    """(labels, (time, value) of each scrape) of a selector with a range, which stands alone."""
    end = at_ms - node.offset_ms
    found = []
    for name, series in _named(node, source):
        if samples := scrapes(name, series, end - node.range_ms, end, is_sampled):
            found.append(({"__name__": name, **series.labels}, samples))
    return found


def scrapes(name: str, series: Series, start_ms: int, end_ms: int, is_sampled: IsSampled) -> list[tuple[int, float]]:
    """(time, value) of each scrape in a range that is open at its left end, as since Prometheus 3.0."""
    first = (start_ms // SCRAPE_MS + 1) * SCRAPE_MS
    times = (at for at in range(first, end_ms + 1, SCRAPE_MS) if is_sampled(name, series.labels, at))
    samples = ((at, series.at(at)) for at in times)
    return [(at, value) for at, value in samples if value is not None]


def _named(node: Node, source: Source) -> list[tuple[str, Series]]:
    """(metric name, series) that a selector picks."""
    picked = []
    for series in source(node.name, node.matchers):
        name = node.name or getattr(series, "name", "")
        labels = series.labels if node.name else {**series.labels, "__name__": name}
        if all(matcher.accepts(labels) for matcher in node.matchers):
            picked.append((name, series))
    return picked


class _Evaluator:
    """Evaluates at one instant."""

    def __init__(self, source: Source, at_ms: int, epoch_ms: int, is_sampled: IsSampled, newest_ms: int) -> None:
        self.source = source
        self.is_sampled = is_sampled
        self.at_ms = at_ms
        self.epoch_ms = epoch_ms
        self.newest_ms = newest_ms

    def value(self, node: Node) -> list[Sample] | float:
        match node.kind:
            case "number":
                return node.number
            case "selector":
                if node.range_ms:
                    raise PromqlError("a range vector needs a function such as rate()")
                return self._instant(node)
            case "function":
                return self._function(node)
            case "aggregate":
                return self._aggregate(node)
            case "set":
                return self._set(node)
            case _:
                return self._binary(node)

    def _instant(self, node: Node) -> list[Sample]:
        at = self.at_ms - node.offset_ms
        if at - self.newest_ms >= LOOKBACK_MS:
            return []
        at = min(at, self.newest_ms)
        samples = [(name, series.labels, series.at(at)) for name, series in _named(node, self.source)]
        return [({"__name__": name, **labels}, value) for name, labels, value in samples if value is not None]

    def _vector(self, node: Node) -> list[Sample]:
        value = self.value(node)
        if isinstance(value, float):
            raise PromqlError("expected type instant vector, found a scalar")
        return value

    def _scalar(self, node: Node, where: str) -> float:
        value = self.value(node)
        if not isinstance(value, float):
            raise PromqlError(f"{where} expects a scalar")
        return value

    def _function(self, node: Node) -> list[Sample] | float:  # noqa: PLR0911 - one answer per function
        if node.name in RANGE_FUNCTIONS:
            return self._range_function(node.name, node.children[0])
        match node.name:
            case "time":
                return (self.epoch_ms + self.at_ms) / 1000
            case "vector":
                return [({}, self._scalar(node.children[0], "vector"))]
            case "scalar":
                vector = self._vector(node.children[0])
                return vector[0][1] if len(vector) == 1 else math.nan
            case "absent":
                return [] if self._vector(node.children[0]) else [(_told(node.children[0]), 1.0)]
            case "sort" | "sort_desc":
                vector = self._vector(node.children[0])
                return sorted(vector, key=lambda sample: sample[1], reverse=node.name == "sort_desc")
            case "clamp_min" | "clamp_max":
                bound = self._scalar(node.children[1], node.name)
                clamp = max if node.name == "clamp_min" else min
                return [(_bare(labels), clamp(value, bound)) for labels, value in self._vector(node.children[0])]
            case "round":
                nearest = self._scalar(node.children[1], "round") if len(node.children) == 2 else 1.0
                return [(_bare(labels), _round(value, nearest)) for labels, value in self._vector(node.children[0])]
            case "histogram_quantile":
                quantile = self._scalar(node.children[0], "histogram_quantile")
                return _histogram_quantile(quantile, self._vector(node.children[1]))
        return [(_bare(labels), float(_PLAIN[node.name](value))) for labels, value in self._vector(node.children[0])]

    def _range_function(self, name: str, selector: Node) -> list[Sample]:
        end = self.at_ms - selector.offset_ms
        start = end - selector.range_ms
        result: list[Sample] = []
        for named, series in _named(selector, self.source):
            labels = {"__name__": named, **series.labels} if name == "last_over_time" else series.labels
            if name == "changes" or name.endswith("_over_time"):
                values = [value for _, value in scrapes(named, series, start, end, self.is_sampled)]
                if values:
                    result.append((labels, _over(name, values)))
                continue
            known = min(end, self.newest_ms)
            if known <= start or not series.exists(known):
                continue
            grown = series.increase(start, known)
            result.append((labels, grown / (selector.range_ms / 1000) if name in ("rate", "irate") else grown))
        return result

    def _aggregate(self, node: Node) -> list[Sample]:
        if node.name in ("topk", "bottomk"):
            return self._ranked(node)
        groups: dict[Key, list[float]] = {}
        for labels, value in self._vector(node.children[0]):
            bare = _bare(labels)
            kept = {k: v for k, v in bare.items() if (k in node.labels) is not node.is_without}
            groups.setdefault(tuple(sorted(kept.items())), []).append(value)
        return [(dict(key), float(_FOLDS[node.name](values))) for key, values in sorted(groups.items())]

    def _ranked(self, node: Node) -> list[Sample]:
        count = self._scalar(node.children[0], node.name)
        if math.isnan(count):
            raise Unsupported("parameter value is NaN")
        count = min(count, 1e9)
        groups: dict[Key, list[Sample]] = {}
        for sample in self._vector(node.children[1]):
            kept = {k: v for k, v in _bare(sample[0]).items() if (k in node.labels) is not node.is_without}
            groups.setdefault(tuple(sorted(kept.items())), []).append(sample)
        chosen: list[Sample] = []
        for _, samples in sorted(groups.items()):
            ordered = sorted(
                samples,
                key=lambda sample: (
                    math.isnan(sample[1]),  # last, whichever end is asked for
                    -sample[1] if node.name == "topk" else sample[1],
                    sorted(sample[0].items()),
                ),
            )
            chosen += ordered[: max(0, int(count))]
        return chosen

    def _set(self, node: Node) -> list[Sample]:
        left, right = self._vector(node.children[0]), self._vector(node.children[1])
        there = {_key(node, labels) for labels, _ in right}
        match node.name:
            case "and":
                return [sample for sample in left if _key(node, sample[0]) in there]
            case "unless":
                return [sample for sample in left if _key(node, sample[0]) not in there]
        here = {_key(node, labels) for labels, _ in left}
        return [*left, *(sample for sample in right if _key(node, sample[0]) not in here)]

    def _binary(self, node: Node) -> list[Sample] | float:
        left, right = self.value(node.children[0]), self.value(node.children[1])
        is_filter = node.kind == "compare" and not node.is_bool
        if isinstance(left, float):
            if isinstance(right, float):
                if is_filter:
                    raise PromqlError("comparisons between scalars must use BOOL modifier")
                return _apply(node.name, left, right)
            pairs = [(labels, left, value) for labels, value in right]
        elif isinstance(right, float):
            pairs = [(labels, value, right) for labels, value in left]
        else:
            pairs = _matched(node, left, right)
        result: list[Sample] = []
        for labels, a, b in pairs:
            outcome = _apply(node.name, a, b)
            if is_filter:
                if outcome:
                    result.append((labels, b if isinstance(left, float) else a))
            else:
                result.append((_bare(labels), outcome))
        return result


def _matched(node: Node, left: list[Sample], right: list[Sample]) -> list[tuple[Labels, float, float]]:
    """One-to-one. Raises: Unsupported if one side has several of a key, which Prometheus refuses in these words."""
    others: dict[Key, float] = {}
    for labels, value in right:
        key = _key(node, labels)
        if key in others:
            raise Unsupported("found duplicate series for the match group on the right hand-side of the operation")
        others[key] = value
    seen: set[Key] = set()
    pairs = []
    for labels, value in left:
        key = _key(node, labels)
        if key not in others:
            continue
        if key in seen:
            raise Unsupported("multiple matches for labels: many-to-one matching must be explicit")
        seen.add(key)
        result = dict(key) if node.labels and node.kind == "arithmetic" else labels
        pairs.append((result, value, others[key]))
    return pairs


def _key(node: Node, labels: Labels) -> Key:
    """What two samples must share to be matched."""
    return tuple(sorted((k, v) for k, v in _bare(labels).items() if (k in node.labels) is not node.is_without))


def _told(node: Node) -> Labels:
    """Labels that a selector fixes: what `absent` says of what is not there."""
    return {matcher.label: matcher.value for matcher in node.matchers if matcher.operator == "="}


def _over(name: str, values: list[float]) -> float:
    if name == "changes":
        return float(sum(1 for before, after in pairwise(values) if before != after))
    return float(_FOLDS[name.removesuffix("_over_time")](values))


def _round(value: float, nearest: float) -> float:
    """To a multiple of `nearest`; halves upwards."""
    inverse = 1 / nearest if nearest else math.inf
    scaled = value * inverse + 0.5
    return math.floor(scaled) / inverse if math.isfinite(scaled) and inverse else math.nan if nearest == 0 else value


def _bare(labels: Labels) -> Labels:
    return {key: value for key, value in labels.items() if key != "__name__"}


def _apply(operator: str, a: float, b: float) -> float:  # noqa: PLR0911 - one answer per operator
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b if b else (math.nan if not a else math.copysign(math.inf, a))
        case "%":
            return math.fmod(a, b) if b and not math.isinf(a) else math.nan
        case "^":
            return _power(a, b)
        case _:
            compare: dict[str, Any] = {
                "==": a == b,
                "!=": a != b,
                ">": a > b,
                "<": a < b,
                ">=": a >= b,
                "<=": a <= b,
            }
            return float(compare[operator])


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _histogram_quantile(quantile: float, samples: Sequence[Sample]) -> list[Sample]:
    """Linear interpolation inside the bucket that holds the quantile, as Prometheus does it."""
    groups: dict[Key, list[tuple[float, float]]] = {}
    for labels, value in samples:
        if "le" not in labels:
            continue
        key = tuple(sorted((k, v) for k, v in _bare(labels).items() if k != "le"))
        bound = math.inf if labels["le"] == "+Inf" else float(labels["le"])
        groups.setdefault(key, []).append((bound, value))
    return [(dict(key), _quantile(quantile, sorted(buckets))) for key, buckets in sorted(groups.items())]


def _quantile(quantile: float, buckets: list[tuple[float, float]]) -> float:
    if math.isnan(quantile) or not 0 <= quantile <= 1:
        return quantile if math.isnan(quantile) else math.copysign(math.inf, quantile)
    total = buckets[-1][1]
    if total <= 0 or buckets[-1][0] != math.inf:
        return math.nan
    rank, lower, below = quantile * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == math.inf:
                return lower
            inside = count - below
            return lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)
        lower, below = bound, count
    return lower
