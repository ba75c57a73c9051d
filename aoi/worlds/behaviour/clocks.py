"""Clocks of nodes, which agree to milliseconds, but for one now and then that is off by a second.

What a container writes of the time is its node's: lines of its log and starts of its spans. Seeded by node, the same
with a fault as without, and far below what certificates, leases or tokens would mind.
"""

from functools import lru_cache

from aoi.worlds.behaviour.noise import unit

KEPT_MS = 5.0
"""How far off a clock is that is kept in time over the network."""
LOOSE_SHARE = 0.2
"""Nodes whose clock is kept badly."""
LOOSE_MS = (250.0, 1_900.0)


@lru_cache(maxsize=1024)
def skew_ms(seed: int, node: str) -> int:
    """How far ahead a node's clock is; negative behind."""
    sign = 1 if unit(seed, "clock side", node) < 0.5 else -1
    size = unit(seed, "clock", node)
    if unit(seed, "loose clock", node) >= LOOSE_SHARE:
        return sign * round(KEPT_MS * size)
    least, most = LOOSE_MS
    return sign * round(least + (most - least) * size)
