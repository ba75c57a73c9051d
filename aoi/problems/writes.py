"""Changes to a cluster as plain data, and the hands that carry them out as a user with kubectl would.

Faults, the ordinary work that goes on beside them, and the repairs of the oracle's self-test are all lists
of these writes. They go through the API with the same field manager, so nothing tells one from another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import Request, Transport
from aoi.errors import ClusterUnavailable

FIELD_MANAGER = "kubectl-edit"

Key = tuple[str, str, str]
"""(GroupResource, namespace, name)."""

_PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


@dataclass(frozen=True, slots=True)
class Patch:
    """Change some fields of one object."""

    key: Key
    body: Any
    type: Literal["json", "merge", "strategic"] = "merge"


@dataclass(frozen=True, slots=True)
class Create:
    """Add one object."""

    key: Key
    obj: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove one object."""

    key: Key


@dataclass(frozen=True, slots=True)
class Wait:
    """Time between two writes, in simulated seconds: a pod needs some to go before its claim can be made anew."""

    seconds: int


def restart(workload: Key, at: str) -> Patch:
    """What `kubectl rollout restart` sends at a time (RFC 3339)."""
    annotations = {"kubectl.kubernetes.io/restartedAt": at}
    return Patch(workload, {"spec": {"template": {"metadata": {"annotations": annotations}}}})


Write = Patch | Create | Delete
Deed = Write | Wait
"""What a plan is a list of."""


def path_of(resource: str, namespace: str, name: str | None = None) -> str:
    """Where the API serves a list (`name` None) or an object of a GroupResource."""
    if resource == "secrets":  # written by people, and never read by anybody of ours
        return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")
    return READABLES[resource].path(namespace, name)


def send(transport: Transport, write: Write) -> None:
    """Carry out one write. Raises: ClusterUnavailable if the API does not accept it."""
    resource, namespace, name = write.key
    query = (("fieldManager", FIELD_MANAGER),)
    match write:
        case Patch(_, body, kind):
            headers = {"Content-Type": _PATCH_TYPES[kind]}
            request = Request("PATCH", path_of(resource, namespace, name), query, headers, orjson.dumps(body))
        case Create(_, obj):
            headers = {"Content-Type": "application/json"}
            request = Request("POST", path_of(resource, namespace), query, headers, orjson.dumps(obj))
        case Delete():
            request = Request("DELETE", path_of(resource, namespace, name))
    response = transport.request(request)
    if response.status >= 300:
        raise ClusterUnavailable(
            f"{request.method} {request.path} answered {response.status}, expected 200 or 201: "
            f"{response.body[:300].decode(errors='replace')}"
        )
