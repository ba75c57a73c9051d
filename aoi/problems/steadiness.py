"""Whether pods keep running: what is well for a moment between two crashes is not well."""

from collections.abc import Mapping

from kubeworld.kinds.pod import is_active
from kubeworld.machine.world import World

Running = Mapping[str, tuple[str, int]]
"""uid of a pod -> (its name, restarts of its containers)."""
_KEPT = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet"})


def running(world: World, namespace: str) -> Running:
    """Pods that something keeps running, and how often their containers were restarted."""
    found = {}
    for pod in world.store.objects("pods", namespace):
        meta, status = pod["metadata"], pod.get("status", {})
        owners = {owner["kind"] for owner in meta.get("ownerReferences", ())}
        if owners & _KEPT and is_active(pod):
            restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses", ()))
            found[meta["uid"]] = (meta["name"], restarts)
    return found


def disturbed(before: Running, now: Running) -> list[str]:
    """Containers that were restarted meanwhile, and pods that gave way to others; fewer pods alone are no trouble."""
    again = [
        f"pod {name}: restarted again"
        for uid, (name, restarts) in now.items()
        if restarts > (before[uid][1] if uid in before else 0)
    ]
    gone = [name for uid, (name, _) in before.items() if uid not in now]
    replaced = len(gone) - max(0, len(before) - len(now))
    return [*again, *(f"pod {name}: replaced" for name in gone[:replaced])]
