"""What the kubelet remembers of a pod beside its status: exact times, back-offs and probe counters.

Kept in `world.state["kubelet/<uid>"]` as immutable values; API times have whole seconds, these have milliseconds.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kubeworld.machine.runtime import ExitPlan
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

State = Literal["new", "pulling", "waiting", "running", "stopping", "terminated"]


@dataclass(frozen=True, slots=True)
class ProbeMemory:
    """One probe of a running container."""

    failures: int = 0
    successes: int = 0
    passed: bool | None = None
    """The verdict after thresholds; None before the first."""
    next_ms: int | None = None
    """When it is asked next; None while its answer can only change with the world."""


@dataclass(frozen=True, slots=True)
class ContainerMemory:
    """One container of a pod."""

    state: State = "new"
    due_ms: int | None = None
    """When the state moves on by itself."""
    reason: str = ""
    """Of waiting or terminated."""
    message: str = ""
    attempt: int = 0
    """Restarts so far."""
    has_run: bool = False
    image: str = ""
    """What the running container was made from."""
    started_ms: int = 0
    ready_from_ms: int = 0
    exit_ms: int | None = None
    ask_ms: int | None = None
    """When a container that waits for something is asked again how it ends."""
    exit_code: int = 0
    exit_reason: str = ""
    exit_message: str = ""
    """What it is going to write to its terminationMessagePath."""
    evict_ms: int | None = None
    """When its pod has to go, because it wrote more than it may."""
    evict_message: str = ""
    stop_ms: int = 0
    stop_code: int = 143
    finished_ms: int = 0
    ready: bool = False
    started: bool = False
    last: Obj | None = None
    """The terminated state before the present one, as in status.lastState."""
    crash_backoff_ms: int = 0
    """How long the next crash loop waits; 0 before the first restart."""
    crash_backoff_set_ms: int = 0
    restart_ms: int | None = None
    """End of the present crash back-off."""
    pull_backoff_ms: int = 0
    pull_ms: int | None = None
    """When the image is tried again."""
    probes: tuple[tuple[str, ProbeMemory], ...] = ()

    def probe(self, kind: str) -> ProbeMemory | None:
        """The counters of one kind of probe, if it runs."""
        return next((memory for name, memory in self.probes if name == kind), None)


@dataclass(frozen=True, slots=True)
class PodMemory:
    """One pod on its node."""

    ip: str = ""
    started: str = ""
    """RFC 3339, when the kubelet first saw it."""
    mount_tries: int = 0
    mount_ms: int | None = None
    """When a failed mount or sandbox is tried again."""
    mounted: bool = False
    end_ms: int | None = None
    """When a pod that is being deleted has stopped."""
    ended: bool = False
    """It has stopped, but finalizers keep its object."""
    timer_ms: int | None = None
    """The timer that is set already."""
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    containers: dict[str, ContainerMemory] = field(default_factory=dict)


def key(uid: str) -> str:
    """Where a pod's memory lives in `world.state`."""
    return f"kubelet/{uid}"


def load(world: World, pod: Obj) -> PodMemory | None:
    """What is remembered of a pod, or None before its kubelet has seen it."""
    return world.state.get(key(pod["metadata"]["uid"]))


def container_memory(world: World, pod: Obj, container: str) -> ContainerMemory | None:
    """For runtimes and oracles: exact times and attempts of one container."""
    memory: Any = load(world, pod)
    return memory.containers.get(container) if memory else None


def with_exit(memory: ContainerMemory, plan: ExitPlan | None, now_ms: int) -> ContainerMemory:
    """A container that is going to end as `plan` says, counted from now, or not by itself."""
    if plan is None:
        return replace(memory, exit_ms=None, exit_code=0, exit_reason="", exit_message="")
    at_ms = now_ms + plan.after_ms
    return replace(memory, exit_ms=at_ms, exit_code=plan.code, exit_reason=plan.reason, exit_message=plan.message)
