"""Runs any image that nobody described as a plain long-running container, so that other people's manifests deploy."""

import re

from kubeworld.kubelet.certgen import certificate_work
from kubeworld.kubelet.command import expanded_words
from kubeworld.machine.integers import natural
from kubeworld.machine.runtime import ContainerPlan, ExitPlan, LogLine, ProbeAnswer, Usage, Work
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

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

    probe_inputs: tuple[str, ...] = ()

    def plan(self, world: World, pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
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

    def work(self, world: World, pod: Obj, container: Obj, *, has_ended: bool) -> list[Work]:
        """What Jobs that make certificates write; nothing else is known of anybody's program."""
        return certificate_work(expanded_words(pod, container)) if has_ended else []

    def probe(self, world: World, pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """Succeeds."""
        return ProbeAnswer(True)

    def log(self, world: World, pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
        """One line."""
        status = pod.get("status") or {}
        for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
            state, last = entry.get("state") or {}, (entry.get("lastState") or {}).get("terminated")
            # While it waits to be started again, its log is that of the last time.
            phase = last if previous else state.get("running") or state.get("terminated") or last
            if entry["name"] == container and phase and phase.get("startedAt"):
                return [LogLine(world.clock.at_ms(phase["startedAt"]), f"{container} started")]
        return []

    def usage(self, world: World, pod: Obj, container: Obj) -> Usage:
        """A little of each."""
        return Usage(cpu_millicores=5, memory_bytes=24 * 1024 * 1024)

    def exec(self, world: World, pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
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
    if any(init["name"] == container["name"] for init in spec.get("initContainers") or ()):
        return container.get("restartPolicy") != "Always"  # a sidecar is an init container that stays
    return spec.get("restartPolicy", "Always") != "Always"
