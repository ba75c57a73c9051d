"""What the kubelet asks of whatever runs inside containers. The application model answers it.

The default runs any image that nobody described as a plain long-running container, so that other people's
manifests deploy.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from aoi.clusters.embedded.integers import natural
from aoi.clusters.embedded.store import Obj

if TYPE_CHECKING:
    from aoi.clusters.embedded.world import World

ImageError = Literal["not_found", "invalid_name", "pull_denied", "registry_unreachable"]


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """A container that will end by itself."""

    after_ms: int
    code: int
    reason: Literal["Completed", "Error", "OOMKilled"]


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """What a container does when it is started now, in the world as it is."""

    pull_ms: int = 400
    image_error: ImageError | None = None
    start_error: str | None = None
    """Message of a RunContainerError, e.g. an executable that is not in $PATH."""
    ready_after_ms: int = 0
    """From start until its readiness would succeed (if it has a probe, the probe decides)."""
    exit: ExitPlan | None = None
    stop_ms: int = 1000
    """From SIGTERM to its exit; beyond the grace period it is killed (137)."""
    stop_code: int = 143
    """Exit code after SIGTERM."""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a liveness, readiness or startup probe gets back."""

    success: bool
    message: str = ""
    """As the kubelet's Unhealthy event carries it after `<Kind> probe failed: `."""
    until_ms: int | None = None
    """World time at which the answer may change by itself; None if only a change of the world can change it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log, at simulated time."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What metrics.k8s.io and cAdvisor report for one container."""

    cpu_millicores: int
    memory_bytes: int


class Runtime(Protocol):
    """The world inside the containers, as a pure function of the world's state and time.

    A runtime whose probe answers depend on objects other than the pod names their resources in an optional
    attribute `probe_inputs: tuple[str, ...]`: a change to one of them in a namespace has its probes asked again.
    """

    def plan(self, world: "World", pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        """What container `container` (its spec) of `pod` does if started now; `attempt` counts restarts."""
        ...

    def probe(self, world: "World", pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """Answer one probe of a running container (httpGet, tcpSocket, grpc or exec)."""
        ...

    def log(self, world: "World", pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
        """Log of the running container, or of the one before it, oldest first."""
        ...

    def usage(self, world: "World", pod: Obj, container: Obj) -> Usage:
        """Resource use of a running container now."""
        ...

    def exec(self, world: "World", pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """Run a command in a container: (exit code, stdout, stderr)."""
        ...


TASK_MS = 2000
"""How long a container runs that is there to finish, unless its command says how long it sleeps."""
_EXIT = re.compile(r"exit (\d{1,3})")
_BRANCHES = re.compile(r"&&|\|\||\b(?:if|for|while|until|case)\b")
"""A script with one of these ends where only running it would tell."""
_SHELLS = ("sh", "bash", "ash", "dash")
_SLEEP = re.compile(r"\bsleep (\d{1,9}|infinity|inf)\b")


class PlainRuntime:
    """Any image starts, answers its probes and logs that it started. What should finish does, everything else stays up.

    What should finish: init containers, all containers of pods that are not to be restarted when they succeed, and
    what always ends by its own command: `false`, or a shell script without branches whose last command is `exit N`.
    """

    def plan(self, world: "World", pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        """Starts at once."""
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        sleep, code = _SLEEP.search(" ".join(words)), _exit_code(words)
        if code is None and not _is_task(pod, container):
            return ContainerPlan()
        if sleep is None:
            after_ms = TASK_MS
        elif (seconds := natural(sleep[1])) is not None:
            after_ms = seconds * 1000
        else:
            return ContainerPlan()
        return ContainerPlan(exit=ExitPlan(after_ms, code or 0, "Error" if code else "Completed"))

    def probe(self, world: "World", pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """Succeeds."""
        return ProbeAnswer(True)

    def log(self, world: "World", pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
        """One line."""
        status = pod.get("status") or {}
        for item in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
            state, last = item.get("state") or {}, (item.get("lastState") or {}).get("terminated")
            # While it waits to be started again, its log is that of the last time.
            phase = last if previous else state.get("running") or state.get("terminated") or last
            if item["name"] == container and phase and phase.get("startedAt"):
                return [LogLine(world.clock.at_ms(phase["startedAt"]), f"{container} started")]
        return []

    def usage(self, world: "World", pod: Obj, container: Obj) -> Usage:
        """A little of each."""
        return Usage(cpu_millicores=5, memory_bytes=24 * 1024 * 1024)

    def exec(self, world: "World", pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """Echoes what a shell-less image would say."""
        program = command[0] if command else ""
        why = f'exec: "{program}": executable file not found in $PATH: unknown'
        return 126, b"", f"OCI runtime exec failed: exec failed: unable to start container process: {why}\n".encode()


def _exit_code(words: list[str]) -> int | None:
    """With what a command always ends; None if it does not say."""
    program = words[0].rpartition("/")[2] if words else ""
    if program == "false":
        return 1
    if program not in _SHELLS or "-c" not in words[:-1]:
        return None
    script = words[words.index("-c") + 1]
    if _BRANCHES.search(script):
        return None
    last = re.split(r"[;\n]", script.strip().rstrip(";"))[-1].strip()
    ended = _EXIT.fullmatch(last)
    return 1 if last == "false" else int(ended[1]) if ended else None


def _is_task(pod: Obj, container: Obj) -> bool:
    spec = pod["spec"]
    if any(one["name"] == container["name"] for one in spec.get("initContainers") or ()):
        return container.get("restartPolicy") != "Always"  # a sidecar is an init container that stays
    return spec.get("restartPolicy", "Always") != "Always"
