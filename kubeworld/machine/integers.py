"""Numbers in text that clients wrote: as Go's parsers take them, not as Python's do."""

import re

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def integer(text: str) -> int | None:
    """A decimal number that fits 64 bits; None for anything else.

    `str.isdigit` holds for `²`, and `int` takes the digits of other scripts and refuses numbers of 5,000 digits.
    """
    return int(text) if _INTEGER.fullmatch(text) else None


def natural(text: str) -> int | None:
    """The same without a sign."""
    return int(text) if _INTEGER.fullmatch(text) and text[0] not in "+-" else None
