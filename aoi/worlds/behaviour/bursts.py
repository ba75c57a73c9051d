"""Short disturbances that no fault explains: a batch job, a bad client, a scrape that failed. Seeded.

A burst lasts a few minutes and is over; the alert that it raised keeps firing for an hour, as rules with
`keep_firing_for` do. Metrics of the time show it, so that alerts and metrics agree: whoever looks sees that it passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from aoi.worlds.behaviour.noise import unit

HOUR_MS = 3_600_000
What = Literal["errors", "slow", "traffic", "down"]


@dataclass(frozen=True, slots=True)
class Burst:
    """One disturbance of one component."""

    what: What
    service: str
    size: float
    """In [0, 1): how bad."""
    start_ms: int
    end_ms: int

    @property
    def magnitude(self) -> float:
        """Error share, factor of the p99, or requests on top of the usual rate as a factor of it."""
        match self.what:
            case "errors":
                return 0.06 + 0.2 * self.size
            case "slow":
                return 4.2 + 4 * self.size
            case "traffic":
                return 1.1 + self.size
        return 0.0


@lru_cache(maxsize=4096)
def of_hour(seed: int, services: Sequence[str], hour: int) -> tuple[Burst, ...]:
    """Zero to two bursts in the half hour before the turn of an hour."""
    draw = unit(seed, services, "bursts", hour)
    count = 0 if draw < 0.25 else (1 if draw < 0.75 else 2)
    bursts = []
    for index in range(count):
        roll = unit(seed, services, "burst", hour, index)
        what: What = "slow" if roll < 0.35 else "traffic" if roll < 0.65 else "errors" if roll < 0.9 else "down"
        service = services[int(unit(seed, services, "burst service", hour, index) * len(services))]
        size = unit(seed, services, "burst size", hour, index)
        start = hour * HOUR_MS - int((4 + 30 * size) * 60_000)
        bursts.append(Burst(what, service, size, start, start + int((2 + 3 * size) * 60_000)))
    return tuple(bursts)


def lately(seed: int, services: Sequence[str], now_ms: int) -> list[Burst]:
    """Bursts that have begun and ended at most about an hour ago, and those of the half hour to come."""
    hour = now_ms // HOUR_MS
    return [burst for turn in (hour - 1, hour, hour + 1) for burst in of_hour(seed, services, turn)]


def overlap(seed: int, services: Sequence[str], service: str, what: What, *, start_ms: int, end_ms: int) -> float:
    """Magnitude of a component's burst times the share of the window that it covers; 0 if there is none."""
    if end_ms <= start_ms:
        return 0.0
    total = 0.0
    for hour in range(start_ms // HOUR_MS, end_ms // HOUR_MS + 2):
        for burst in of_hour(seed, services, hour):
            if burst.service == service and burst.what == what:
                covered = min(end_ms, burst.end_ms) - max(start_ms, burst.start_ms)
                total += max(0, covered) / (end_ms - start_ms) * burst.magnitude
    return total
