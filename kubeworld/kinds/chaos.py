"""The kinds of Chaos Mesh, which installs them as custom resources.

They are served from the start, so that a chaos object is no more special than a Deployment.
"""

from typing import Any

from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns
from kubeworld.machine.store import Obj

_GROUP = "chaos-mesh.org"


def _cells(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    return [obj["metadata"]["name"], spec.get("action", ""), spec.get("duration", "")]


def _kind(kind: str, plural: str = "", **more: Any) -> Kind:
    return Kind(
        group=_GROUP,
        version="v1alpha1",
        kind=kind,
        plural=plural or kind.lower(),
        subresources={"status": Subresource(_GROUP, "v1alpha1", kind)},
        **more,
    )


NETWORK_CHAOS = _kind("NetworkChaos", printer=Printer(columns("Name, action, duration"), _cells))
CHAOS = (
    NETWORK_CHAOS,
    _kind("PodChaos"),
    _kind("StressChaos"),
    _kind("IOChaos"),
    _kind("DNSChaos"),
    _kind("HTTPChaos"),
    _kind("TimeChaos"),
    _kind("KernelChaos"),
    _kind("JVMChaos"),
    _kind("Schedule", "schedules"),
)
