"""Kinds of time series over a world's past: what the conditions of each time made of it, with seeded noise."""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from typing_extensions import override

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import bursts
from aoi.worlds.behaviour.memory import segments
from aoi.worlds.behaviour.noise import factor, unit
from aoi.worlds.behaviour.traffic import Traffic, evaluate
from aoi.worlds.telemetry.promql import Labels
from aoi.worlds.telemetry.scrapes import SCRAPE_MS
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

BLOCK_MS = 300_000
Z99 = 2.326
"""Standard normal quantile of 0.99: p50 and p99 fix a log-normal latency."""


@dataclass(frozen=True)
class Counter:
    """Grows at a rate that the conditions of the time give."""

    labels: Labels
    rate: Callable[[Traffic], float]
    history: "History"
    noise: float = 0.04
    since_ms: int = 0
    """When what is counted began to be: by default with the world."""

    def at(self, at_ms: int) -> float | None:
        """Total since whoever counts was last started: a process that begins again begins at zero. None before."""
        if not self.exists(at_ms):
            return None
        begun_ms = self.history.begun_ms(self.labels.get("service", ""), at_ms)
        return round(self.history.integral(self.rate, max(self.since_ms, begun_ms), at_ms), 3)

    def exists(self, at_ms: int) -> bool:
        """From its beginning on."""
        return at_ms >= self.since_ms

    def increase(self, start_ms: int, end_ms: int) -> float:
        """With noise, since no two minutes are alike."""
        grown = self.history.integral(self.rate, max(self.since_ms, start_ms), end_ms)
        middle = (start_ms + end_ms) // 2
        seed = self.history.world.seed
        keys = sorted(item for item in self.labels.items() if item[0] not in ("le", "code", "outcome"))
        return (
            grown
            * wave(seed, middle)
            * factor(self.noise, seed, keys, middle // SCRAPE_MS)
            * self._burst(start_ms, end_ms)
        )

    def _burst(self, start_ms: int, end_ms: int) -> float:
        """How much more than usual a burst of traffic makes it, at the server that it hits."""
        service = self.labels.get("service", "")
        if "peer" in self.labels:
            return 1.0
        return 1.0 + self.history.burst(service, "traffic", start_ms, end_ms)


@dataclass(frozen=True)
class Gauge:
    """Whatever its function says at a time."""

    labels: Labels
    value: Callable[[int], float | None]

    def at(self, at_ms: int) -> float | None:
        """Value at a time."""
        return self.value(at_ms)

    def exists(self, at_ms: int) -> bool:
        """Whether it has a value."""
        return self.value(at_ms) is not None

    def increase(self, start_ms: int, end_ms: int) -> float:
        """Difference of the values."""
        return (self.value(end_ms) or 0.0) - (self.value(start_ms) or 0.0)


class History:
    """Traffic over the world's past."""

    def __init__(self, world: World, application: Application) -> None:
        self.world = world
        self.application = application
        self._begun: dict[str, list[int]] = {}
        recorded = segments(world, application)
        ends = [start for start, _ in recorded[1:]] + [world.clock.now_ms + 1]
        self.parts = [
            (start, end, evaluate(application, conditions))
            for (start, conditions), end in zip(recorded, ends, strict=True)
        ]

    def burst(self, service: str, what: bursts.What, start_ms: int, end_ms: int) -> float:
        """Magnitude of a burst of a component in a window, weighted by what it covers of it."""
        programs = self.application.programs
        return bursts.overlap(self.world.seed, programs, service, what, start_ms=start_ms, end_ms=end_ms)

    def begun_ms(self, name: str, at_ms: int) -> int:
        """When a component was last back from having no ready pod at all; 0 if it always had one."""
        if name not in self._begun:
            ready = [(start, ready_at(traffic, name)) for start, _, traffic in self.parts]
            self._begun[name] = [start for (_, before), (start, now) in pairwise(ready) if now and not before]
        begun = self._begun[name]
        index = bisect_right(begun, at_ms)
        return begun[index - 1] if index else 0

    def integral(self, rate: Callable[[Traffic], float], start_ms: int, end_ms: int) -> float:
        """Of a rate per second over a span of time."""
        total = 0.0
        for start, end, traffic in reversed(self.parts):
            if start >= end_ms:
                continue
            if end <= start_ms:
                break
            overlap = min(end, end_ms) - max(start, start_ms)
            if overlap > 0:
                total += rate(traffic) * overlap / 1000
        return total

    def at(self, at_ms: int) -> Traffic:
        """Traffic at a time."""
        for start, _, traffic in reversed(self.parts):
            if start <= at_ms:
                return traffic
        return self.parts[0][2]


def wave(seed: int, at_ms: int) -> float:
    """How busy users are: a slow wave around 1 that all components share."""
    period = 25 + 20 * unit(seed, "period")
    return 1.0 + 0.07 * math.sin(2 * math.pi * (at_ms / 60_000 / period + unit(seed, "phase")))


def share_below(p50_ms: float, p99_ms: float, bound_s: float) -> float:
    """Share of a log-normal latency that is at most `bound_s`."""
    if bound_s == math.inf:
        return 1.0
    if p50_ms <= 0:
        return 0.0
    sigma = max(math.log(max(p99_ms, p50_ms * 1.01) / p50_ms) / Z99, 1e-3)
    return 0.5 * (1 + math.erf(math.log(bound_s * 1000 / p50_ms) / sigma / math.sqrt(2)))


@dataclass(frozen=True)
class Errors(Counter):
    """An error counter: a burst adds errors that conditions do not explain."""

    @override
    def increase(self, start_ms: int, end_ms: int) -> float:
        """What conditions explain, and what a burst adds."""
        service = self.labels["service"]
        share = self.history.burst(service, "errors", start_ms, end_ms)
        load = self.history.at((start_ms + end_ms) // 2).components[service]
        return super().increase(start_ms, end_ms) + share * load.rate * (end_ms - start_ms) / 1000


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of a container: the sum of its use over blocks of time, as it was at the start of each.

    A block ends where conditions change and every five minutes, so a total never falls and never changes afterwards.
    """

    labels: Labels
    use: Callable[[int], float | None]
    """Cores at a time."""
    started_ms: int
    cuts: tuple[int, ...]
    """When conditions changed."""
    now_ms: int

    def at(self, at_ms: int) -> float | None:
        """CPU seconds since the container started."""
        if at_ms < self.started_ms:
            return None
        return round(self._total(at_ms), 6)

    def increase(self, start_ms: int, end_ms: int) -> float:
        """What it used in a window."""
        begin = max(start_ms, self.started_ms)
        # Block by block: of a container that has run for hours, a window of minutes asks for one or two.
        total, index = 0.0, bisect_right(self._starts, begin) - 1
        while index < len(self._starts) and self._starts[index] < end_ms:
            start = self._starts[index]
            index += 1
            until = min(end_ms, self._starts[index]) if index < len(self._starts) else end_ms
            total += self._cores(start) * max(0, until - max(start, begin)) / 1000
        return total

    def exists(self, at_ms: int) -> bool:
        """From the start of the container on."""
        return at_ms >= self.started_ms

    def _total(self, at_ms: int) -> float:
        index = bisect_right(self._starts, at_ms) - 1
        if index < 0:
            return 0.0
        start, before, cores = self._blocks[index]
        return before + cores * (at_ms - start) / 1000

    @cached_property
    def _starts(self) -> list[int]:
        cuts = {*self.cuts, *range(self.started_ms // BLOCK_MS * BLOCK_MS, self.now_ms + 1, BLOCK_MS)}
        return sorted({self.started_ms, *(cut for cut in cuts if self.started_ms < cut <= self.now_ms)})

    @cached_property
    def _blocks(self) -> list[tuple[int, float, float]]:
        """(start, CPU seconds before it, cores in it)."""
        blocks: list[tuple[int, float, float]] = []
        for start in self._starts:
            before = 0.0
            if blocks:
                last, earlier, cores = blocks[-1]
                before = earlier + cores * (start - last) / 1000
            blocks.append((start, before, self._cores(start)))
        return blocks

    @cached_property
    def _known(self) -> dict[int, float]:
        return {}

    def _cores(self, start_ms: int) -> float:
        """In the block that starts then."""
        if start_ms not in self._known:
            self._known[start_ms] = self.use(start_ms) or 0.0
        return self._known[start_ms]


@dataclass(frozen=True)
class Restarts:
    """Restarts of a container, as many as its status says; the newest lie where its last end lies."""

    labels: Labels
    world: World
    pod: Obj
    status: Obj

    def at(self, at_ms: int) -> float | None:
        """The count of the status."""
        return float(self.status.get("restartCount", 0))

    def exists(self, at_ms: int) -> bool:
        """As long as its container is there."""
        return True

    def increase(self, start_ms: int, end_ms: int) -> float:
        """Nothing if it last ended before the window; else its share of all restarts."""
        count = self.status.get("restartCount", 0)
        ended = (self.status.get("lastState") or {}).get("terminated")
        if not count or not ended or self.world.clock.at_ms(ended["finishedAt"]) < start_ms:
            return 0.0
        born = self.world.clock.at_ms(self.pod["metadata"]["creationTimestamp"])
        if count == 1 or born >= start_ms:
            return float(count)
        return max(1.0, count * (end_ms - start_ms) / max(1, end_ms - born))


def ready_at(traffic: Traffic, name: str) -> int:
    """Ready pods of a component under given conditions."""
    return next((entry.ready for entry in traffic.conditions.instances if entry.component == name), 0)
