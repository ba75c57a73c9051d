"""Namespaces: what every new one holds, and how a Terminating one empties.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/ and pkg/controller/namespace.
"""

from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import conditions
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

ROOT_CA = "kube-root-ca.crt"


class NamespaceController:
    """Gives a namespace its default ServiceAccount and root certificate; deletes its content when it goes."""

    name = "namespace"
    watches = ("*",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The namespace; a Terminating one whenever something leaves it; one whose default account was deleted."""
        if change.resource == "namespaces":
            return [] if change.verb == "DELETED" else [("namespaces", change.name)]
        if change.verb != "DELETED" or not change.name[0]:
            return []
        namespace = world.store.get("namespaces", "", change.name[0])
        if namespace is None:
            return []
        if "deletionTimestamp" in namespace["metadata"] or change.name[1] in ("default", ROOT_CA):
            return [("namespaces", ("", change.name[0]))]
        return []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Fill it or empty it."""
        namespace = world.store.get("namespaces", *name)
        if namespace is None:
            return
        if "deletionTimestamp" in namespace["metadata"]:
            _empty(world, namespace)
            return
        if (namespace.get("status") or {}).get("phase") != "Active":
            status = {**(namespace.get("status") or {}), "phase": "Active"}
            world.store.update("namespaces", {**namespace, "status": status})
        _ensure(world, "serviceaccounts", "ServiceAccount", name[1], "default", {})
        # As kube-controller-manager's root-ca-cert-publisher does. Empty, since nothing in a container verifies
        # anything.
        certificate = {"data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}}
        _ensure(world, "configmaps", "ConfigMap", name[1], ROOT_CA, certificate)


def _ensure(world: World, resource: str, kind: str, namespace: str, name: str, content: Obj) -> None:
    if world.store.get(resource, namespace, name) is None:
        meta = {"name": name, "namespace": namespace}
        world.store.create(resource, {"apiVersion": "v1", "kind": kind, "metadata": meta, **content})


def _empty(world: World, namespace: Obj) -> None:
    name = namespace["metadata"]["name"]
    remaining: dict[str, list[str]] = {}
    count: dict[str, int] = {}
    for resource in list(world.store.resources()):
        for obj in world.store.objects(resource, name):
            # The deletion of its owner may have taken it along.
            if world.store.get(resource, name, obj["metadata"]["name"]) is None:
                continue
            left: Obj | None = obj
            if "deletionTimestamp" not in obj["metadata"]:
                left = request_deletion(world, resource, obj)
            if left is not None:
                count[resource] = count.get(resource, 0) + 1
                for finalizer in left["metadata"].get("finalizers") or ():
                    remaining.setdefault(finalizer, []).append(resource)
    if not count:
        # `kubernetes` is this controller's own; any other is taken away by its owner, through `finalize`.
        if not (namespace.get("spec") or {}).get("finalizers", []) or namespace["spec"]["finalizers"] == ["kubernetes"]:
            world.store.delete("namespaces", "", name)
        return
    latest = world.store.get("namespaces", "", name)
    if latest is not None:
        status = _stuck_status(world, latest, count, remaining)
        world.store.update("namespaces", {**latest, "status": status})


def _stuck_status(world: World, namespace: Obj, count: dict[str, int], finalizers: dict[str, list[str]]) -> Obj:
    """The conditions that say what a Terminating namespace waits for."""
    status = dict(namespace.get("status") or {})
    status["phase"] = "Terminating"
    # `<resource>.<group>`: the core group is empty, and its dot stays.
    named = ((resource if "." in resource else f"{resource}.", number) for resource, number in sorted(count.items()))
    left = ", ".join(f"{resource} has {number} resource instances" for resource, number in named)
    held = ", ".join(f"{name} in {len(holders)} resource instances" for name, holders in sorted(finalizers.items()))
    now = world.clock.rfc3339()
    current = status.get("conditions") or []
    current = conditions.with_condition(
        current,
        now,
        type_="NamespaceContentRemaining",
        status="True",
        reason="SomeResourcesRemain",
        message=f"Some resources are remaining: {left}",
    )
    if held:
        current = conditions.with_condition(
            current,
            now,
            type_="NamespaceFinalizersRemaining",
            status="True",
            reason="SomeFinalizersRemain",
            message=f"Some content in the namespace has finalizers remaining: {held}",
        )
    status["conditions"] = current
    return status
