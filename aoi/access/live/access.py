"""The start-up self-check: an identity that can do more than it should is not used at all.

Asked with SelfSubjectAccessReviews, the only ones that AOI makes: the server decides, whatever its authorizers are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import orjson

from aoi.access.transport import Response
from aoi.errors import ClusterUnavailable, SettingsError

Role = Literal["probe", "executor"]
Post = Callable[[str, bytes], Response]
"""Sends one POST of JSON."""

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that an identity might do."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}" + (f"/{self.subresource}" if self.subresource else "")


NEEDED = tuple(
    Access(verb, resource, group)
    for resource, group in (("pods", ""), ("services", ""), ("events", ""), ("deployments", "apps"))
    for verb in ("get", "list")
)
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_RBAC = "rbac.authorization.k8s.io"
FORBIDDEN_TO_ALL: tuple[Access, ...] = (
    *(Access(verb, "secrets") for verb in ("get", "list", "watch", *_WRITES)),
    Access("get", "secrets", namespaced=False),
    Access("list", "secrets", namespaced=False),
    *(
        Access(verb, "pods", subresource=sub)
        for sub in ("attach", "portforward", "proxy")
        for verb in ("create", "get")
    ),
    Access("get", "nodes", subresource="proxy", namespaced=False),
    Access("create", "serviceaccounts", subresource="token"),
    *(Access("impersonate", kind, namespaced=False) for kind in ("users", "groups", "serviceaccounts")),
    *(
        Access(verb, kind, _RBAC)
        for kind in ("roles", "rolebindings")
        for verb in ("create", "update", "patch", "bind", "escalate")
    ),
    *(
        Access(verb, kind, _RBAC, namespaced=False)
        for kind in ("clusterroles", "clusterrolebindings")
        for verb in ("create", "patch")
    ),
    Access("delete", "namespaces", namespaced=False),
    Access("create", "pods"),
    Access("create", "deployments", "apps"),
    Access("delete", "deployments", "apps"),
)
_PROBE_READS_ONLY = (
    *((resource, "") for resource in ("pods", "services", "configmaps", "persistentvolumeclaims")),
    *((resource, "apps") for resource in ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("jobs", "batch"),
    ("networkpolicies", "networking.k8s.io"),
)
FORBIDDEN_TO_PROBE: tuple[Access, ...] = (
    *(Access(verb, "pods", subresource="exec") for verb in ("create", "get")),
    *(Access(verb, resource, group) for resource, group in _PROBE_READS_ONLY for verb in _WRITES),
    *(Access(verb, "nodes", namespaced=False) for verb in ("update", "patch", "delete")),
    *(Access("patch", "deployments", "apps", subresource=sub) for sub in ("scale", "status")),
    Access("create", "pods", subresource="eviction"),
)


def check_identity(post: Post, namespace: str, role: Role) -> None:
    """Refuse an identity that lacks what it needs or can do what it must not.

    Raises: SettingsError; ClusterUnavailable if the server does not answer reviews, since no answer is no leave.
    """
    missing = [str(access) for access in NEEDED if not allowed(post, namespace, access)]
    if missing:
        raise SettingsError(
            f"the {role} identity may not {', '.join(missing)} in namespace {namespace}. "
            "Print a fitting role with: aoi access print"
        )
    too_much = sorted({str(access) for access in _forbidden(role) if allowed(post, namespace, access)})
    if too_much:
        shown = ", ".join(too_much[:6]) + (f" and {len(too_much) - 6} more" if len(too_much) > 6 else "")
        raise SettingsError(
            f"the {role} identity may {shown} in namespace {namespace}: AOI does not run with an identity that "
            "powerful. Make a fitting one with: aoi access print"
        )


def _forbidden(role: Role) -> Iterable[Access]:
    return (*FORBIDDEN_TO_ALL, *FORBIDDEN_TO_PROBE) if role == "probe" else FORBIDDEN_TO_ALL


def allowed(post: Post, namespace: str, access: Access) -> bool:
    """Whether the server would let this identity do it. Raises: ClusterUnavailable without a clear answer."""
    attributes = {
        "verb": access.verb,
        "group": access.group,
        "resource": access.resource,
        "subresource": access.subresource,
        "namespace": namespace if access.namespaced else "",
    }
    kept = {key: value for key, value in attributes.items() if value}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": kept},
    }
    response = post(REVIEWS, orjson.dumps(body))
    if response.status not in (200, 201):
        raise ClusterUnavailable(f"the access review of {access} answered HTTP {response.status}")
    try:
        status = orjson.loads(response.body).get("status") or {}
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise ClusterUnavailable(f"the access review of {access} answered no review") from error
    if not isinstance(status.get("allowed"), bool):
        raise ClusterUnavailable(f"the access review of {access} answered neither yes nor no")
    return bool(status["allowed"])
