"""Worlds by how old their faults are at the first look."""

from itertools import count

from aoi.problems.preparing import schedule

FRESH_S = 1800
"""Events are kept for an hour: of what is younger they still say everything."""


def fresh(application_key: str) -> int:
    """The first seed whose faults are minutes old in an application."""
    return next(seed for seed in count() if _age_s(application_key, seed) < FRESH_S)


def _age_s(application_key: str, seed: int) -> int:
    times = schedule(application_key, seed)
    return sum(times.after) + times.rest
