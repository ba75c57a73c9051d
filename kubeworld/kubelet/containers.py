"""The life of one container: image, configuration, start, probes, exit, back-off, restart.

Source: pkg/kubelet/kuberuntime/kuberuntime_{container,manager}.go and pkg/kubelet/images.
"""

import re
from dataclasses import dataclass, replace

from kubeworld.kinds import events
from kubeworld.kubelet import images, probes, references, status
from kubeworld.kubelet.eviction import HOUSEKEEPING_MS
from kubeworld.kubelet.memory import ContainerMemory, with_exit
from kubeworld.machine.runtime import ContainerPlan
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

COMPONENT = "kubelet"
RELIST_MS = 1000
"""Until the kubelet notices that a container ended (the pod lifecycle event generator's period)."""
SYNC_MS = 12_000
"""Until a pod whose sync failed is synced again (backOffPeriod of 10 s, with jitter)."""
# Of restarts and of pulls alike: doubling from 10 s to MaxContainerBackOff, 5 minutes (pkg/kubelet/kubelet.go).
FIRST_BACKOFF_MS = 10_000
LAST_BACKOFF_MS = 300_000
BACKOFF_FORGOTTEN_MS = 600_000
"""A container that ran this long since its last back-off starts afresh: twice the longest (client-go flowcontrol)."""
# Of a termination message: from its file, and from the log (MaxContainerTerminationMessage* in pkg/kubelet/container).
MESSAGE_BYTES = 4096
MESSAGE_LOG_BYTES = 2048
MESSAGE_LOG_LINES = 80
_SLEEP = re.compile(r"\bsleep (\d+)\b")


@dataclass(frozen=True, slots=True)
class Pass:
    """One look of the kubelet at one container."""

    world: World
    pod: Obj
    container: Obj
    is_init: bool

    @property
    def now_ms(self) -> int:
        """The present instant."""
        return self.world.clock.now_ms

    @property
    def node(self) -> str:
        """Where it runs."""
        return self.pod["spec"]["nodeName"]

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an event about this container."""
        field = "initContainers" if self.is_init else "containers"
        events.record(
            self.world,
            "pods",
            self.pod,
            reason,
            message,
            component=COMPONENT,
            type_="Warning" if warning else "Normal",
            host=self.node,
            field_path=f"spec.{field}{{{self.container['name']}}}",
        )


def step(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    """Move a container on until nothing more is due at this instant."""
    for _ in range(20):  # a container passes at most a handful of states in one instant
        following = _step_once(look, memory)
        examined = memory.state == following.state == "running"  # one look asks every probe that is due
        if following is memory or examined:
            return following
        memory = following
    return memory


def _step_once(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    due = memory.due_ms is not None and memory.due_ms <= look.now_ms
    following = memory
    match memory.state:
        case "new":
            following = _fetch_image(look, memory)
        case "waiting" if due:
            following = _wake(look, memory)
        case "pulling" if due:
            following = _finish_pull(look, memory)
        case "running":
            following = _run(look, memory)
        case "stopping" if due:
            following = _terminate(look, memory, memory.exit_code, memory.exit_reason)
        case "terminated" if due:
            following = _restart(look, memory)
    return following


def _wake(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    """A waiting container is synced: its back-off goes on, or it is tried again."""
    if memory.restart_ms is not None and memory.restart_ms > look.now_ms:
        return _wait_out_crash(look, memory)
    if memory.pull_ms is not None and memory.pull_ms > look.now_ms:
        return _wait_out_pull(look, memory)
    return _fetch_image(look, memory)


def _plan(look: Pass, memory: ContainerMemory) -> ContainerPlan:
    # The first run is attempt 0, however often the container had to wait before it.
    attempt = memory.attempt + 1 if memory.has_run else 0
    return look.world.runtime.plan(look.world, look.pod, look.container, attempt)


def _fetch_image(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    image = look.container["image"]
    plan = _plan(look, memory)
    if not images.is_valid(image) or plan.image_error == "invalid_name":
        message = images.invalid_message(image)
        look.event("InspectFailed", message, warning=True)
        look.event("Failed", "Error: InvalidImageName", warning=True)
        return _waiting(memory, "InvalidImageName", message, look.now_ms + SYNC_MS)
    policy = look.container.get("imagePullPolicy", "IfNotPresent")
    # Always asks the registry even for what is there, so a registry that is down stops such a pod and no other.
    is_present = images.is_present(look.world, look.node, image) and not plan.is_image_absent
    if is_present and policy != "Always":
        look.event("Pulled", f'Container image "{image}" already present on machine')
        return _create(look, memory, plan)
    if policy == "Never":
        message = f'Container image "{image}" is not present with pull policy of Never'
        look.event("ErrImageNeverPull", message, warning=True)
        look.event("Failed", "Error: ErrImageNeverPull", warning=True)
        return _waiting(memory, "ErrImageNeverPull", message, look.now_ms + SYNC_MS)
    # Only a warning: the image may be public.
    _check_pull_secrets(look)
    look.event("Pulling", f'Pulling image "{image}"')
    duration_ms = plan.pull_ms
    return replace(memory, state="pulling", due_ms=look.now_ms + duration_ms, stop_ms=duration_ms, restart_ms=None)


def _check_pull_secrets(look: Pass) -> None:
    wanted = [reference["name"] for reference in look.pod["spec"].get("imagePullSecrets") or ()]
    namespace = look.pod["metadata"]["namespace"]
    missing = [name for name in wanted if look.world.store.get("secrets", namespace, name) is None]
    if missing:
        message = (
            f"Unable to retrieve some image pull secrets ({', '.join(missing)}); attempting to pull the image may not "
            "succeed."
        )
        look.event("FailedToRetrieveImagePullSecret", message, warning=True)


def _finish_pull(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    image = look.container["image"]
    plan = _plan(look, memory)
    if plan.image_error is not None:
        error = images.pull_error(image, plan.image_error)
        look.event("Failed", f'Failed to pull image "{image}": {error}', warning=True)
        look.event("Failed", "Error: ErrImagePull", warning=True)
        backoff_ms = min(max(memory.pull_backoff_ms * 2, FIRST_BACKOFF_MS), LAST_BACKOFF_MS)
        memory = replace(memory, pull_backoff_ms=backoff_ms, pull_ms=look.now_ms + backoff_ms)
        # Looked at again before the back-off is over, which is when ErrImagePull turns into ImagePullBackOff.
        return _waiting(memory, "ErrImagePull", error, look.now_ms + min(SYNC_MS, backoff_ms - 1))
    images.remember(look.world, look.node, image)
    took = images.duration(memory.stop_ms)
    # From the name, so that every pull of an image reports the same size.
    size = 20_000_000 + sum(image.encode()) * 9973 % 60_000_000
    look.event(
        "Pulled",
        f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {size} bytes.',
    )
    memory = replace(memory, pull_backoff_ms=0, pull_ms=None)
    return _create(look, memory, plan)


def _wait_out_pull(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    image = look.container["image"]
    look.event("BackOff", f'Back-off pulling image "{image}"')
    look.event("Failed", "Error: ImagePullBackOff", warning=True)
    # The message wraps the first error once, however often it is repeated.
    error = memory.message.partition("ErrImagePull: ")[2] or memory.message
    message = f'Back-off pulling image "{image}": ErrImagePull: {error}'
    due_ms = min(look.now_ms + SYNC_MS, memory.pull_ms or look.now_ms)
    return _waiting(memory, "ImagePullBackOff", message, due_ms)


def _create(look: Pass, memory: ContainerMemory, plan: ContainerPlan) -> ContainerMemory:
    # Volumes were checked for the pod; the environment is put together for each container, when it is created.
    missing = references.missing_for_env(look.world, look.pod, look.container)
    if missing is not None:
        look.event("Failed", f"Error: {missing}", warning=True)
        return _waiting(memory, "CreateContainerConfigError", missing, look.now_ms + SYNC_MS)
    look.event("Created", f"Created container: {look.container['name']}")
    attempt = memory.attempt + 1 if memory.has_run else 0
    memory = replace(memory, attempt=attempt, has_run=True, started_ms=look.now_ms, reason="", message="")
    if plan.start_error is not None:
        return _fail_start(look, memory, plan.start_error)
    look.event("Started", f"Started container {look.container['name']}")
    memory = replace(
        with_exit(memory, plan.exit, look.now_ms),
        state="running",
        due_ms=None,
        restart_ms=None,
        ask_ms=None if plan.ask_again_ms is None else look.now_ms + plan.ask_again_ms,
        image=look.container["image"],
        ready_from_ms=look.now_ms + plan.ready_after_ms,
        stop_ms=plan.stop_ms,
        stop_code=plan.stop_code,
        evict_ms=look.now_ms + _next_look_ms(plan.evict.after_ms) if plan.evict else None,
        evict_message=plan.evict.message if plan.evict else "",
    )
    return probes.begin(memory, look.container)


def _next_look_ms(after_ms: int) -> int:
    return -(-after_ms // HOUSEKEEPING_MS) * HOUSEKEEPING_MS


def _fail_start(look: Pass, memory: ContainerMemory, error: str) -> ContainerMemory:
    """RunContainerError: the runtime could not start the process; the container counts as exited with 128."""
    if not error.startswith("failed to create containerd task"):
        error = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            f"failed: unable to start container process: {error}: unknown"
        )
    look.event("Failed", f"Error: {error}", warning=True)
    ended = replace(
        memory, exit_code=128, exit_reason="StartError", finished_ms=look.now_ms, message=error, ready=False
    )
    last = status.terminated(look.world, look.pod, look.container["name"], ended)
    last["startedAt"] = "1970-01-01T00:00:00Z"  # the process never started
    return replace(
        ended,
        state="terminated",
        last=last,
        due_ms=look.now_ms + RELIST_MS,
        started=False,
        probes=(),
    )


def _run(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    if memory.exit_ms is not None and memory.exit_ms <= look.now_ms:
        return _terminate(look, memory, memory.exit_code, memory.exit_reason)
    if memory.ask_ms is not None and memory.ask_ms <= look.now_ms:
        memory = _ask_again(look, memory)
    name = look.container["name"]
    # The image is all of a running container's spec that may be changed in place.
    if memory.image != look.container["image"]:
        look.event("Killing", f"Container {name} definition changed, will be restarted")
        return _stop(look, memory)
    outcome = probes.examine(look.world, look.pod, look.container, memory)
    for message in outcome.unhealthy:
        look.event("Unhealthy", message, warning=True)
    if outcome.kill is not None:
        look.event("Killing", f"Container {name} failed {outcome.kill} probe, will be restarted")
        return _stop(look, outcome.memory)
    kept = outcome.memory
    instants = [probes.next_ms(kept, look.container), kept.exit_ms, kept.evict_ms, memory.ask_ms]
    due_ms = min((instant for instant in instants if instant is not None), default=None)
    following = replace(outcome.memory, due_ms=due_ms)
    # The same object when nothing changed: `step` stops by identity.
    return memory if following == memory else following


def _ask_again(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    """A container that waits for something: whether it has come, and so how and when the container ends."""
    plan = look.world.runtime.plan(look.world, look.pod, look.container, memory.attempt)
    again_ms = plan.ask_again_ms
    ask_ms = None if plan.exit is not None or again_ms is None else look.now_ms + again_ms
    return replace(with_exit(memory, plan.exit, look.now_ms), ask_ms=ask_ms)


def _stop(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    """SIGTERM now, exit after `stop_ms` or, with SIGKILL, after the grace period."""
    grace_ms = look.pod["spec"].get("terminationGracePeriodSeconds", 30) * 1000
    needed_ms = stop_ms(look.pod, look.container["name"], memory)
    killed = needed_ms > grace_ms
    return replace(
        memory,
        state="stopping",
        due_ms=look.now_ms + min(needed_ms, grace_ms),
        exit_code=137 if killed else memory.stop_code,
        exit_reason="Error" if killed or memory.stop_code else "Completed",
        exit_message="",
        ready=False,
        probes=(),
    )


def stop_ms(pod: Obj, name: str, memory: ContainerMemory) -> int:
    """How long a container takes to end when asked to: its preStop hook, then the process itself.

    Source: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
    """
    container: Obj = next((candidate for candidate in pod["spec"]["containers"] if candidate["name"] == name), {})
    hook = (container.get("lifecycle") or {}).get("preStop") or {}
    sleep_s = (hook.get("sleep") or {}).get("seconds", 0)
    sleep = _SLEEP.search(" ".join((hook.get("exec") or {}).get("command") or ()))
    return (sleep_s + (int(sleep[1]) if sleep else 0)) * 1000 + memory.stop_ms


def _terminate(look: Pass, memory: ContainerMemory, code: int, reason: str) -> ContainerMemory:
    restarts = _restarts(look, code)
    return replace(
        memory,
        state="terminated",
        due_ms=look.now_ms + RELIST_MS if restarts else None,
        exit_code=code,
        exit_reason=reason,
        exit_ms=None,
        finished_ms=look.now_ms,
        ready=False,
        started=False,
        probes=(),
        reason=reason,
        message=_termination_message(look, memory.exit_message, code),
    )


def _termination_message(look: Pass, written: str, code: int) -> str:
    """What the container wrote, or the end of its log where its policy says so. Both are cut from the front.

    Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
    """
    if written:
        return written.encode()[-MESSAGE_BYTES:].decode("utf-8", "replace")
    if code == 0 or look.container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
        return ""
    lines = look.world.runtime.log(look.world, look.pod, look.container["name"], previous=False)
    end = b"".join(line.data for line in lines[-MESSAGE_LOG_LINES:])
    return end[-MESSAGE_LOG_BYTES:].decode("utf-8", "replace")


def _restarts(look: Pass, code: int) -> bool:
    # For init containers Always means until it succeeds; a sidecar comes back whatever the pod's policy is.
    if look.is_init and not status.is_sidecar(look.container):
        return code != 0 and look.pod["spec"].get("restartPolicy", "Always") != "Never"
    if status.is_sidecar(look.container):
        return True
    policy = look.pod["spec"].get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _restart(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    """Start again at once after the first crash, later only when the back-off since the exit has passed."""
    last = memory.last if memory.exit_reason == "StartError" else None
    last = last or status.terminated(look.world, look.pod, look.container["name"], memory)
    memory = replace(memory, last=last, message="", exit_ms=None)
    # The first crash costs nothing: the back-off counts from the second on (doBackOff in kuberuntime_manager.go).
    forgotten = look.now_ms - memory.crash_backoff_set_ms > BACKOFF_FORGOTTEN_MS
    if memory.crash_backoff_ms == 0 or forgotten:
        memory = replace(memory, crash_backoff_ms=FIRST_BACKOFF_MS, crash_backoff_set_ms=look.now_ms)
        return _fetch_image(look, replace(memory, state="waiting", reason="", due_ms=None))
    restart_ms = memory.finished_ms + memory.crash_backoff_ms
    return _wait_out_crash(look, replace(memory, restart_ms=restart_ms))


def _wait_out_crash(look: Pass, memory: ContainerMemory) -> ContainerMemory:
    meta, name = look.pod["metadata"], look.container["name"]
    pod_name = f"{meta['name']}_{meta['namespace']}"
    look.event("BackOff", f"Back-off restarting failed container {name} in pod {pod_name}({meta['uid']})", warning=True)
    restart_ms = memory.restart_ms or look.now_ms
    waited = images.duration(memory.crash_backoff_ms) if memory.state == "terminated" else ""
    message = memory.message or f"back-off {waited} restarting failed container={name} pod={pod_name}({meta['uid']})"
    doubled = min(memory.crash_backoff_ms * 2, LAST_BACKOFF_MS)
    if memory.state == "terminated":  # entering the back-off; later looks only repeat the event
        memory = replace(memory, crash_backoff_ms=doubled, crash_backoff_set_ms=restart_ms)
    due_ms = min(look.now_ms + SYNC_MS, restart_ms)
    return _waiting(memory, "CrashLoopBackOff", message, due_ms)


def _waiting(memory: ContainerMemory, reason: str, message: str, due_ms: int) -> ContainerMemory:
    return replace(memory, state="waiting", reason=reason, message=message, due_ms=due_ms, ready=False)
