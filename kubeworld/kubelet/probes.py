"""Startup, readiness and liveness probes without a timer per period.

A probe that passes can only start to fail when the world changes, so nothing is scheduled for it; it is asked again
when the runtime says that its inputs changed, or at `ProbeAnswer.until_ms`. A failing probe is asked every period.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

from dataclasses import dataclass, replace

from kubeworld.kubelet.memory import ContainerMemory, ProbeMemory
from kubeworld.machine.runtime import ProbeAnswer
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

KINDS = ("startup", "readiness", "liveness")
_TITLES = {"startup": "Startup", "readiness": "Readiness", "liveness": "Liveness"}


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at a container's probes found."""

    memory: ContainerMemory
    unhealthy: tuple[str, ...] = ()
    """Messages of Unhealthy events, one for each failed attempt."""
    kill: str | None = None
    """The kind of probe for which the container must be restarted."""


def begin(memory: ContainerMemory, container: Obj) -> ContainerMemory:
    """Arm the probes of a container that starts now."""
    has_startup = "startupProbe" in container
    # Until the startup probe has passed the others do not run: a slow start is not a dead process.
    armed = [
        (kind, ProbeMemory(next_ms=memory.started_ms + _delay_ms(container[f"{kind}Probe"])))
        for kind in KINDS
        if f"{kind}Probe" in container and (kind == "startup" or not has_startup)
    ]
    return replace(memory, probes=tuple(armed), started=not has_startup, ready=False)


def examine(world: World, pod: Obj, container: Obj, memory: ContainerMemory) -> Round:
    """Ask every probe that is due or steady, apply thresholds, and set `started`, `ready` and the next instants."""
    now_ms = world.clock.now_ms
    unhealthy: list[str] = []
    probes: list[tuple[str, ProbeMemory]] = []
    kill: str | None = None
    started = memory.started
    for kind, probe in memory.probes:
        spec = container.get(f"{kind}Probe")
        if spec is None or (kind == "startup" and started):
            continue
        if probe.next_ms is not None and probe.next_ms > now_ms:
            probes.append((kind, probe))
            continue
        answer = _ask(world, pod, container, spec, memory)
        counted = _count(spec, probe, answer, now_ms)
        if not answer.success:
            unhealthy.append(f"{_TITLES[kind]} probe failed: {answer.message}")
            # A readiness probe takes traffic away; only the other two restart.
            if counted.passed is False and kind != "readiness":
                kill = kill or kind
        probes.append((kind, counted))
        if kind == "startup" and counted.passed:
            started = True
    memory = replace(memory, probes=tuple(probes), started=started)
    if started and any(kind == "startup" for kind, _ in probes):
        memory = _arm_after_startup(memory, container, now_ms)
        if any(probe.next_ms is not None and probe.next_ms <= now_ms for _, probe in memory.probes):
            # Those that the startup probe held back may be due in this very instant.
            later = examine(world, pod, container, memory)
            return Round(later.memory, (*unhealthy, *later.unhealthy), kill or later.kill)
    return Round(replace(memory, ready=_is_ready(memory, container, now_ms)), tuple(unhealthy), kill)


def next_ms(memory: ContainerMemory, container: Obj) -> int | None:
    """The next instant at which a running container's readiness or probes must be looked at."""
    instants = [probe.next_ms for _, probe in memory.probes if probe.next_ms is not None]
    if memory.started and not memory.ready and "readinessProbe" not in container:
        instants.append(memory.ready_from_ms)
    return min(instants, default=None)


def _arm_after_startup(memory: ContainerMemory, container: Obj, now_ms: int) -> ContainerMemory:
    armed = tuple(
        (kind, ProbeMemory(next_ms=max(now_ms, memory.started_ms + _delay_ms(container[f"{kind}Probe"]))))
        for kind in ("readiness", "liveness")
        if f"{kind}Probe" in container
    )
    return replace(memory, probes=armed)


def _is_ready(memory: ContainerMemory, container: Obj, now_ms: int) -> bool:
    """By its readiness probe; without one, once it has started up. Never before its startup probe passed."""
    if not memory.started:
        return False
    if "readinessProbe" in container:
        probe = memory.probe("readiness")
        return probe is not None and probe.passed is True
    return now_ms >= memory.ready_from_ms


def _count(spec: Obj, probe: ProbeMemory, answer: ProbeAnswer, now_ms: int) -> ProbeMemory:
    # Defaults of core/v1: every 10 s, one success, three failures.
    period_ms = spec.get("periodSeconds", 10) * 1000
    if answer.success:
        successes = min(probe.successes + 1, spec.get("successThreshold", 1))
        passed = True if successes >= spec.get("successThreshold", 1) else probe.passed
        following = answer.until_ms if passed else now_ms + period_ms
        # An answer that is out of date at once would be asked for again without time passing.
        if following is not None and following <= now_ms:
            following = now_ms + period_ms
        return ProbeMemory(0, successes, passed, following)
    failures = probe.failures + 1
    passed = False if failures >= spec.get("failureThreshold", 3) else probe.passed
    return ProbeMemory(failures, 0, passed, now_ms + period_ms)


def _ask(world: World, pod: Obj, container: Obj, spec: Obj, memory: ContainerMemory) -> ProbeAnswer:
    """The runtime's answer; while the process still starts up, nothing listens yet."""
    if world.clock.now_ms >= memory.ready_from_ms:
        return world.runtime.probe(world, pod, container, spec)
    return ProbeAnswer(False, _nothing_listens(pod, container, spec))


def _nothing_listens(pod: Obj, container: Obj, spec: Obj) -> str:
    ip = (pod.get("status") or {}).get("podIP", "")
    if "httpGet" in spec:
        get = spec["httpGet"]
        address = f"{get.get('host') or ip}:{port_number(container, get['port'])}"
        url = f"{get.get('scheme', 'HTTP').lower()}://{address}{get.get('path', '/')}"
        return f'Get "{url}": dial tcp {address}: connect: connection refused'
    if "tcpSocket" in spec:
        return f"dial tcp {ip}:{port_number(container, spec['tcpSocket']['port'])}: connect: connection refused"
    timeout_s = spec.get("timeoutSeconds", 1)
    if "grpc" in spec:
        address = f"{ip}:{spec['grpc']['port']}"
        return f'timeout: failed to connect service "{address}" within {timeout_s}s: context deadline exceeded'
    return f"command timed out after {timeout_s}s"


def port_number(container: Obj, port: int | str) -> int | str:
    """The number of a probe's port, which may be a container port's name."""
    if isinstance(port, int):
        return port
    for candidate in container.get("ports") or ():
        if candidate.get("name") == port:
            return candidate["containerPort"]
    return port


def _delay_ms(spec: Obj) -> int:
    return spec.get("initialDelaySeconds", 0) * 1000
