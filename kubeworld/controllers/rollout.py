"""The arithmetic of a rolling update: how many pods each ReplicaSet may have next. Pure functions over integers.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ and
pkg/controller/deployment/{rolling.go,util/deployment_util.go}.
"""

import math
from dataclasses import dataclass

from kubeworld.machine.store import Obj


@dataclass(frozen=True, slots=True)
class Bounds:
    """maxSurge and maxUnavailable in pods."""

    surge: int
    unavailable: int


@dataclass(frozen=True, slots=True)
class Size:
    """One ReplicaSet as the arithmetic sees it."""

    name: str
    replicas: int
    """spec.replicas"""
    available: int
    """status.availableReplicas"""


def scaled(value: int | str, replicas: int, *, up: bool) -> int:
    """An IntOrString (`1`, `25%`) of `replicas` in pods."""
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * replicas / 100
    return math.ceil(share) if up else math.floor(share)


def bounds(deployment: Obj) -> Bounds:
    """Resolved against spec.replicas: surge rounds up, unavailable down; never both zero (ResolveFenceposts)."""
    replicas = deployment["spec"].get("replicas", 1)
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Bounds(0, 0)
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = min(scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False), replicas)
    # Validation refuses two zeros, but small percentages round to them, and nothing could ever move.
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, unavailable)


def next_new(replicas: int, limit: Bounds, new: Size, old: list[Size]) -> int:
    """spec.replicas of the new ReplicaSet (NewRSNewReplicas)."""
    if new.replicas > replicas:
        return replicas
    total = new.replicas + sum(size.replicas for size in old)
    room = replicas + limit.surge - total
    return new.replicas + max(0, min(room, replicas - new.replicas))


def next_old(replicas: int, limit: Bounds, new: Size, old: list[Size]) -> dict[str, int]:
    """spec.replicas of the old ReplicaSets, oldest first in `old`: unhealthy pods go first, then as many healthy ones
    as keep `replicas - maxUnavailable` available (reconcileOldReplicaSets)."""
    target = {size.name: size.replicas for size in old}
    total = new.replicas + sum(target.values())
    min_available = replicas - limit.unavailable
    # New pods that are not available yet are missing as much as if they were not there.
    budget = total - min_available - (new.replicas - new.available)
    if budget <= 0:
        return target
    for size in old:
        unhealthy = min(budget, max(0, size.replicas - size.available))
        target[size.name] -= unhealthy
        budget -= unhealthy
    # Healthy pods: count only what is available, since the unhealthy ones went above.
    available = new.available + sum(min(size.available, target[size.name]) for size in old)
    healthy_budget = available - min_available
    for size in old:
        if healthy_budget <= 0:
            break
        removed = min(target[size.name], healthy_budget)
        target[size.name] -= removed
        healthy_budget -= removed
    return target


def proportional(replicas: int, limit: Bounds, sizes: list[tuple[Size, int]]) -> dict[str, int]:
    """Spread a change of spec.replicas over ReplicaSets in the middle of a rollout, in proportion to their size.

    `sizes` pairs each ReplicaSet with the total that its `max-replicas` annotation remembers, newest first.
    Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling
    """
    allowed = replicas + limit.surge if replicas > 0 else 0
    to_add = allowed - sum(size.replicas for size, _ in sizes)
    # Largest first; of equal ones the newer grows first and the older shrinks first.
    order = sorted(sizes if to_add > 0 else sizes[::-1], key=lambda pair: -pair[0].replicas)
    target: dict[str, int] = {}
    added = 0
    for size, remembered in order:
        share = 0
        if to_add != 0 and size.replicas:
            ideal = size.replicas * allowed / (remembered or sum(s.replicas for s, _ in sizes))
            # Go rounds half away from zero, Python half to even.
            share = math.floor(ideal + 0.5) - size.replicas
            left = to_add - added
            share = max(min(share, left), 0) if to_add > 0 else min(max(share, left), 0)
        target[size.name] = size.replicas + share
        added += share
    # What rounding left over goes to the largest (scale in sync.go).
    if order and added != to_add:
        first = order[0][0].name
        target[first] = max(0, target[first] + to_add - added)
    return target
