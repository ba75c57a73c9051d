"""What a program uses of its node, from the traffic that it has."""

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.growth import grown_bytes
from aoi.worlds.behaviour.launch import Launch
from aoi.worlds.behaviour.memory import conditions_at
from aoi.worlds.behaviour.noise import unit
from aoi.worlds.behaviour.traffic import cpu_millicores, evaluate
from kubeworld.machine.runtime import Usage
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def usage_at(
    world: World, application: Application, pod: Obj, program: Launch, at_ms: int, started: int | None = None
) -> Usage:
    """CPU and memory of a program at a time, from the traffic that it had then and, where told, since it started."""
    component: Component | None = program.component
    assert component is not None
    conditions = conditions_at(world, application, at_ms)
    ready = max(1, next((i.ready for i in conditions.instances if i.component == component.name), 1))
    traffic = evaluate(application, conditions)
    load = traffic.components[component.name]
    uid, slot = pod["metadata"].get("uid", ""), at_ms // 15_000
    cpu = (
        cpu_millicores(traffic.application.by_name[component.name], load.rate)
        / ready
        * (0.85 + 0.3 * unit(world.seed, uid, "cpu", slot))
    )
    if program.cpu_limit_m:
        cpu = min(cpu, program.cpu_limit_m)
    memory = component.demand.memory_bytes * (0.94 + 0.12 * unit(world.seed, uid, "memory", slot // 8))
    if started is not None:
        memory += grown_bytes(world, application, component, started, at_ms)
    if program.memory_limit_bytes:
        memory = min(memory, program.memory_limit_bytes * 0.995)
    return Usage(max(1, round(cpu)), int(memory))
