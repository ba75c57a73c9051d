"""The kubelet's own evictions: a pod that wrote more than it may, and pods of a node whose disk runs full.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ and pkg/kubelet/eviction.
"""

from dataclasses import replace

from kubeworld.kinds import conditions, events
from kubeworld.kinds.node import is_down, pressure_of
from kubeworld.kubelet.memory import PodMemory, key, load
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

HOUSEKEEPING_MS = 10_000
"""The kubelet looks this often whether anything is used up, and evicts at most one pod each time."""
CRITICAL = 2_000_000_000
"""Pods of this priority and above are not evicted (IsCriticalPod)."""


def announce(world: World, pod: Obj, message: str) -> Obj:
    """The event and the condition of a pod that its kubelet evicts. Returns the pod as it is then."""
    events.record(
        world, "pods", pod, "Evicted", message, component="kubelet", type_="Warning", host=pod["spec"]["nodeName"]
    )
    told = conditions.disrupted(pod, world.clock.rfc3339(), "TerminationByKubelet", message)
    return world.store.update("pods", told)


def killed(memory: PodMemory, message: str, now_ms: int) -> PodMemory:
    """What is left of an evicted pod: it fails at once, without a grace period, and stays as a record."""
    ended = {
        name: replace(
            container,
            state="terminated",
            due_ms=None,
            exit_code=137,
            exit_reason="Error",
            finished_ms=now_ms,
            ready=False,
        )
        for name, container in memory.containers.items()
    }
    return replace(memory, phase="Failed", reason="Evicted", message=message, containers=ended)


def overdue(memory: PodMemory, now_ms: int) -> str | None:
    """Why the pod has to go by now, if a container of it wrote more than it may."""
    for container in memory.containers.values():
        if container.state == "running" and container.evict_ms is not None and container.evict_ms <= now_ms:
            return container.evict_message
    return None


class EvictionManager:
    """Sends the pods of a node under disk pressure away, one at each look."""

    name = "eviction"
    watches = ("nodes",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A node that has come under pressure."""
        pressed = change.verb != "DELETED" and conditions.is_true(change.obj, "DiskPressure")
        was = change.previous is not None and conditions.is_true(change.previous, "DiskPressure")
        return [("nodes", change.name)] if pressed and not was else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Evict the least important pod, and look again."""
        node = world.store.get("nodes", *name)
        pressure = pressure_of(world, name[1])
        if node is None or pressure is None or is_down(world, name[1]):
            return
        message = "Attempting to reclaim ephemeral-storage"
        events.record(
            world, "nodes", node, "EvictionThresholdMet", message, component="kubelet", type_="Warning", host=name[1]
        )
        candidates = [pod for pod in world.store.pods_on(name[1]) if _may_go(pod)]
        if candidates:
            chosen = min(candidates, key=lambda pod: (pod["spec"].get("priority", 0), pod["metadata"]["uid"]))
            threshold, available = pressure
            evict(
                world,
                chosen,
                "The node was low on resource: ephemeral-storage. "
                f"Threshold quantity: {threshold}, available: {available}. ",
            )
        world.clock.set_timer(HOUSEKEEPING_MS, self.name, "nodes", *name)


def _may_go(pod: Obj) -> bool:
    is_alive = (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return is_alive and not is_leaving and pod["spec"].get("priority", 0) < CRITICAL


def evict(world: World, pod: Obj, message: str) -> None:
    """Evict one pod now. Raises: KeyError if its kubelet does not know it."""
    memory = load(world, pod)
    if memory is None:
        raise KeyError(f"{pod['metadata']['name']} is not on a node")
    world.state[key(pod["metadata"]["uid"])] = killed(memory, message, world.clock.now_ms)
    announce(world, pod, message)
    world.wake("kubelet", "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))
