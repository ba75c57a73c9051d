"""What a program uses of its node, from the traffic that it has."""

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.growth import grown_bytes
from aoi.worlds.behaviour.launch import Launch
from aoi.worlds.behaviour.memory import conditions_at
from aoi.worlds.behaviour.network import main_container, started_ms
from aoi.worlds.behaviour.noise import unit
from aoi.worlds.behaviour.traffic import cpu_millicores, evaluate
from kubeworld.machine.runtime import Usage
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def usage_at(world: World, application: Application, pod: Obj, program: Launch, at_ms: int) -> Usage:
    """CPU and memory of a program at a time, from the traffic that it had then and since it started."""
    component: Component | None = program.component
    assert component is not None
    conditions = conditions_at(world, application, at_ms)
    instances = next((i for i in conditions.instances if i.component == component.name), None)
    ready, stress_m = (max(1, instances.ready), instances.stress_m) if instances else (1, 0.0)
    traffic = evaluate(application, conditions)
    load, running = traffic.components[component.name], traffic.application.by_name[component.name]
    uid, slot = pod["metadata"].get("uid", ""), at_ms // 15_000
    cpu = cpu_millicores(running, load.rate) / ready * (0.85 + 0.3 * unit(world.seed, uid, "cpu", slot)) + stress_m
    if program.cpu_limit_m:
        cpu = min(cpu, program.cpu_limit_m)
    memory = component.demand.memory_bytes * (0.94 + 0.12 * unit(world.seed, uid, "memory", slot // 8))
    started = started_ms(world, pod, main_container(application, pod)["name"])
    if application.flags is not None and started is not None:
        memory += grown_bytes(world, application, component, started, at_ms)
    if program.tuning.leak_bytes_per_s:
        memory += program.tuning.leak_bytes_per_s * max(0, at_ms - (at_ms if started is None else started)) / 1000
    if program.memory_limit_bytes:
        memory = min(memory, program.memory_limit_bytes * 0.995)
    return Usage(max(1, round(cpu)), int(memory))
