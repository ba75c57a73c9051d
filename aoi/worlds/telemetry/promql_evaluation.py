"""Evaluates parsed PromQL at one instant over a source of series."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from aoi.worlds.telemetry.promql import RANGE_FUNCTIONS, Labels, Node, PromqlError, Sample, Series, Source


def evaluate(node: Node, source: Source, at_ms: int) -> list[Sample] | float:
    """An instant vector, or a scalar. Raises: PromqlError."""
    return _Evaluator(source, at_ms).value(node)


class _Evaluator:
    """Evaluates at one instant."""

    def __init__(self, source: Source, at_ms: int) -> None:
        self.source = source
        self.at_ms = at_ms

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
            case _:
                return self._binary(node)

    def _series(self, node: Node) -> list[Series]:
        selected = self.source(node.name, node.matchers)
        return [series for series in selected if all(matcher.accepts(series.labels) for matcher in node.matchers)]

    def _instant(self, node: Node) -> list[Sample]:
        at = self.at_ms - node.offset_ms
        samples = [(series.labels, series.at(at)) for series in self._series(node)]
        return [({"__name__": node.name, **labels}, value) for labels, value in samples if value is not None]

    def _vector(self, node: Node) -> list[Sample]:
        value = self.value(node)
        if isinstance(value, float):
            raise PromqlError("expected type instant vector, found a scalar")
        return value

    def _function(self, node: Node) -> list[Sample]:
        if node.name in RANGE_FUNCTIONS:
            return self._range_function(node.name, node.children[0])
        if node.name == "histogram_quantile":
            quantile = self.value(node.children[0])
            if not isinstance(quantile, float):
                raise PromqlError("histogram_quantile expects a scalar first")
            return _histogram_quantile(quantile, self._vector(node.children[1]))
        apply: dict[str, Callable[[float], float]] = {
            "abs": abs,
            "round": round,
            "ceil": math.ceil,
            "floor": math.floor,
        }
        return [(_bare(labels), float(apply[node.name](value))) for labels, value in self._vector(node.children[0])]

    def _range_function(self, name: str, selector: Node) -> list[Sample]:
        end = self.at_ms - selector.offset_ms
        start = end - selector.range_ms
        result: list[Sample] = []
        for series in self._series(selector):
            if name.endswith("_over_time"):
                step = max(15_000, selector.range_ms // 40)
                values = [v for at in range(end, start, -step) if (v := series.at(at)) is not None]
                if values:
                    pick: dict[str, Callable[[list[float]], float]] = {"max": max, "min": min}
                    mean = pick.get(name[:3], _mean)
                    result.append((series.labels, mean(values)))
                continue
            if series.at(end) is None:
                continue
            grown = series.increase(start, end)
            result.append((series.labels, grown / (selector.range_ms / 1000) if name in ("rate", "irate") else grown))
        return result

    def _aggregate(self, node: Node) -> list[Sample]:
        if node.name in ("topk", "bottomk"):
            count = self.value(node.children[0])
            if not isinstance(count, float):
                raise PromqlError(f"{node.name} expects a number first")
            ordered = sorted(
                self._vector(node.children[1]),
                key=lambda sample: (
                    math.isnan(sample[1]),  # last, whichever end is asked for
                    -sample[1] if node.name == "topk" else sample[1],
                    sorted(sample[0].items()),
                ),
            )
            return ordered[: int(count)]
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for labels, value in self._vector(node.children[0]):
            bare = _bare(labels)
            kept = {k: v for k, v in bare.items() if (k in node.labels) is not node.is_without}
            groups.setdefault(tuple(sorted(kept.items())), []).append(value)
        fold: dict[str, Callable[[list[float]], float]] = {
            "sum": math.fsum,
            "avg": lambda values: math.fsum(values) / len(values),
            "min": min,
            "max": max,
            "count": len,
        }
        return [(dict(key), float(fold[node.name](values))) for key, values in sorted(groups.items())]

    def _binary(self, node: Node) -> list[Sample] | float:
        left, right = self.value(node.children[0]), self.value(node.children[1])
        is_filter = node.kind == "compare" and not node.is_without
        if isinstance(left, float):
            if isinstance(right, float):
                return _apply(node.name, left, right)
            pairs = [(labels, left, value) for labels, value in right]
        elif isinstance(right, float):
            pairs = [(labels, value, right) for labels, value in left]
        else:
            others = {tuple(sorted(_bare(labels).items())): value for labels, value in right}
            keyed = [(labels, value, tuple(sorted(_bare(labels).items()))) for labels, value in left]
            pairs = [(labels, value, others[key]) for labels, value, key in keyed if key in others]
        result: list[Sample] = []
        for labels, a, b in pairs:
            outcome = _apply(node.name, a, b)
            if is_filter:
                if outcome:
                    result.append((labels, b if isinstance(left, float) else a))
            else:
                result.append((_bare(labels), outcome))
        return result


def _bare(labels: Labels) -> Labels:
    return {key: value for key, value in labels.items() if key != "__name__"}


def _apply(operator: str, a: float, b: float) -> float:
    match operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b if b else (math.nan if not a else math.copysign(math.inf, a))
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


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _histogram_quantile(quantile: float, samples: Sequence[Sample]) -> list[Sample]:
    """Linear interpolation inside the bucket that holds the quantile, as Prometheus does it."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for labels, value in samples:
        if "le" not in labels:
            continue
        key = tuple(sorted((k, v) for k, v in _bare(labels).items() if k != "le"))
        bound = math.inf if labels["le"] == "+Inf" else float(labels["le"])
        groups.setdefault(key, []).append((bound, value))
    return [(dict(key), _quantile(quantile, sorted(buckets))) for key, buckets in sorted(groups.items())]


def _quantile(quantile: float, buckets: list[tuple[float, float]]) -> float:
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
