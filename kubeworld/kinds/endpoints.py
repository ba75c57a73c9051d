"""Endpoints."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created, some_of
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    if not obj.get("subsets"):
        return obj
    subsets = [
        {**item, "ports": [{"protocol": "TCP", **port} for port in item["ports"]]} if item.get("ports") else item
        for item in obj["subsets"]
    ]
    return {**obj, "subsets": subsets}


def _cells(obj: Obj, now: int) -> list[Any]:
    addresses = []
    for subset in obj.get("subsets") or ():
        for address in subset.get("addresses") or ():
            ports = subset.get("ports") or ()
            addresses += [f"{address['ip']}:{port['port']}" for port in ports] if ports else [address["ip"]]
    return [obj["metadata"]["name"], some_of(addresses, 3), created(obj, now)]


ENDPOINTS = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    short=("ep",),
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Endpoints, Age"), _cells),
    default=_default,
)
