"""Storage in use stays: a claim that is being deleted waits for its pods, a volume for its claim.

Admission gives both the finalizer that this controller takes away.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
"""

from kubeworld.controllers.deletion import finish_deletion
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.persistent_volume import PERSISTENT_VOLUME
from kubeworld.kinds.persistent_volume_claim import PERSISTENT_VOLUME_CLAIM
from kubeworld.kinds.pod import claims
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

FINALIZERS = {kind.table: kind.finalizer for kind in (PERSISTENT_VOLUME_CLAIM, PERSISTENT_VOLUME)}


def protected(kind: Kind, obj: Obj) -> Obj:
    """`obj` with the finalizer of its kind, if that has one, as StorageObjectInUseProtection admits it."""
    finalizers = obj["metadata"].get("finalizers") or []
    if not kind.finalizer or kind.finalizer in finalizers:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "finalizers": [*finalizers, kind.finalizer]}}


class StorageProtection:
    """Lets claims and volumes go that nothing uses any more."""

    name = "storage-protection"
    watches = (*FINALIZERS, "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """What is marked for deletion; the claims of a pod that is gone."""
        if change.resource == "pods":
            if change.verb != "DELETED":
                return []
            return [("persistentvolumeclaims", (change.name[0], name)) for name in claims(change.obj)]
        marked = change.verb != "DELETED" and "deletionTimestamp" in change.obj["metadata"]
        return [(change.resource, change.name)] if marked else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Take the finalizer away if there is no user."""
        obj = world.store.get(resource, *name)
        if obj is None or "deletionTimestamp" not in obj["metadata"]:
            return
        finalizers = obj["metadata"].get("finalizers") or []
        if FINALIZERS[resource] not in finalizers or _is_used(world, resource, obj):
            return
        changed, meta = fork(obj, "metadata")
        meta["finalizers"] = [finalizer for finalizer in finalizers if finalizer != FINALIZERS[resource]]
        finish_deletion(world, resource, world.store.update(resource, changed))


def _is_used(world: World, resource: str, obj: Obj) -> bool:
    """A claim by a pod that has a node, ended or not; a volume by the claim that it is bound to."""
    if resource == "persistentvolumes":
        return (obj.get("status") or {}).get("phase") == "Bound"
    # A pod without a node does not count: its kubelet would not start it with a claim that is being deleted.
    meta = obj["metadata"]
    pods = world.store.objects("pods", meta["namespace"])
    return any(pod["spec"].get("nodeName") and meta["name"] in claims(pod) for pod in pods)
