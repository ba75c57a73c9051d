"""EndpointSlices."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import UNSET, Printer, columns, created, some_of
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of a slice: the Service that it belongs to."""


def _default(world: World, obj: Obj) -> Obj:
    return {**obj, "ports": [{"name": "", "protocol": "TCP", **port} for port in obj.get("ports") or ()]}


def _cells(obj: Obj, now: int) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    addresses = [address for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    shown = some_of(addresses, 3) if addresses else UNSET
    return [
        obj["metadata"]["name"],
        obj.get("addressType", ""),
        some_of(ports, 3) if ports else UNSET,
        shown,
        created(obj, now),
    ]


def ready_addresses(world: World, namespace: str, service: str) -> list[str]:
    """Where a Service leads now, from all its slices."""
    slices = world.store.objects(ENDPOINT_SLICE.table, namespace)
    own = (item for item in slices if (item["metadata"].get("labels") or {}).get(SERVICE_NAME) == service)
    return [
        address
        for item in own
        for endpoint in item.get("endpoints") or ()
        # Nobody who says nothing is unready.
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    ]


ENDPOINT_SLICE = Kind(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    package="io.k8s.api.discovery.v1",
    printer=Printer(columns("Name, AddressType, Ports, Endpoints, Age"), _cells),
    default=_default,
)
