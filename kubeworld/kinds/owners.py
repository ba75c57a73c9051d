"""What the controllers must know about resources: their kind, apiVersion, and how an owner reference names them."""

from kubeworld.machine.store import Obj, Store

KINDS: dict[str, tuple[str, str]] = {
    "pods": ("v1", "Pod"),
    "services": ("v1", "Service"),
    "configmaps": ("v1", "ConfigMap"),
    "secrets": ("v1", "Secret"),
    "events": ("v1", "Event"),
    "nodes": ("v1", "Node"),
    "namespaces": ("v1", "Namespace"),
    "endpoints": ("v1", "Endpoints"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim"),
    "persistentvolumes": ("v1", "PersistentVolume"),
    "serviceaccounts": ("v1", "ServiceAccount"),
    "resourcequotas": ("v1", "ResourceQuota"),
    "limitranges": ("v1", "LimitRange"),
    "deployments.apps": ("apps/v1", "Deployment"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"),
    "statefulsets.apps": ("apps/v1", "StatefulSet"),
    "daemonsets.apps": ("apps/v1", "DaemonSet"),
    "controllerrevisions.apps": ("apps/v1", "ControllerRevision"),
    "jobs.batch": ("batch/v1", "Job"),
    "cronjobs.batch": ("batch/v1", "CronJob"),
    "endpointslices.discovery.k8s.io": ("discovery.k8s.io/v1", "EndpointSlice"),
    "leases.coordination.k8s.io": ("coordination.k8s.io/v1", "Lease"),
    "horizontalpodautoscalers.autoscaling": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "poddisruptionbudgets.policy": ("policy/v1", "PodDisruptionBudget"),
    "priorityclasses.scheduling.k8s.io": ("scheduling.k8s.io/v1", "PriorityClass"),
    "storageclasses.storage.k8s.io": ("storage.k8s.io/v1", "StorageClass"),
    "networkpolicies.networking.k8s.io": ("networking.k8s.io/v1", "NetworkPolicy"),
}
"""Resource -> (apiVersion, kind) of what controllers create, own or write events about."""

_RESOURCES = {(version.rpartition("/")[0], kind): name for name, (version, kind) in KINDS.items()}

CLUSTER_SCOPED = frozenset(
    {
        "nodes",
        "namespaces",
        "persistentvolumes",
        "priorityclasses.scheduling.k8s.io",
        "storageclasses.storage.k8s.io",
    }
)


def resource_of(api_version: str, kind: str) -> str:
    """The resource that an owner reference or a scale target names. Unknown kinds are pluralised plainly."""
    group = api_version.rpartition("/")[0]
    known = _RESOURCES.get((group, kind))
    if known:
        return known
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    return f"{plural}.{group}" if group else plural


def owner_reference(resource: str, owner: Obj, *, controller: bool = True) -> Obj:
    """The ownerReferences entry with which `owner` claims a dependent."""
    api_version, kind = KINDS[resource]
    reference: Obj = {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    if controller:
        reference |= {"controller": True, "blockOwnerDeletion": True}
    return reference


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the managing controller, or None."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return reference
    return None


def controller_key(obj: Obj, resource: str) -> tuple[str, tuple[str, str]] | None:
    """(resource, name) of the managing controller if it is a `resource`, to wake it for a change of its dependent."""
    reference = controller_of(obj)
    if reference is None or KINDS[resource][1] != reference["kind"]:
        return None
    return resource, (obj["metadata"].get("namespace", ""), reference["name"])


def owner_exists(store: Store, namespace: str, reference: Obj) -> bool:
    """Whether the owner that a reference names is still there, with that uid."""
    group = reference["apiVersion"].rpartition("/")[0]
    if (group, reference["kind"]) not in _RESOURCES:
        return _exists_in_group(store, group, reference["uid"])
    resource = resource_of(reference["apiVersion"], reference["kind"])
    owner = store.get(resource, "" if resource in CLUSTER_SCOPED else namespace, reference["name"])
    return owner is not None and owner["metadata"]["uid"] == reference["uid"]


def _exists_in_group(store: Store, group: str, uid: str) -> bool:
    """For kinds whose plural is not known here (custom resources): look through the tables of their group."""
    tables = [one for one in store.resources() if one.partition(".")[2] == group]
    return any(obj["metadata"]["uid"] == uid for one in tables for obj in store.objects(one))
