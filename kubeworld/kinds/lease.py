"""Leases: the heartbeats of nodes, and whatever else elects leaders."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity", ""), created(obj, now)]


LEASE = Kind(
    group="coordination.k8s.io",
    version="v1",
    kind="Lease",
    plural="leases",
    package="io.k8s.api.coordination.v1",
    has_generation=False,
    printer=Printer(columns("Name, Holder, Age"), _cells),
    has_heartbeat=True,
)
