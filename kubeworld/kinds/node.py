"""Nodes."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, duplicate, required, unsupported
from kubeworld.kinds.kind import METADATA_FIELDS, Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, UNKNOWN, Printer, columns, created
from kubeworld.kinds.shared.formats import label_value, qualified_name
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def is_down(world: World, node: str) -> bool:
    """Whether the node's kubelet is dead (its node may not be known to be so yet)."""
    return f"node-down/{node}" in world.state


def pressure_of(world: World, node: str) -> tuple[str, str] | None:
    """(threshold, what is available) of a node whose disk is low, as its kubelet words them; None if it has enough."""
    return world.state.get(f"node-pressure/{node}")


def _cells(obj: Obj, now: int) -> list[Any]:
    status, meta = obj.get("status") or {}, obj["metadata"]
    ready = next((item for item in status.get("conditions") or () if item["type"] == "Ready"), None)
    state = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if (obj.get("spec") or {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key.removeprefix(prefix) for key in meta.get("labels") or {} if key.startswith(prefix))
    addresses = {item["type"]: item["address"] for item in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    return [
        meta["name"],
        state,
        ",".join(roles) or NONE,
        created(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _errors(new: Obj, _: Obj | None) -> Iterator[FieldError]:
    """The taints. Their path begins with `metadata`, as it does in ValidateNode of the Kubernetes sources."""
    seen: set[tuple[str, str]] = set()
    for at, taint in enumerate((new.get("spec") or {}).get("taints") or ()):
        path, key, effect = f"metadata.taints[{at}]", taint.get("key", ""), taint.get("effect", "")
        yield from qualified_name(f"{path}.key", key)
        yield from label_value(f"{path}.value", taint.get("value", ""))
        if not effect:
            yield required(f"{path}.effect")
        elif effect not in _EFFECTS:
            yield unsupported(f"{path}.effect", effect, _EFFECTS)
        if (key, effect) in seen:
            yield duplicate(path, taint)
        seen.add((key, effect))


NODE = Kind(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    short=("no",),
    namespaced=False,
    subresources={"status": Subresource("", "v1", "Node")},
    fields=METADATA_FIELDS | {"spec.unschedulable"},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(
        columns(
            "Name, Status, Roles, Age, Version, Internal-IP/1, External-IP/1, OS-Image/1, Kernel-Version/1, "
            "Container-Runtime/1"
        ),
        _cells,
    ),
    has_heartbeat=True,
    check=_errors,
)
