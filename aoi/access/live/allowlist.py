"""What an identity of AOI may hold: lists. A right that is on none of them is too much, whatever it is called.

The Probe's list is what AOI reads (`aoi.access.reading`), what Kubernetes' own role `view` reads, and what every
cluster gives to everybody. The Executor's has what `deploy/rbac` gives it besides.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from aoi.access import rights
from aoi.access.live.grants import MAX_RIGHTS, Access, Grants, PathAccess
from aoi.access.reading import READABLES, is_custom_resource

Role = Literal["probe", "executor"]

READS = frozenset({"get", "list", "watch"})
_SEEN_BY_VIEW = {
    "": "bindings configmaps endpoints events limitranges namespaces persistentvolumeclaims pods pods/log "
    "replicationcontrollers replicationcontrollers/scale resourcequotas serviceaccounts services",
    "apps": "controllerrevisions daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets "
    "statefulsets/scale",
    "autoscaling": "horizontalpodautoscalers",
    "batch": "cronjobs jobs",
    "discovery.k8s.io": "endpointslices",
    "events.k8s.io": "events",
    "extensions": "daemonsets deployments deployments/scale ingresses networkpolicies replicasets replicasets/scale "
    "replicationcontrollers/scale",
    "metrics.k8s.io": "nodes pods",
    "networking.k8s.io": "ingresses networkpolicies",
    "policy": "poddisruptionbudgets",
    "resource.k8s.io": "resourceclaims resourceclaimtemplates",
}
"""Resources of the ClusterRole `view`, with what metrics-server adds to it, and Events under their other group.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles, rules of
system:aggregate-to-view in plugin/pkg/auth/authorizer/rbac/bootstrappolicy of kubernetes/kubernetes."""
_READ = frozenset(
    {
        *((readable.group, readable.resource) for readable in READABLES.values()),
        *(
            (readable.group, f"{readable.resource}/{sub}")
            for readable in READABLES.values()
            for sub in readable.subresources
        ),
        *((group, path) for group, paths in _SEEN_BY_VIEW.items() for path in paths.split()),
    }
)
_READ_GROUPS = frozenset(group for group, _ in _READ)
_READ_PATHS = frozenset(path for _, path in _READ)
"""Roles name groups and resources together, `services` in `apps` among them: of Kubernetes' own groups each has what is
listed here or no such resource."""
_FOR_EVERYBODY = frozenset(
    {
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews"),
        ("create", "authorization.k8s.io", "selfsubjectrulesreviews"),
        ("create", "authentication.k8s.io", "selfsubjectreviews"),
    }
)
"""Of the ClusterRole `system:basic-user`: what somebody may do, and who they are."""
_PATHS = ("/healthz", "/livez", "/readyz")
_PATHS_AND_BELOW = ("/api", "/apis", "/openapi", "/version", "/.well-known", "/openid/v1/jwks")
"""Of the ClusterRoles `system:discovery`, `system:public-info-viewer` and, for each service account,
`system:service-account-issuer-discovery`: discovery, and the public keys of tokens."""
_SYSTEM = "kube-"
"""Prefix of namespaces that Kubernetes keeps for itself: nobody binds an Executor there in passing."""


def excess(grants: Grants, role: Role, namespace: str, looked_at: Iterable[str]) -> Iterator[str]:
    """Each right that these rules spell and `role` must not hold in that namespace. A right to one object counts."""
    is_writable = namespace in looked_at or not namespace.startswith(_SYSTEM)
    for rule in (*grants.rules, *grants.paths):
        if rule.is_endless:
            yield f"more than {MAX_RIGHTS} things by one rule"
        for right in rule.rights():
            if not is_allowed(right, role, is_writable=is_writable):
                yield str(right)


def is_allowed(right: Access | PathAccess, role: Role, *, is_writable: bool = True) -> bool:
    """Whether `role` may hold this. `is_writable`: in a namespace that somebody may have given to an Executor."""
    if isinstance(right, PathAccess):
        return right.verb == "get" and _is_public(right.path)
    spelt = (right.verb, right.group, right.path)
    if spelt in _FOR_EVERYBODY or (right.verb in READS and _is_read(right)):
        return True
    if role != "executor":
        return False
    of_cluster, of_namespaces = _written()
    return spelt in of_cluster or (is_writable and spelt in of_namespaces)


def _is_read(right: Access) -> bool:
    # The status of an object is a part of what reading the object shows. Of somebody's own kinds no other subresource
    # is known to be a read: a `get` of some is a console.
    whole = right.resource if right.subresource == "status" else right.path
    return (right.group in _READ_GROUPS and whole in _READ_PATHS) or is_custom_resource(right.group, whole)


def _is_public(path: str) -> bool:
    if path in _PATHS or ".." in path:
        return path in _PATHS
    return any(path in (root, f"{root}*") or path.startswith(f"{root}/") for root in _PATHS_AND_BELOW)


@cache
def _written() -> tuple[frozenset[tuple[str, str, str]], frozenset[tuple[str, str, str]]]:
    """What `deploy/rbac` gives the Executor in the whole cluster, and by RoleBindings in a namespace."""
    roles: dict[str, frozenset[tuple[str, str, str]]] = {}
    bound: dict[str, set[str]] = {"ClusterRoleBinding": set(), "RoleBinding": set()}
    for document in rights.documents("executor", rights.PLACEHOLDER, databases=True):
        if document["kind"] == "ClusterRole":
            roles[document["metadata"]["name"]] = frozenset(
                (verb, group, path)
                for rule in document["rules"]
                for verb in rule["verbs"]
                for group in rule["apiGroups"]
                for path in rule["resources"]
            )
        elif document["kind"] in bound:
            bound[document["kind"]].add(document["roleRef"]["name"])
    of_cluster, of_namespaces = (
        frozenset[tuple[str, str, str]]().union(*(roles[name] for name in names)) for names in bound.values()
    )
    return of_cluster, of_namespaces
