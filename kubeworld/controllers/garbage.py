"""Garbage collection: dependents follow their owners, and finalizers let go.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from kubeworld.controllers.deletion import FOREGROUND, ORPHAN, finish_deletion, request_deletion
from kubeworld.kinds.owners import owner_exists, resource_of
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

_NOTES = (
    "scheduler-tried",
    "claim-retry",
    "cronjob-timer",
    "autoscaler-timer",
    "autoscaler-history",
    "deployment-deadline",
)
"""What controllers note in `world.state` under an object's uid, and nobody needs once it is gone."""


class GarbageCollector:
    """Watches everything; wakes only for deletions, deletion marks and new dependents."""

    name = "garbage-collector"
    watches = ("*",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """Dependents of what is gone; owners that wait for them; objects marked for deletion."""
        meta = change.obj["metadata"]
        if change.verb == "DELETED":
            for note in _NOTES:
                world.state.pop(f"{note}/{meta['uid']}", None)
            keys = world.store.dependents(meta["uid"])
            for reference in meta.get("ownerReferences") or ():
                keys += _waiting_owner(world, change.name[0], reference)
            return keys
        if "deletionTimestamp" in meta:
            return [(change.resource, change.name)]
        if change.verb == "ADDED" and meta.get("ownerReferences"):
            return [(change.resource, change.name)]
        return []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Delete, orphan or wait."""
        obj = world.store.get(resource, *name)
        if obj is None:
            return
        meta = obj["metadata"]
        if "deletionTimestamp" in meta:
            finalizers = meta.get("finalizers") or []
            # Dependents are freed before the owner goes, or they would be collected after it.
            if ORPHAN in finalizers:
                _orphan_dependents(world, obj)
                obj = _drop_finalizer(world, resource, obj, ORPHAN)
            elif FOREGROUND in finalizers:
                blocking = _delete_dependents(world, obj)
                if not blocking:
                    obj = _drop_finalizer(world, resource, obj, FOREGROUND)
            finish_deletion(world, resource, obj)
            return
        references = meta.get("ownerReferences") or ()
        # One owner that exists is enough to stay (attemptToDeleteItem).
        if references and not any(owner_exists(world.store, name[0], reference) for reference in references):
            request_deletion(world, resource, obj)


def _waiting_owner(world: World, namespace: str, reference: Obj) -> list[tuple[str, Name]]:
    resource = resource_of(reference["apiVersion"], reference["kind"])
    owner = world.store.get(resource, namespace, reference["name"])
    if owner is not None and FOREGROUND in (owner["metadata"].get("finalizers") or ()):
        return [(resource, (namespace, reference["name"]))]
    return []


def _delete_dependents(world: World, owner: Obj) -> bool:
    """Ask every dependent to go; whether one that blocks the owner's deletion is still there."""
    uid = owner["metadata"]["uid"]
    blocking = False
    for resource, name in world.store.dependents(uid):
        dependent = world.store.get(resource, *name)
        if dependent is None:
            continue
        if "deletionTimestamp" not in dependent["metadata"]:
            # In the foreground all the way down: what depends on the dependent goes before it does.
            left = request_deletion(world, resource, dependent, propagation="Foreground")
            if left is None:
                continue
        # Only a dependent whose reference says blockOwnerDeletion holds its owner back.
        references = dependent["metadata"].get("ownerReferences") or ()
        blocking = blocking or any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in references)
    return blocking


def _orphan_dependents(world: World, owner: Obj) -> None:
    uid = owner["metadata"]["uid"]
    for resource, name in world.store.dependents(uid):
        dependent = world.store.get(resource, *name)
        if dependent is None:
            continue
        freed, meta = fork(dependent, "metadata")
        meta["ownerReferences"] = [r for r in meta["ownerReferences"] if r["uid"] != uid]
        if not meta["ownerReferences"]:
            del meta["ownerReferences"]
        world.store.update(resource, freed)


def _drop_finalizer(world: World, resource: str, obj: Obj, finalizer: str) -> Obj:
    changed, meta = fork(obj, "metadata")
    meta["finalizers"] = [name for name in meta["finalizers"] if name != finalizer]
    return world.store.update(resource, changed)
