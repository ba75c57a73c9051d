"""What Chaos Mesh objects do to traffic: NetworkChaos (loss, delay, partition) and PodChaos (pod-failure).

Read as Chaos Mesh reads them: a selector and a mode pick pods of its namespaces, `duration` counts from creation.
Source: https://chaos-mesh.org/docs/simulate-network-chaos-on-kubernetes/
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubeworld.machine.selectors import matches_expression, matches_map
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

RESOURCES = ("networkchaos.chaos-mesh.org", "podchaos.chaos-mesh.org")
_UNITS_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, "us": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|s|m|h)")
RETRANSMIT_MS = 200.0
"""TCP's initial retransmission timeout on Linux: what a lost packet costs when a later one gets through."""


@dataclass(frozen=True, slots=True)
class Active:
    """A chaos object that is in force, with the names of the pods it picked."""

    obj: Obj
    pods: frozenset[str]
    targets: frozenset[str] | None
    """Pods of `spec.target`, or None for all traffic."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to attempts between two pods."""

    lost: float = 0.0
    """Share of attempts that never get an answer."""
    delay_ms: float = 0.0
    is_down: bool = False
    """The callee's containers were replaced by a pause image."""


NONE = Effect()


def duration_ms(text: str) -> float:
    """A Go duration such as `10s` or `1m30s` in milliseconds; 0 if it is not one."""
    return sum(float(number) * _UNITS_MS[unit] for number, unit in _DURATION.findall(text or ""))


def active(world: World) -> list[Active]:
    """Chaos objects in force now."""
    experiments = []
    for resource in RESOURCES:
        for obj in world.store.objects(resource):
            spec = obj.get("spec") or {}
            started = world.clock.at_ms(obj["metadata"]["creationTimestamp"])
            paused = (obj["metadata"].get("annotations") or {}).get("experiment.chaos-mesh.org/pause") == "true"
            if paused or (spec.get("duration") and world.clock.now_ms >= started + duration_ms(spec["duration"])):
                continue
            target = spec.get("target")
            targets = _pick(world, obj, target) if target else None
            experiments.append(Active(obj, _pick(world, obj, spec), targets))
    return experiments


def remaining_ms(world: World) -> list[int]:
    """For each object in force with a duration: milliseconds until it ends."""
    left = []
    for item in active(world):
        if duration := item.obj["spec"].get("duration"):
            started = world.clock.at_ms(item.obj["metadata"]["creationTimestamp"])
            left.append(int(started + duration_ms(duration) - world.clock.now_ms))
    return left


def _pick(world: World, obj: Obj, spec: dict[str, Any]) -> frozenset[str]:
    selector = spec.get("selector") or {}
    namespaces = selector.get("namespaces") or [obj["metadata"].get("namespace", "")]
    named = selector.get("pods") or {}
    picked = []
    for namespace in namespaces:
        for pod in world.store.objects("pods", namespace):
            labels = pod["metadata"].get("labels") or {}
            if named and pod["metadata"]["name"] not in named.get(namespace, ()):
                continue
            if not matches_map(selector.get("labelSelectors"), labels):
                continue
            if all(matches_expression(item, labels) for item in selector.get("expressionSelectors") or ()):
                picked.append(pod["metadata"]["name"])
    mode, value = spec.get("mode", "all"), str(spec.get("value", ""))
    if mode == "one":
        picked = picked[:1]
    elif mode == "fixed" and value.isdigit():
        picked = picked[: int(value)]
    elif mode in ("fixed-percent", "random-max-percent") and value.isdigit():
        picked = picked[: max(1, len(picked) * int(value) // 100)]
    return frozenset(picked)


def between(experiments: Sequence[Active], caller: Obj | None, callee: Obj) -> Effect:
    """Combined effect of all chaos on attempts of `caller` (None: users) to `callee`."""
    if not experiments:
        return NONE
    lost, delay, is_down = 0.0, 0.0, False
    ends = {callee["metadata"]["name"], *(() if caller is None else (caller["metadata"]["name"],))}
    for item in experiments:
        touched = ends & item.pods
        if not touched or (item.targets is not None and not (ends - touched or ends) & item.targets):
            continue
        spec = item.obj["spec"]
        match spec.get("action"):
            case "loss":
                share = _percent(spec.get("loss", {}).get("loss"))
                lost = 1 - (1 - lost) * (1 - share * share)  # a request needs its answer too, and is retransmitted
                delay += RETRANSMIT_MS * share / max(1 - share, 0.05)
            case "delay":
                delay += duration_ms(spec.get("delay", {}).get("latency", ""))
            case "partition":
                lost = 1.0
            case "corrupt":
                lost = 1 - (1 - lost) * (1 - _percent(spec.get("corrupt", {}).get("corrupt")))
            case "pod-failure":
                is_down = is_down or callee["metadata"]["name"] in item.pods
    return Effect(round(min(lost, 1.0), 6), round(delay, 3), is_down)


def _percent(text: Any) -> float:
    try:
        return min(max(float(text) / 100.0, 0.0), 1.0)
    except (TypeError, ValueError):
        return 0.0
