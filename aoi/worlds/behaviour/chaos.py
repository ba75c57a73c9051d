"""What Chaos Mesh objects do to traffic: chaos of network, pods (pod-failure), HTTP, IO, stress and DNS.

Read as Chaos Mesh reads them: a selector and a mode pick pods of its namespaces, `duration` counts from creation.
What happens once, as a kill, and what a Schedule makes again and again, is in `experiments.py`.
Source: https://chaos-mesh.org/docs/simulate-network-chaos-on-kubernetes/ and its neighbours
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubeworld.machine.selectors import matches_expression, matches_map
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

RESOURCES = tuple(
    f"{kind}.chaos-mesh.org" for kind in ("networkchaos", "podchaos", "httpchaos", "iochaos", "stresschaos", "dnschaos")
)
PAUSE = "experiment.chaos-mesh.org/pause"
"""Annotation by which an experiment or a schedule is told to do nothing for now."""
SCHEDULES = "schedules.chaos-mesh.org"
EVERY = (*RESOURCES, SCHEDULES)
"""Whatever people make of Chaos Mesh."""
ONCE = ("pod-kill", "container-kill")
"""Actions of PodChaos that are done when they are done."""
_UNITS_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, "us": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|s|m|h)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(bps|bit)", re.IGNORECASE)
MESSAGE_BYTES = 4_096
"""What a call and its answer weigh on the wire."""
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
    is_aborted: bool = False
    """The callee's side closes the connection instead of answering."""


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
            if is_paused(obj) or is_over(world, obj):
                continue
            if spec.get("action") in ONCE or "deletionTimestamp" in obj["metadata"]:
                continue
            target = spec.get("target")
            # Of HTTPChaos `target` says which half of a call it is about.
            targets = _pick(world, obj, target) if isinstance(target, dict) else None
            experiments.append(Active(obj, _pick(world, obj, spec), targets))
    return experiments


def is_paused(obj: Obj) -> bool:
    """Whether somebody told it to do nothing for now."""
    return (obj["metadata"].get("annotations") or {}).get(PAUSE) == "true"


def is_over(world: World, obj: Obj) -> bool:
    """Whether its duration has passed."""
    return world.clock.now_ms >= ends_ms(world, obj)


def ends_ms(world: World, obj: Obj) -> float:
    """When its duration is over; infinity where it has none."""
    duration = (obj.get("spec") or {}).get("duration")
    if not duration:
        return math.inf
    return world.clock.at_ms(obj["metadata"]["creationTimestamp"]) + duration_ms(duration)


def remaining_ms(world: World) -> list[int]:
    """For each object in force with a duration: milliseconds until it ends."""
    ends = [ends_ms(world, item.obj) for item in active(world)]
    return [int(end - world.clock.now_ms) for end in ends if end < math.inf]


def picked(world: World, obj: Obj) -> frozenset[str]:
    """Names of the pods that an experiment's selector and mode pick now."""
    return _pick(world, obj, obj.get("spec") or {})


def scheduled_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """What a Schedule makes: the field of its spec that is named for its type, as `networkChaos` for NetworkChaos."""
    kind = str(spec.get("type", ""))
    head = len(kind) - len("Chaos")
    # Chaos Mesh lowers an initialism as a whole: `dnsChaos`, `httpChaos`, `ioChaos`.
    field = (kind[:head].lower() if kind[:head].isupper() else kind[:1].lower() + kind[1:head]) + "Chaos"
    return dict(spec.get(field) or {})


def namespaces_of(obj: Obj) -> list[str]:
    """Where an experiment picks pods."""
    listed = ((obj.get("spec") or {}).get("selector") or {}).get("namespaces")
    return list(listed or [obj["metadata"].get("namespace", "")])


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


def between(
    experiments: Sequence[Active], caller: Obj | None, callee: Obj, port: int = 0, *, is_http: bool = False
) -> Effect:
    """Combined effect of all chaos on attempts of `caller` (None: users) to a port of `callee`."""
    if not experiments:
        return NONE
    lost, delay, is_down, is_aborted = 0.0, 0.0, False, False
    ends = {callee["metadata"]["name"], *(() if caller is None else (caller["metadata"]["name"],))}
    for item in experiments:
        touched = ends & item.pods
        if not touched or (item.targets is not None and not (ends - touched or ends) & item.targets):
            continue
        spec, is_callee = item.obj["spec"], callee["metadata"]["name"] in item.pods
        match item.obj.get("kind"):
            case "HTTPChaos" if is_callee and is_http and spec.get("port") == port:
                is_aborted = is_aborted or bool(spec.get("abort"))
                delay += duration_ms(spec.get("delay", ""))
            case "IOChaos" if is_callee and _mounts(callee, spec.get("volumePath", "")):
                if spec.get("action") == "latency":
                    delay += duration_ms(spec.get("delay", "")) * _percent(spec.get("percent", 100))
            case "HTTPChaos" | "IOChaos" | "StressChaos" | "DNSChaos":
                continue
            case "PodChaos":
                is_down = is_down or (is_callee and spec.get("action") == "pod-failure")
            case _:
                share, added = _on_the_wire(spec)
                lost = 1 - (1 - lost) * (1 - share)
                delay += added
                is_down = is_down or (is_callee and spec.get("action") == "pod-failure")
    return Effect(round(min(lost, 1.0), 6), round(delay, 3), is_down, is_aborted)


def _on_the_wire(spec: dict[str, Any]) -> tuple[float, float]:
    """(share of attempts lost, milliseconds added) of one NetworkChaos."""
    match spec.get("action"):
        case "loss":
            share = _percent(spec.get("loss", {}).get("loss"))
            # A request needs its answer too, and is retransmitted.
            return share * share, RETRANSMIT_MS * share / max(1 - share, 0.05)
        case "delay":
            return 0.0, duration_ms(spec.get("delay", {}).get("latency", ""))
        case "partition":
            return 1.0, 0.0
        case "corrupt":
            # A checksum does not fit: the packet is dropped like one that was lost.
            return _percent(spec.get("corrupt", {}).get("corrupt")), 0.0
        case "bandwidth":
            rate = bytes_per_s(spec.get("bandwidth", {}).get("rate", ""))
            return 0.0, 1000 * MESSAGE_BYTES / rate if rate else 0.0
    return 0.0, 0.0


def bytes_per_s(text: str) -> float:
    """A rate as tc reads it, whose `bps` are bytes a second and whose `bit` are bits; 0 if it is not one."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        return 0.0
    scale = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}[match[2].lower()]
    return float(match[1]) * scale / (1 if match[3].lower() == "bps" else 8)


def _mounts(pod: Obj, path: str) -> bool:
    return bool(path) and any(
        mount.get("mountPath") == path
        for container in pod["spec"]["containers"]
        for mount in container.get("volumeMounts") or ()
    )


def left_of_cpu(experiments: Sequence[Active], pod: Obj, limit_m: int) -> int:
    """What the program in a pod gets of its CPU limit beside stress workers, that want as much each as a thread of it.

    They run in its control group, so its quota is theirs too. Without a limit they take what is idle on the node.
    """
    workers = sum(_workers(item) for item in experiments if pod["metadata"]["name"] in item.pods)
    if not workers or not limit_m:
        return limit_m
    return max(1, int(max(limit_m - 1000 * workers, limit_m / (1 + workers))))


def stressed_m(experiments: Sequence[Active], pod: Obj) -> float:
    """Millicores that stress workers in a pod would use if nothing held them back."""
    return 1000 * sum(_workers(item) for item in experiments if pod["metadata"]["name"] in item.pods)


def _workers(item: Active) -> float:
    """Stress workers of an experiment, each by the share of a core that it keeps busy."""
    cpu = (item.obj["spec"].get("stressors") or {}).get("cpu") or {}
    return (
        float(cpu.get("workers", 0)) * _percent(cpu.get("load") or 100)
        if item.obj.get("kind") == "StressChaos"
        else 0.0
    )


def looked_up(experiments: Sequence[Active], pod: Obj, name: str) -> str:
    """What DNSChaos makes of a pod's look-up of a full name: `servfail`, `timeout` (a random address), or nothing.

    A pattern fits with or without the domain; `*` at its end fits anything.
    """
    for item in experiments:
        spec = item.obj["spec"]
        if pod["metadata"]["name"] not in item.pods:
            continue
        if not spec.get("patterns") or any(_fits(pattern, name) for pattern in spec["patterns"]):
            return "servfail" if spec.get("action") == "error" else "timeout"
    return ""


def _fits(pattern: str, name: str) -> bool:
    parts = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern.rstrip("."))
    return re.fullmatch(parts, name) is not None


def _percent(text: Any) -> float:
    try:
        return min(max(float(text) / 100.0, 0.0), 1.0)
    except (TypeError, ValueError):
        return 0.0
