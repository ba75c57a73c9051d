"""Draws from rows that are too many to be held: what training cannot reach is not kept for it."""

from collections.abc import Iterable
from heapq import heappop, heappush
from random import Random
from typing import TypeVar

R = TypeVar("R")


def drawn(rows: Iterable[R], most: int, seed: int) -> list[R]:
    """At most `most` rows, each as likely as any other, in their order; all where there are no more.

    One pass: each row gets a number, and those with the smallest are held.
    """
    numbers = Random(seed)
    held: list[tuple[float, int, R]] = []  # the largest number first; places differ, so rows are never compared
    for place, row in enumerate(rows):
        heappush(held, (-numbers.random(), place, row))
        if len(held) > most:
            heappop(held)
    return [row for _, _, row in sorted(held, key=lambda each: each[1])]
