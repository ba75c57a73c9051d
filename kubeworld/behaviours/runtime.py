"""The runtime of a world whose containers somebody described: what an entry names it decides, the rest is as before."""

import bisect
from collections.abc import Sequence
from dataclasses import replace

from kubeworld.behaviours.entries import Behaviours, ContainerEntry, ProbeKind, Pull
from kubeworld.behaviours.text import LogText, WrittenLog
from kubeworld.kinds.owners import controller_of
from kubeworld.kubelet import container_memory
from kubeworld.machine.runtime import ContainerPlan, ExitPlan, ImageError, LogLine, ProbeAnswer, Usage, Work
from kubeworld.machine.store import Obj
from kubeworld.machine.world import Runtime, Worker, World

PULL_TIMEOUT_MS = 15_000
"""How long a registry that does not answer is waited for; networks differ, and whoever looks on waits with it."""
STEADY_MS = 60_000
"""A container that is to run longer than this has written its log soon after it started."""
OPENING_MS = 1000
"""How soon."""
_IMAGE_ERRORS: dict[Pull, ImageError | None] = {
    "ok": None,
    "not_found": "not_found",
    "unauthorized": "unauthorized",
    "timeout": "timeout",
}
_KINDS: tuple[ProbeKind, ...] = ("readiness", "liveness", "startup")


class DescribedRuntime:
    """`Runtime` over another one, with behaviours that may change while containers run."""

    def __init__(self, base: Runtime) -> None:
        self.base = base
        self._changed_ms: list[int] = []
        self._versions: list[Behaviours] = [Behaviours()]
        """What held before the first change, between the first and the second, and so on."""
        self.stopped: frozenset[str] = frozenset()
        """Nodes whose kubelets do not run because an entry says so."""

    @property
    def current(self) -> Behaviours:
        """What holds now."""
        return self._versions[-1]

    def change(self, behaviours: Behaviours, at_ms: int) -> None:
        """From now on these hold. Runs that have ended keep the log that they wrote."""
        kept = bisect.bisect_right(self._changed_ms, at_ms)  # a world that went back in time forgets what came after
        self._changed_ms = [*self._changed_ms[:kept], at_ms]
        self._versions = [*self._versions[: kept + 1], behaviours]

    @property
    def probe_inputs(self) -> tuple[str, ...]:
        """Those of the runtime below: a described answer depends on nothing."""
        return self.base.probe_inputs

    def plan(self, world: World, pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        """The plan of the runtime below, with what the entry says otherwise."""
        plan = self.base.plan(world, pod, container, attempt)
        entry = self.current.of(pod, container)
        if entry is None:
            return plan
        if entry.pull is not None:
            error = _IMAGE_ERRORS[entry.pull]
            pull_ms = PULL_TIMEOUT_MS if entry.pull == "timeout" else plan.pull_ms
            plan = replace(plan, image_error=error, is_image_absent=error is not None, pull_ms=pull_ms)
        if entry.start_error is not None:
            plan = replace(plan, start_error=entry.start_error)
        if entry.probes:
            plan = replace(plan, ready_after_ms=0)  # what answers probes is described, also while the program starts
        ending = described_exit(world, pod, entry, attempt)
        return plan if ending is None else replace(plan, exit=ending)

    def probe(self, world: World, pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """As described, or as the runtime below answers."""
        entry = self.current.of(pod, container)
        # The kubelet hands over the very probe of the container's spec.
        kind = next((kind for kind in _KINDS if container.get(f"{kind}Probe") is probe), None)
        if entry is None or kind not in entry.probes:
            return self.base.probe(world, pod, container, probe)
        message = entry.probes[kind]
        return ProbeAnswer(message is None, message or "")

    def log(self, world: World, pod: Obj, container: str, *, previous: bool) -> Sequence[LogLine]:
        """The described lines between the start and the end of the run; of an ended run those that held at its end."""
        run = _run(world, pod, container, previous=previous)
        spec = container_spec(pod, container)
        held = self._at(run[1]) if run is not None and run[1] is not None else self.current
        entry = held.of(pod, spec) if spec is not None else None
        if entry is None or entry.log is None:
            return self.base.log(world, pod, container, previous=previous)
        if run is None:
            return []
        start_ms, end_ms = run
        if end_ms is not None:
            return WrittenLog(entry.log, start_ms, max(start_ms, end_ms))
        return self._unfinished(world, pod, container, entry.log, start_ms)

    def usage(self, world: World, pod: Obj, container: Obj) -> Usage:
        """As described, or as the runtime below measures."""
        usage, entry = self.base.usage(world, pod, container), self.current.of(pod, container)
        if entry is None:
            return usage
        cpu = usage.cpu_millicores if entry.cpu_millicores is None else entry.cpu_millicores
        memory = usage.memory_bytes if entry.memory_bytes is None else entry.memory_bytes
        return Usage(cpu, memory)

    def exec(self, world: World, pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """The described output of exactly this command, or what the runtime below does with it."""
        spec = container_spec(pod, container)
        entry = self.current.of(pod, spec) if spec is not None else None
        output = entry.outputs.get(" ".join(command)) if entry is not None else None
        if output is not None:
            return 0, output.encode(), b""
        return self.base.exec(world, pod, container, command)

    def work(self, world: World, pod: Obj, container: Obj, *, has_ended: bool) -> Sequence[Work]:
        """What an entry says, else what the runtime below knows."""
        entry = self.current.of(pod, container)
        if entry is not None and entry.work:
            return entry.work
        return self.base.work(world, pod, container, has_ended=has_ended) if isinstance(self.base, Worker) else ()

    def _at(self, at_ms: int) -> Behaviours:
        # API times have whole seconds: a run that ended in the second of a change ended after it.
        return self._versions[bisect.bisect_right(self._changed_ms, at_ms + 999)]

    def _unfinished(self, world: World, pod: Obj, container: str, text: LogText, start_ms: int) -> WrittenLog:
        memory = container_memory(world, pod, container)
        exit_ms = memory.exit_ms if memory is not None else None
        if exit_ms is None or exit_ms - start_ms > STEADY_MS:
            exit_ms = start_ms + OPENING_MS
        # The whole second that will be its finishedAt: no line moves when the run ends.
        end_ms = world.clock.at_ms(world.clock.rfc3339(exit_ms))
        return WrittenLog(text, start_ms, end_ms, world.clock.now_ms)


def described_exit(world: World, pod: Obj, entry: ContainerEntry | None, attempt: int) -> ExitPlan | None:
    """How an entry has one attempt end, or None if it does not say."""
    if entry is None or entry.ending is None:
        return None
    return entry.ending.of(attempt + _failed_before(world, pod))


def container_spec(pod: Obj, name: str) -> Obj | None:
    """A container of any sort by its name."""
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        if container["name"] == name:
            return container
    return None


def _run(world: World, pod: Obj, container: str, *, previous: bool) -> tuple[int, int | None] | None:
    """Start and end of the run whose log is asked for; no end while it runs; None without such a run."""
    status = pod.get("status") or {}
    for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        if entry["name"] != container:
            continue
        state, last = entry.get("state") or {}, (entry.get("lastState") or {}).get("terminated")
        # A container that waits to be started again shows the log of its last run.
        phase = last if previous else state.get("running") or state.get("terminated") or last
        if phase and phase.get("startedAt"):
            end = phase.get("finishedAt")
            return world.clock.at_ms(phase["startedAt"]), world.clock.at_ms(end) if end else None
    return None


def _failed_before(world: World, pod: Obj) -> int:
    """Attempts of a Job that are pods of their own: those of its pods that failed before this one."""
    owner = controller_of(pod)
    if owner is None or owner.get("kind") != "Job" or pod["spec"].get("restartPolicy") != "Never":
        return 0
    job = world.store.get("jobs.batch", pod["metadata"]["namespace"], owner["name"])
    return int(((job or {}).get("status") or {}).get("failed", 0))
