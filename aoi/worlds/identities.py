"""Who AOI is to the clusters of its worlds: the accounts and roles that `deploy/rbac` makes on real ones."""

from aoi.access import rights
from aoi.worlds.applications.manifests import namespace_object
from kubeworld.machine.identity import service_account
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

PROBE = service_account(rights.NAMESPACE, "probe")
EXECUTOR = service_account(rights.NAMESPACE, "executor")


def add_identities(world: World, namespace: str, *, databases: bool = False) -> None:
    """Create the Probe and the Executor, who look after one namespace, as if they were as old as the cluster.

    `databases` also binds what `deploy/` leaves to a person to bind: `repair_database` runs commands in pods. The
    policies of `deploy/` are not created; `aoi.worlds.fence` stands in their place and says why.
    """
    oldest = world.store.get("namespaces", "", "kube-system")
    assert oldest is not None
    both = (*rights.documents("probe", namespace), *rights.documents("executor", namespace, databases=databases))
    for document in both:
        metadata = document["metadata"]
        resource = _resource(document)
        if world.store.get(resource, metadata.get("namespace", ""), metadata["name"]) is not None:
            continue  # the roles that both accounts share
        obj = _active(document) if document["kind"] == "Namespace" else document
        obj["metadata"]["creationTimestamp"] = oldest["metadata"]["creationTimestamp"]
        world.store.create(resource, obj)


def _resource(obj: Obj) -> str:
    """The store's table. All kinds of these manifests have regular plurals."""
    group = obj["apiVersion"].rpartition("/")[0]
    plural = f"{obj['kind'].lower()}s"
    return f"{plural}.{group}" if group else plural


def _active(namespace: Obj) -> Obj:
    """A namespace with what the API server adds to it."""
    added = namespace_object(namespace["metadata"]["name"])
    labels = {**added["metadata"]["labels"], **namespace["metadata"].get("labels", {})}
    return {**added, "metadata": {**namespace["metadata"], "labels": labels}}
