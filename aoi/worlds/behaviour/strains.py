"""How the programs of each component run, averaged over its pods, and what else asks it: what traffic adds to edges.

A component that runs as its specification says has no strain, so a healthy world has none and costs nothing here.
Others hand in what they know of a program by its `Tuning`; state inside a database is its component's `"scans"`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aoi.worlds.behaviour.network import Network
from aoi.worlds.behaviour.tuning import PLAIN, Tuning


@dataclass(frozen=True, slots=True)
class Strain:
    """How a component's programs run otherwise than their specification says, averaged over its pods."""

    component: str
    extra_cpu_ms: float = 0.0
    """CPU of each request on top: a hot path, a scan of a whole table."""
    gc_share: float = 0.0
    """Share of the time in which a garbage collector holds the program."""
    gc_pause_ms: float = 0.0
    timeout_ms: int = 0
    """Longest wait for an answer of any callee; 0: each call's own."""
    attempts: int = 1
    """Of a call that fails, in all: what retries make of a callee's trouble."""
    missing_share: float = 0.0
    """Of a cache's look-ups that it would answer if it were well: they go on to what is behind it."""


@dataclass(frozen=True, slots=True)
class Surge:
    """Requests to a component that its users did not make."""

    component: str
    rps: float


def strains_of(network: Network) -> Iterator[Strain]:
    """Of all components whose programs run otherwise than specified."""
    scans = network.world.state.get("databases", {})
    for name in network.application.by_name:
        tunings = network.tunings(name)
        scan_ms = float(scans[name].get("scan_ms", 0.0)) if name in scans else 0.0
        if not scan_ms and all(tuning is PLAIN for tuning in tunings):
            continue
        strain = _average(name, tunings) if tunings else Strain(name)
        strain = replace(strain, extra_cpu_ms=round(strain.extra_cpu_ms + scan_ms, 3))
        if strain != Strain(name):
            yield strain


def _average(name: str, tunings: list[Tuning]) -> Strain:
    count = len(tunings)
    waits = [tuning.timeout_ms for tuning in tunings if tuning.timeout_ms]
    return Strain(
        name,
        extra_cpu_ms=round(sum(tuning.extra_cpu_ms for tuning in tunings) / count, 3),
        gc_share=round(sum(tuning.gc_share for tuning in tunings) / count, 4),
        gc_pause_ms=max(tuning.gc_pause_ms for tuning in tunings),
        timeout_ms=min(waits) if len(waits) * 2 > count else 0,
        attempts=max(tuning.attempts for tuning in tunings),
        missing_share=round(sum(tuning.missing_share for tuning in tunings) / count, 4),
    )
