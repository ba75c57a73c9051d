"""The service accounts of AOI and what they may do, as RBAC objects.

The same objects are installed into an embedded cluster by `grant_access` and printed for a real one. The Probe
reads exactly what `aoi.clusters.reading` allows; the Executor writes what typed actions change, and reads what it
must to render, check and verify them. Neither may read a Secret, and nothing is granted by `*`.
"""

from collections.abc import Iterable
from typing import Any

from aoi.clusters.embedded.api.resources import BY_QUALIFIED
from aoi.clusters.embedded.identity import EXECUTOR, PROBE, Identity
from aoi.clusters.embedded.store import Obj
from aoi.clusters.embedded.world import World
from aoi.clusters.reading import READABLES

RBAC = "rbac.authorization.k8s.io"
SYSTEM_NAMESPACE = "aoi"
_READ = ["get", "list"]
_EXECUTOR_WRITES: dict[tuple[str, str], list[str]] = {
    ("apps", "deployments"): ["patch"],
    ("apps", "deployments/scale"): ["get", "patch"],
    ("apps", "statefulsets"): ["patch"],
    ("apps", "statefulsets/scale"): ["get", "patch"],
    ("apps", "daemonsets"): ["patch"],
    ("", "services"): ["patch"],
    ("", "configmaps"): ["create", "patch"],
    ("", "pods"): ["delete"],
    ("", "persistentvolumeclaims"): ["create", "patch"],
    ("", "resourcequotas"): ["patch"],
    ("", "limitranges"): ["patch"],
    ("networking.k8s.io", "networkpolicies"): ["delete", "patch"],
    ("autoscaling", "horizontalpodautoscalers"): ["patch"],
    **{
        ("chaos-mesh.org", readable.resource): ["delete"]
        for readable in READABLES.values()
        if readable.group == "chaos-mesh.org"
    },
}
_EXECUTOR_CLUSTER_WRITES: dict[tuple[str, str], list[str]] = {("", "nodes"): ["patch"]}


def read_rules(*, namespaced: bool) -> list[Obj]:
    """Rules for everything on the allow-list of one scope, one rule a group."""
    groups: dict[str, list[str]] = {}
    for readable in READABLES.values():
        if readable.namespaced is namespaced:
            names = groups.setdefault(readable.group, [])
            names += [readable.resource, *(f"{readable.resource}/{sub}" for sub in readable.subresources)]
    return [
        {"apiGroups": [group], "resources": sorted(set(names)), "verbs": _READ}
        for group, names in sorted(groups.items())
    ]


def _write_rules(writes: dict[tuple[str, str], list[str]]) -> list[Obj]:
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": verbs}
        for (group, resource), verbs in sorted(writes.items())
    ]


def access_objects(namespaces: Iterable[str]) -> list[Obj]:
    """Everything to create: namespace, service accounts, cluster roles, and the bindings in each namespace."""
    objects = [
        _object("v1", "Namespace", SYSTEM_NAMESPACE),
        *(_object("v1", "ServiceAccount", _account(who), SYSTEM_NAMESPACE) for who in (PROBE, EXECUTOR)),
        _role("aoi-probe", read_rules(namespaced=True)),
        _role("aoi-probe-cluster", read_rules(namespaced=False)),
        _role("aoi-executor", read_rules(namespaced=True) + _write_rules(_EXECUTOR_WRITES)),
        _role("aoi-executor-cluster", read_rules(namespaced=False) + _write_rules(_EXECUTOR_CLUSTER_WRITES)),
        _binding("aoi-probe", PROBE, "aoi-probe-cluster"),
        _binding("aoi-executor", EXECUTOR, "aoi-executor-cluster"),
    ]
    for namespace in namespaces:
        objects += [
            _binding("aoi-probe", PROBE, "aoi-probe", namespace),
            _binding("aoi-executor", EXECUTOR, "aoi-executor", namespace),
        ]
    return objects


def grant_access(world: World, *namespaces: str) -> None:
    """Let Probe and Executor into `namespaces`; objects that exist are left as they are."""
    for obj in access_objects(namespaces):
        kind = next(item for item in BY_QUALIFIED.values() if item.kind == obj["kind"] and not item.is_custom)
        meta = obj["metadata"]
        if world.store.get(kind.qualified, meta.get("namespace", ""), meta["name"]) is None:
            world.store.create(kind.qualified, obj)


def _account(identity: Identity) -> str:
    """Name of its service account; the constants of this module are all service accounts."""
    return identity.name.rpartition(":")[2]


def _object(api_version: str, kind: str, name: str, namespace: str = "", **content: Any) -> Obj:
    meta: Obj = {"name": name, **({"namespace": namespace} if namespace else {})}
    obj: Obj = {"apiVersion": api_version, "kind": kind, "metadata": meta, **content}
    if kind == "Namespace":
        meta["labels"] = {"kubernetes.io/metadata.name": name}
        obj |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return obj


def _role(name: str, rules: list[Obj]) -> Obj:
    return _object(f"{RBAC}/v1", "ClusterRole", name, rules=rules)


def _binding(name: str, identity: Identity, role: str, namespace: str = "") -> Obj:
    subject = {"kind": "ServiceAccount", "name": _account(identity), "namespace": SYSTEM_NAMESPACE}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return _object(f"{RBAC}/v1", kind, name, namespace, subjects=[subject], roleRef=reference)
