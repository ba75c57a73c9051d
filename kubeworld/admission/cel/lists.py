"""List and set functions of Kubernetes' CEL environment.

Without `indexOf` and `lastIndexOf` of lists: the runtime's own functions of that name, for strings, take no overload.

Source: k8s.io/apiserver/pkg/cel/library/lists.go and github.com/google/cel-go/ext/sets.go
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson


def _kind(value: Any) -> str:
    """Numbers compare with numbers, and nothing else with another kind."""
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _comparable(items: Sequence[Any]) -> Sequence[Any]:
    if len({_kind(item) for item in items}) > 1 or any(_kind(item) in ("dict", "list") for item in items):
        raise ValueError("no such overload")
    return items


def _sum(items: Sequence[Any]) -> Any:
    if not items:
        return 0
    if _kind(_comparable(items)[0]) not in ("number", "timedelta"):
        raise ValueError("no such overload")
    total = sum(items[1:], start=items[0])
    # CEL's integers have 64 bits and overflow with an error; Python's only grow.
    if isinstance(total, int) and not -(1 << 63) <= total < 1 << 63:
        raise ValueError("integer overflow")
    return total


def _extreme(pick: Callable[[Sequence[Any]], Any], name: str) -> Callable[[Sequence[Any]], Any]:
    def run(items: Sequence[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return pick(_comparable(items))

    return run


def _is_sorted(items: Sequence[Any]) -> bool:
    ordered = _comparable(items)
    return all(ordered[at] <= ordered[at + 1] for at in range(len(ordered) - 1))


def _keys(items: Sequence[Any]) -> set[Any]:
    """Something hashable for each element, equal where CEL calls the elements equal."""
    return {(_kind(item), item if _kind(item) not in ("dict", "list") else _text(item)) for item in items}


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)


def _contains(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return _keys(others) <= _keys(items)


def _intersects(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return bool(_keys(items) & _keys(others))


def _equivalent(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return _keys(items) == _keys(others)


_ORDERED = ("int", "double", "string", "bool", "duration", "timestamp")
FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    **{f"list({kind}) sum() {kind}": _sum for kind in ("int", "double", "duration")},
    **{f"list({kind}) min() {kind}": _extreme(min, "min") for kind in _ORDERED},
    **{f"list({kind}) max() {kind}": _extreme(max, "max") for kind in _ORDERED},
    **{f"list({kind}) isSorted() bool": _is_sorted for kind in _ORDERED},
    "sets.contains(list(dyn), list(dyn)) bool": _contains,
    "sets.intersects(list(dyn), list(dyn)) bool": _intersects,
    "sets.equivalent(list(dyn), list(dyn)) bool": _equivalent,
}
