"""`quantity()` and what it offers. A value is its canonical text with a tag.

Source: k8s.io/apiserver/pkg/cel/library/quantity.go
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from kubeworld.machine import quantities

TYPES = ("kubernetes.Quantity",)
_TAG = "$quantity"
Value = Mapping[str, Any]


def _quantity(text: str) -> Value:
    try:
        return {_TAG: quantities.canonical(text)}
    except ValueError as error:
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        ) from error


def _is_quantity(text: str) -> bool:
    try:
        quantities.parse(text)
    except ValueError:
        return False
    return True


def _number(value: Value) -> Decimal:
    if _TAG not in value:
        raise ValueError("no such overload")
    return quantities.parse(str(value[_TAG]))


def _compare(left: Value, right: Value) -> int:
    ours, theirs = _number(left), _number(right)
    return (ours > theirs) - (ours < theirs)


def _is_less(left: Value, right: Value) -> bool:
    return _compare(left, right) < 0


def _is_greater(left: Value, right: Value) -> bool:
    return _compare(left, right) > 0


def _integer(value: Value) -> int:
    if not _is_integer(value):
        raise ValueError("cannot convert value to integer")
    return int(_number(value))


def _is_integer(value: Value) -> bool:
    number = _number(value)
    # int of CEL has 64 bits, whatever Python can hold.
    return number == number.to_integral_value() and -(1 << 63) <= number < 1 << 63


def _add(left: Value, right: Value | int, sign: int = 1) -> Value:
    other = Decimal(right) if isinstance(right, int) else _number(right)
    return _quantity(f"{_number(left) + sign * other:f}")


def _subtract(left: Value, right: Value | int) -> Value:
    return _add(left, right, -1)


def _sign(value: Value) -> int:
    number = _number(value)
    return (number > 0) - (number < 0)


def _float(value: Value) -> float:
    return float(_number(value))


FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    "quantity(string) quantity": _quantity,
    "isQuantity(string) bool": _is_quantity,
    "quantity sign() int": _sign,
    "quantity isInteger() bool": _is_integer,
    "quantity asInteger() int": _integer,
    "quantity asApproximateFloat() double": _float,
    "quantity add(quantity) quantity": _add,
    "quantity add(int) quantity": _add,
    "quantity sub(quantity) quantity": _subtract,
    "quantity sub(int) quantity": _subtract,
    "quantity isLessThan(quantity) bool": _is_less,
    "quantity isGreaterThan(quantity) bool": _is_greater,
    "quantity compareTo(quantity) int": _compare,
}
