"""Memory that programs never give back, and when the kernel ends it.

What a flag has a program keep for ever adds up over the past; a container that reaches its limit is killed. A program
starts anew with nothing, so its memory draws a saw.
"""

from dataclasses import replace

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.conditions import Conditions
from aoi.worlds.behaviour.flags import effects
from aoi.worlds.behaviour.memory import segments
from aoi.worlds.behaviour.network import main_container
from aoi.worlds.behaviour.traffic import evaluate
from kubeworld.kubelet import memory as kubelet
from kubeworld.machine import quantities
from kubeworld.machine.world import World

KILLED = 137


def bytes_per_s(application: Application, conditions: Conditions, component: str) -> float:
    """By which each pod of a component grows."""
    if not conditions.flags:
        return 0.0
    kept = [v * e.grown_bytes for v, e in effects(application, conditions.flags) if e.component == component]
    if not any(kept):
        return 0.0
    ready = max(1, next((i.ready for i in conditions.instances if i.component == component), 1))
    return sum(kept) * evaluate(application, conditions).components[component].rate / ready


def grown_bytes(world: World, application: Application, component: Component, start_ms: int, at_ms: int) -> float:
    """What a program that started at `start_ms` holds on top at `at_ms`."""
    if application.flags is None:
        return 0.0
    total, end = 0.0, at_ms
    for since, conditions in reversed(segments(world, application)):
        if end <= start_ms:
            break
        begin = max(since, start_ms)
        if begin < end:
            total += bytes_per_s(application, conditions, component.name) * (end - begin) / 1000
            end = begin
    return total


def oom_after_ms(component: Component, limit_bytes: int, speed: float, held: float = 0.0) -> int | None:
    """Until a program that grows by `speed` bytes a second is killed; None if it never is."""
    if not limit_bytes or speed <= 0.0:
        return None
    return max(0, int(1000 * (limit_bytes - component.demand.memory_bytes - held) / speed))


def arrange(world: World, application: Application, conditions: Conditions) -> None:
    """Have the kubelet end running containers when they reach their limit, or let those go on that grow no more."""
    if application.flags is None:
        return
    growing = {e.component for flag in application.flags.flags for e in flag.effects if e.grown_bytes}
    for pod in world.store.objects("pods", application.namespace):
        component = application.component_of(pod)
        if component is None or component.name not in growing:
            continue
        known = kubelet.load(world, pod)
        container = main_container(application, pod)
        running = known.containers.get(container["name"]) if known else None
        if known is None or running is None or running.state != "running":
            continue
        speed = bytes_per_s(application, conditions, component.name)
        limit = quantities.amounts((container.get("resources") or {}).get("limits")).get("memory", 0)
        held = grown_bytes(world, application, component, running.started_ms, world.clock.now_ms)
        after = oom_after_ms(component, limit, speed, held)
        is_ours = running.exit_reason == "OOMKilled" and running.exit_ms is not None
        if after is None and not is_ours:
            continue
        due = None if after is None else world.clock.now_ms + after
        if due is not None and running.exit_ms is not None and running.exit_ms <= due:
            continue
        code, reason = (KILLED, "OOMKilled") if due is not None else (0, "")
        planned = replace(running, exit_ms=due, exit_code=code, exit_reason=reason)
        containers = {**known.containers, container["name"]: planned}
        world.state[kubelet.key(pod["metadata"]["uid"])] = replace(known, containers=containers)
        world.wake("kubelet", "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))
