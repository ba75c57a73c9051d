"""What a flag service serves, and an application whose programs do what it tells them.

flagd serves a copy of its ConfigMap that an init container makes when the pod starts. A change of the ConfigMap is
therefore nothing to anybody until the pod is replaced (`kubectl rollout restart`), and a restarted container serves the
old copy. Programs keep what they were told and hear of a change at once; one that does not reach flagd uses the default
that it was written with, which is off.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from aoi.worlds.applications import flags as definitions
from aoi.worlds.applications.flags import Effect
from aoi.worlds.applications.spec import Application, Component, Operation
from aoi.worlds.behaviour.configuration import values_at
from aoi.worlds.behaviour.network import Network, Reach, is_ready
from kubeworld.machine.store import Obj

Served = tuple[tuple[str, float], ...]
"""(flag, value) of the flags that are on, by name."""
HEARD = 0.5
"""Share of attempts that reach flagd, from which on a program is taken to know its flags."""


def served(network: Network) -> Served:
    """Flags that are on, for programs that hear of it."""
    service = network.application.flags
    if service is None:
        return ()
    pod = next((pod for pod in network.pods_of(service.component) if is_ready(pod)), None)
    if pod is None:
        return ()
    values = definitions.read(_copied(network, pod))
    known = [(name, values[name]) for name in sorted(values) if name in service.by_name]
    return tuple((name, value) for name, value in known if _is_heard(network, name))


def _copied(network: Network, pod: Obj) -> str:
    """The file as the pod's init container found it."""
    service = network.application.flags
    assert service is not None
    started = network.world.clock.at_ms(pod["status"]["startTime"])
    values = values_at(network.world, started + 999)  # startTime is rounded down to a second
    return values.get(f"configmap/{service.config_map}", {}).get(service.key, "")


def _is_heard(network: Network, flag: str) -> bool:
    """Whether a program that reads the flag reaches flagd."""
    service = network.application.flags
    assert service is not None
    readers = dict.fromkeys(effect.component for effect in service.by_name[flag].effects)
    reaches = (network.reach(reader, service.component) for reader in readers)
    return any(dict(reach.outcomes).get("ok", 0.0) >= HEARD for reach in reaches)


def effects(application: Application, flags: Served) -> Iterator[tuple[float, Effect]]:
    """(value of the flag, effect) of all that is on."""
    if application.flags is not None:
        for name, value in flags:
            for effect in application.flags.by_name[name].effects:
                yield value, effect


def misdirected(network: Network, flags: Served) -> dict[tuple[str, str], Reach]:
    """Calls that programs make to another address than they are configured with, by (caller, callee)."""
    return {
        (effect.component, effect.callee): network.reach(effect.component, effect.callee, effect.address)
        for _, effect in effects(network.application, flags)
        if effect.address
    }


@lru_cache(maxsize=64)
def flagged(application: Application, flags: Served) -> Application:
    """The application as it runs while these flags are on: other times, needs, failures and demand."""
    told = list(effects(application, flags))
    if not told:
        return application
    components = tuple(_told(component, told) for component in application.components)
    busier = replace(application, components=components)
    workload = application.workload
    extra = {
        operation: workload.rps * sum(value * e.user_rate for value, e in told if e.operation == operation)
        for operation in dict.fromkeys(effect.operation for _, effect in told if effect.user_rate)
    }
    if extra:
        total = workload.rps + sum(extra.values())
        mix = tuple((name, (workload.rps * share + extra.get(name, 0.0)) / total) for name, share in workload.mix)
        workload = replace(workload, rps=total, mix=mix)
    jobs = tuple((worker, name, _consumed(busier, worker, name, rate, told)) for worker, name, rate in workload.queued)
    return replace(busier, workload=replace(workload, queued=jobs))


def _told(component: Component, told: list[tuple[float, Effect]]) -> Component:
    mine = [(value, effect) for value, effect in told if effect.component == component.name]
    if not mine:
        return component
    burnt = sum(value * effect.cpu_m for value, effect in mine)
    return replace(
        component,
        operations=tuple(_operation(operation, mine) for operation in component.operations),
        demand=replace(component.demand, cpu_idle_m=component.demand.cpu_idle_m + burnt),
    )


def _operation(operation: Operation, mine: list[tuple[float, Effect]]) -> Operation:
    wait_ms, alive, calls = operation.wait_ms, 1.0 - operation.errors, operation.calls
    for value, effect in mine:
        if effect.operation in ("", operation.name):
            wait_ms += value * effect.delay_ms
            alive *= 1.0 - min(1.0, value * effect.errors)
        if effect.message_rate:
            more = 1.0 + value * effect.message_rate
            calls = tuple(replace(c, weight=c.weight * more) if c.callee == effect.callee else c for c in calls)
    return replace(operation, wait_ms=wait_ms, errors=round(1.0 - alive, 6), calls=calls)


def _consumed(application: Application, worker: str, name: str, rate: float, told: list[tuple[float, Effect]]) -> float:
    """Jobs that a worker takes: all that are there, as far as it can take them one after another."""
    component = application.by_name[worker]
    queues = [value * e.message_rate for value, e in told if e.message_rate and e.callee in component.callees]
    job = component.operation(name)
    most = 1000.0 / (job.own_ms + job.wait_ms) * component.replicas
    return min(rate * (1.0 + sum(queues)), most) if queues else rate


def backlog_rate(application: Application, flags: Served, worker: str) -> float:
    """Messages a second that a worker leaves in its queue."""
    rates = {name: rate for name, _, rate in application.workload.queued}
    taken = {name: rate for name, _, rate in flagged(application, flags).workload.queued}
    told = list(effects(application, flags))
    callees = application.by_name[worker].callees
    more = sum(value * e.message_rate for value, e in told if e.message_rate and e.callee in callees)
    return max(0.0, rates[worker] * (1.0 + more) - taken[worker])
