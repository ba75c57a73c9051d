"""Taint-based eviction: pods leave a node whose NoExecute taints they do not tolerate, now or in a while.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
"""

from kubeworld.controllers.deletion import disrupt
from kubeworld.controllers.predicates import toleration_seconds
from kubeworld.kinds import events
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World


class TaintEviction:
    """Deletes pods under NoExecute taints, each after the seconds that it tolerates them."""

    name = "taint-eviction"
    watches = ("nodes", "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """All pods of a node whose taints changed; a pod that was bound to a tainted node."""
        if change.verb == "DELETED":
            return []
        if change.resource == "nodes":
            old = _no_execute(change.previous) if change.previous else []
            if _no_execute(change.obj) == old:
                return []
            pods = world.store.pods_on(change.name[1])
            return [("pods", (pod["metadata"]["namespace"], pod["metadata"]["name"])) for pod in pods]
        # Bound to a node that had its taint before: a DaemonSet's pod, or one that named its node.
        node = (change.obj.get("spec") or {}).get("nodeName")
        was = ((change.previous or {}).get("spec") or {}).get("nodeName")
        if not node or node == was:
            return []
        stored = world.store.get("nodes", "", node)
        return [("pods", change.name)] if stored is not None and _no_execute(stored) else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Evict the pod if its time is over, else wait for it."""
        pod = world.store.get("pods", *name)
        node = world.store.get("nodes", "", pod["spec"].get("nodeName", "")) if pod else None
        if pod is None or node is None or "deletionTimestamp" in pod["metadata"]:
            return
        # Each taint has a clock of its own; the first that is over evicts.
        deadlines: list[int] = []
        for taint in _no_execute(node):
            seconds = toleration_seconds(pod, taint)
            if seconds is not None:
                since_ms = world.clock.at_ms(taint["timeAdded"]) if taint.get("timeAdded") else world.clock.now_ms
                deadlines.append(since_ms + seconds * 1000)
        if not deadlines:
            return
        left_ms = min(deadlines) - world.clock.now_ms
        if left_ms > 0:
            world.clock.set_timer(left_ms, self.name, "pods", *name)
            return
        _evict(world, pod)


def _no_execute(node: Obj) -> list[Obj]:
    return [taint for taint in (node.get("spec") or {}).get("taints") or () if taint["effect"] == "NoExecute"]


def _evict(world: World, pod: Obj) -> None:
    meta = pod["metadata"]
    message = f"Marking for deletion Pod {meta['namespace']}/{meta['name']}"
    events.record(world, "pods", pod, "TaintManagerEviction", message, component="taint-eviction-controller")
    disrupt(world, pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
