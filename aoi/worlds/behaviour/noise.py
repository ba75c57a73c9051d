"""Noise that looks random and is not: hashes of what it is about."""

import hashlib


def digest(*parts: object) -> bytes:
    """32 bytes that depend on `parts` alone."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    return int.from_bytes(digest(*parts)[:6], "big") / 281_474_976_710_656


def factor(spread: float, *parts: object) -> float:
    """A number in [1 - spread, 1 + spread)."""
    return 1.0 + spread * (2.0 * unit(*parts) - 1.0)
