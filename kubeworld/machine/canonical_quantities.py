"""Kubernetes quantities: `100m`, `1.5Gi`, `2e3`, and their canonical form."""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_PATTERN = re.compile(r"^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]{1,2}|[numkMGTPE]|[KMGTPE]i)?$")


@lru_cache(maxsize=4096)
def parse(text: str) -> Decimal:
    """Value in base units (cores, bytes). Raises: ValueError."""
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        return number * (Decimal(1024) ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    value = parse(text)
    suffix = (_PATTERN.match(text) or [""] * 3)[2] or ""
    nano = value.scaleb(9).to_integral_value(ROUND_CEILING)  # nothing finer is kept
    if nano == 0:
        return "0"
    # A quantity keeps the family it was written in: 1024Mi turns into 1Gi, never into a power of ten.
    if suffix in _BINARY and value == value.to_integral_value() and abs(value) >= 1024:
        number, best = int(value), ""
        for name, power in _BINARY.items():
            if number % 1024**power == 0:
                best = name
        return f"{number // 1024 ** _BINARY.get(best, 0)}{best}"
    for name, power in sorted(_DECIMAL.items(), key=lambda pair: -pair[1]):
        scaled = nano.scaleb(-9 - power)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{name}"
    return text


def canonical(value: str | int | float) -> str:
    """As Kubernetes writes it back: `1000m` -> `1`, `0.5` -> `500m`, `1024Mi` -> `1Gi`. Raises: ValueError."""
    return _canonical(value if isinstance(value, str) else repr(value))
