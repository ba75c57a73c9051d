"""The kubelet as a controller: drives the containers of bound pods and writes their status.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Mapping
from dataclasses import replace

from kubeworld.kinds import events
from kubeworld.kinds.node import is_down
from kubeworld.kubelet import addresses, eviction, references, status
from kubeworld.kubelet.containers import COMPONENT, SYNC_MS, Pass, step, stop_ms
from kubeworld.kubelet.memory import ContainerMemory, PodMemory, key, load
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

FIRST_MOUNT_RETRY_MS = 500
LAST_MOUNT_RETRY_MS = 122_000
"""Back-off of a volume operation (durationBeforeRetry), doubling from 500 ms to two minutes."""


class Kubelet:
    """One controller for all nodes: a pod's node says whose kubelet acts, and a dead node's does nothing."""

    name = "kubelet"
    watches = ("*",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A pod that was bound, respecified or marked for deletion; running pods when inputs of probes changed."""
        if change.resource == "pods":
            if change.verb == "DELETED":
                # A pod of the same name has another uid, and nobody would ever look this one up again.
                world.state.pop(key(change.obj["metadata"]["uid"]), None)
                return []
            return [("pods", change.name)] if _concerns_kubelet(change) else []
        if change.resource in world.runtime.probe_inputs:
            return probed_pods(world, change.name[0])
        return []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Move every container on, report, and wait for the next decisive instant."""
        pod = world.store.get("pods", *name)
        if pod is None or not (node := pod["spec"].get("nodeName")) or is_down(world, node):
            return
        memory = load(world, pod)
        if memory is None:
            memory = PodMemory(started=world.clock.rfc3339())
        # It fired, maybe to bring us here: the next is free to be set.
        if memory.timer_ms is not None and memory.timer_ms <= world.clock.now_ms:
            memory = replace(memory, timer_ms=None)
        if "deletionTimestamp" in pod["metadata"]:
            ended = self._stop(world, pod, memory)
            if ended is None:
                return
            memory = ended
        elif memory.phase not in ("Succeeded", "Failed"):
            memory = _advance(world, pod, memory)
            excess = eviction.overdue(memory, world.clock.now_ms)
            if excess is not None:
                pod, memory = eviction.announce(world, pod, excess), eviction.killed(memory, excess, world.clock.now_ms)
        self._commit(world, pod, memory)

    def _commit(self, world: World, pod: Obj, memory: PodMemory) -> None:
        meta = pod["metadata"]
        due_ms = _next_ms(memory)
        # The timer that is set leads to every later instant by itself; only an earlier one needs another.
        if due_ms is not None and (memory.timer_ms is None or due_ms < memory.timer_ms):
            world.clock.set_timer(due_ms - world.clock.now_ms, self.name, "pods", meta["namespace"], meta["name"])
            memory = replace(memory, timer_ms=due_ms)
        world.state[key(meta["uid"])] = memory
        new_status = status.build(world, pod, memory)
        if new_status != pod.get("status"):
            world.store.update("pods", {**pod, "status": new_status})

    def _stop(self, world: World, pod: Obj, memory: PodMemory) -> PodMemory | None:
        """Terminate a pod that is being deleted; None once it is gone."""
        meta = pod["metadata"]
        grace_ms = meta.get("deletionGracePeriodSeconds", 30) * 1000
        if memory.end_ms is None:
            running = {
                name: remembered
                for name, remembered in memory.containers.items()
                if remembered.state in ("running", "stopping")
            }
            for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
                if container["name"] in running:
                    is_init = container not in pod["spec"]["containers"]
                    message = f"Stopping container {container['name']}"
                    Pass(world, pod, container, is_init).event("Killing", message)
            # Containers stop side by side, so the slowest decides; after the grace period none is left (SIGKILL).
            longest_ms = max((stop_ms(pod, name, remembered) for name, remembered in running.items()), default=0)
            memory = replace(memory, end_ms=world.clock.now_ms + min(longest_ms, grace_ms))
        elif memory.end_ms > world.clock.now_ms + grace_ms:  # deleted again with a shorter grace period
            memory = replace(memory, end_ms=world.clock.now_ms + grace_ms)
        if memory.end_ms is not None and memory.end_ms > world.clock.now_ms:
            return memory
        if meta.get("finalizers"):  # stopped, but the object stays until its finalizers are gone
            stopped = {name: _ended(remembered, world.clock.now_ms) for name, remembered in memory.containers.items()}
            return replace(memory, ended=True, containers=stopped, phase="Failed")
        world.store.delete("pods", meta["namespace"], meta["name"])
        return None


def _ended(memory: ContainerMemory, now_ms: int) -> ContainerMemory:
    if memory.state not in ("running", "stopping"):
        return replace(memory, due_ms=None)
    code = memory.stop_code
    reason = "Error" if code else "Completed"
    return replace(
        memory, state="terminated", due_ms=None, exit_code=code, exit_reason=reason, finished_ms=now_ms, ready=False
    )


def _concerns_kubelet(change: Change) -> bool:
    if not change.obj["spec"].get("nodeName"):
        return False
    if change.previous is None:
        return True
    new, old = change.obj["metadata"], change.previous["metadata"]
    return (
        change.obj["spec"] is not change.previous["spec"]
        or new.get("deletionTimestamp") != old.get("deletionTimestamp")
        or ("deletionTimestamp" in new and new.get("finalizers") != old.get("finalizers"))
    )


def probed_pods(world: World, namespace: str) -> list[tuple[str, Name]]:
    """Keys of the pods of a namespace that have probes."""
    keys: list[tuple[str, Name]] = []
    for pod in world.store.objects("pods", namespace):
        if any("readinessProbe" in c or "livenessProbe" in c for c in pod["spec"]["containers"]):
            keys.append(("pods", (namespace, pod["metadata"]["name"])))
    return keys


def _advance(world: World, pod: Obj, memory: PodMemory) -> PodMemory:
    # The kubelet's order: volumes, the sandbox with its address, init containers one by one, the others side by side.
    if not memory.mounted:
        memory = _mount(world, pod, memory)
        if not memory.mounted:
            return memory
    if not memory.ip:
        if memory.mount_ms is not None and memory.mount_ms > world.clock.now_ms:
            return memory
        ip = addresses.allocate(world, pod)
        if ip is None:
            _warn(world, pod, "FailedCreatePodSandBox", addresses.exhausted_message(world, pod))
            return replace(memory, mount_ms=world.clock.now_ms + SYNC_MS)
        memory = replace(memory, ip=ip, mount_ms=None)
        # Probe messages name the address, so it must be on the pod that they see.
        pod = {**pod, "status": {**(pod.get("status") or {}), "podIP": ip}}
    containers = dict(memory.containers)
    ready_for_next = True
    for container in pod["spec"].get("initContainers") or ():
        if not ready_for_next:
            break
        remembered = step(Pass(world, pod, container, True), containers.get(container["name"]) or ContainerMemory())
        containers[container["name"]] = remembered
        ready_for_next = status.is_done(container, remembered)
    if ready_for_next:
        containers |= _run_together(world, pod, containers)
    memory = replace(memory, containers=containers)
    memory = replace(memory, phase=_phase(pod, memory))
    if memory.phase in ("Succeeded", "Failed"):  # sidecars end with what they served
        ended = {name: _ended(remembered, world.clock.now_ms) for name, remembered in containers.items()}
        memory = replace(memory, containers=ended)
    return memory


def _run_together(world: World, pod: Obj, containers: Mapping[str, ContainerMemory]) -> dict[str, ContainerMemory]:
    """What runs side by side. It is started in its order: each container waits for the image of the one before."""
    moved: dict[str, ContainerMemory] = {}
    is_pulling = False
    for container in pod["spec"]["containers"]:
        remembered = containers.get(container["name"]) or ContainerMemory()
        if not (is_pulling and remembered.state == "new"):
            remembered = step(Pass(world, pod, container, False), remembered)
        moved[container["name"]] = remembered
        is_pulling = is_pulling or remembered.state == "pulling"
    return moved


def _mount(world: World, pod: Obj, memory: PodMemory) -> PodMemory:
    if memory.mount_ms is not None and memory.mount_ms > world.clock.now_ms:
        return memory
    # Attaching comes first, and is not the kubelet's: the event has another author.
    attached = references.attached_elsewhere(world, pod)
    problem = references.missing_volume(world, pod)
    if attached is None and problem is None:
        return replace(memory, mounted=True, mount_ms=None)
    if attached is not None:
        component = "attachdetach-controller"
        events.record(world, "pods", pod, "FailedAttachVolume", attached, component=component, type_="Warning")
    else:
        _warn(world, pod, "FailedMount", problem or "")
    delay_ms = min(FIRST_MOUNT_RETRY_MS * 2**memory.mount_tries, LAST_MOUNT_RETRY_MS)
    # Nine doublings exceed the longest delay: counting further would only change the state.
    return replace(memory, mount_tries=min(memory.mount_tries + 1, 9), mount_ms=world.clock.now_ms + delay_ms)


def _warn(world: World, pod: Obj, reason: str, message: str) -> None:
    node = pod["spec"]["nodeName"]
    events.record(world, "pods", pod, reason, message, component=COMPONENT, type_="Warning", host=node)


def _phase(pod: Obj, memory: PodMemory) -> str:
    """Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase."""
    if not status.init_done(pod, memory):
        failed = any(
            remembered.state == "terminated" and remembered.due_ms is None and remembered.exit_code != 0
            for name, remembered in memory.containers.items()
            if any(name == container["name"] for container in pod["spec"].get("initContainers") or ())
        )
        return "Failed" if failed else "Pending"
    main = [memory.containers.get(container["name"]) for container in pod["spec"]["containers"]]
    ended = [
        remembered
        for remembered in main
        if remembered is not None and remembered.state == "terminated" and remembered.due_ms is None
    ]
    if len(ended) == len(main):
        return "Succeeded" if all(remembered.exit_code == 0 for remembered in ended) else "Failed"
    if any(remembered is not None and remembered.has_run for remembered in main):
        return "Running"
    # A pod never goes back to Pending, even while all its containers wait to be restarted.
    return memory.phase if memory.phase == "Running" else "Pending"


def _next_ms(memory: PodMemory) -> int | None:
    if memory.end_ms is not None:
        return None if memory.ended else memory.end_ms
    if memory.phase in ("Succeeded", "Failed"):
        return None
    instants = [remembered.due_ms for remembered in memory.containers.values() if remembered.due_ms is not None]
    if memory.mount_ms is not None:
        instants.append(memory.mount_ms)
    return min(instants, default=None)
