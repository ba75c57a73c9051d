"""Which scrapes a Prometheus got, and which it did not: a target that was slow once, a server that was restarted.

Metrics have such holes on any cluster, and nothing is wrong where they are. A target that misses a scrape is `up` 0
for it and has no samples at that time; while the server itself is away nobody has any, `up` neither. Seeded, and the
same with a fault as without. Rates look over holes, as Prometheus' do; samples that are asked for one by one show them.
"""

from functools import lru_cache

from aoi.worlds.behaviour.noise import unit

SCRAPE_MS = 15_000
MISSED_SHARE = 0.004
"""Of a target's scrapes: about one in an hour."""
WATCH_MS = 6 * 3_600_000
"""In each such time the server was restarted, or was not."""
RESTART_SHARE = 0.5
RESTART_MS = (30_000, 90_000)
"""How long it then scrapes nothing."""


@lru_cache(maxsize=65_536)
def is_missed(seed: int, target: str, scrape: int) -> bool:
    """Whether a target did not answer in time at one of its scrapes (their number since the start of the world)."""
    return unit(seed, "scrape", target, scrape) < MISSED_SHARE


def is_away(seed: int, at_ms: int) -> bool:
    """Whether the server itself was being restarted."""
    start_ms, end_ms = _restart(seed, at_ms // WATCH_MS)
    return start_ms <= at_ms < end_ms


@lru_cache(maxsize=4096)
def _restart(seed: int, watch: int) -> tuple[int, int]:
    if unit(seed, "prometheus restarts", watch) >= RESTART_SHARE:
        return 0, 0
    shortest, longest = RESTART_MS
    lasts_ms = shortest + int((longest - shortest) * unit(seed, "prometheus is away", watch))
    start_ms = watch * WATCH_MS + int((WATCH_MS - longest) * unit(seed, "prometheus goes", watch))
    return start_ms, start_ms + lasts_ms


def is_up(seed: int, target: str, at_ms: int) -> bool:
    """Whether the newest scrape of a target that answers has come through."""
    return not is_missed(seed, target, at_ms // SCRAPE_MS)


def has_sample(seed: int, target: str, at_ms: int) -> bool:
    """Whether there is a sample of this very scrape."""
    return is_up(seed, target, at_ms) and not is_away(seed, at_ms)
