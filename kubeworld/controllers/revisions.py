"""ControllerRevisions: the template history of StatefulSets and DaemonSets.

Source: https://kubernetes.io/docs/tasks/manage-daemon/rollback-daemon-set/ and pkg/controller/history.
"""

from kubeworld.controllers import pods
from kubeworld.kinds.owners import owner_reference
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

RESOURCE = "controllerrevisions.apps"
HASH = "controller-revision-hash"


def current(world: World, resource: str, owner: Obj) -> Obj:
    """The revision of the owner's present template: a new one, or an earlier equal one moved to the front."""
    history = ordered(world, owner)
    template = owner["spec"]["template"]
    highest = history[-1]["revision"] if history else 0
    # A rollback leads to a template that is there already: its revision moves to the front of history.
    for earlier in history:
        if earlier["data"]["spec"]["template"] == template:
            return (
                earlier
                if earlier["revision"] == highest
                else world.store.update(RESOURCE, {**earlier, "revision": highest + 1})
            )
    meta = owner["metadata"]
    suffix = _free_suffix(world, meta["namespace"], meta["name"], template)
    revision: Obj = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{meta['name']}-{suffix}",
            "namespace": meta["namespace"],
            "labels": {**((template.get("metadata") or {}).get("labels") or {}), HASH: suffix},
            "ownerReferences": [owner_reference(resource, owner)],
        },
        "data": {"spec": {"template": template}},
        "revision": highest + 1,
    }
    return world.store.create(RESOURCE, revision)


def _free_suffix(world: World, namespace: str, name: str, template: Obj) -> str:
    """The template's hash, unless a DaemonSet and a StatefulSet of one name and one template want the same."""
    suffix, collisions = pods.template_hash(template), 0
    while world.store.get(RESOURCE, namespace, f"{name}-{suffix}") is not None:
        collisions += 1
        suffix = pods.template_hash({**template, "collisions": collisions})
    return suffix


def ordered(world: World, owner: Obj) -> list[Obj]:
    """All revisions of an owner, oldest first."""
    return sorted(world.store.owned(RESOURCE, owner["metadata"]["uid"]), key=lambda revision: revision["revision"])


def prune(world: World, owner: Obj, in_use: set[str]) -> None:
    """Forget the oldest revisions beyond revisionHistoryLimit that no pod is of."""
    unused = [revision for revision in ordered(world, owner) if revision["metadata"]["name"] not in in_use]
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    for revision in unused[: max(0, len(unused) - limit)]:
        world.store.delete(RESOURCE, revision["metadata"]["namespace"], revision["metadata"]["name"])
