"""Kubernetes quantities as agents read them in objects and tables: an exact number, or None for what is no quantity.

Text that somebody else wrote is read here, so nothing raises. Source of the grammar:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import ROUND_UP, Context, Decimal

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
"""Powers of 1024."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
"""Powers of 10."""
# ASCII digits alone; an exponent of more than two digits names an amount that no cluster has.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[KMGTPE]i|[numkMGTPE])?)"
)
_LONGEST = 1000
_EXACT = Context(prec=2 * _LONGEST)
"""As many digits as the longest quantity can have with its exponent or suffix: nothing is rounded unasked."""


def quantity(text: str | float | None) -> Decimal | None:
    """In cores, bytes or pieces; None if absent or no quantity."""
    written = "" if text is None else str(text)
    match = _QUANTITY.fullmatch(written) if len(written) <= _LONGEST else None
    if match is None:
        return None
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix]))
    return number.scaleb(int(match["exponent"] or _DECIMAL[suffix]), _EXACT)


def millicores(text: str | float | None) -> int:
    """A CPU quantity in thousandths of a core, rounded up as resource.Quantity does; 0 if absent or no quantity."""
    cores = quantity(text)
    return 0 if cores is None else int(cores.scaleb(3, _EXACT).to_integral_value(ROUND_UP))


def size_bytes(text: str | float | None) -> int:
    """A memory quantity in bytes, rounded up as resource.Quantity does; 0 if absent or no quantity."""
    size = quantity(text)
    return 0 if size is None else int(size.to_integral_value(ROUND_UP))
