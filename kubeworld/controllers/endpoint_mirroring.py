"""EndpointSlices of Endpoints that somebody wrote by hand, for Services without a selector.

Source: pkg/controller/endpointslicemirroring of kube-controller-manager.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from kubeworld.kinds.endpoint_slice import ENDPOINT_SLICE, SERVICE_NAME
from kubeworld.kinds.owners import owner_reference
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

SLICES = ENDPOINT_SLICE.table
SKIP = "endpointslice.kubernetes.io/skip-mirror"
MANAGED = {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", "endpoints.kubernetes.io/last-change-trigger-time")
ADDRESSES_LIMIT = 1000
"""Of one subset that are mirrored."""


class EndpointMirroring:
    """One slice for each subset and family of addresses."""

    name = "endpointslicemirroring-controller"
    watches = ("endpoints", "services")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The Endpoints of a Service that does not select, and those of one that did not a moment ago."""
        if change.resource == "services":
            versions = [version for version in (change.obj, change.previous) if version is not None]
            return [] if all(version["spec"].get("selector") for version in versions) else [("endpoints", change.name)]
        service = world.store.get("services", *change.name)
        if change.verb == "DELETED" or service is None or service["spec"].get("selector"):
            return []
        return [("endpoints", change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Write what should be there and remove what should not."""
        endpoints, service = world.store.get("endpoints", *name), world.store.get("services", *name)
        if endpoints is None:
            return  # the slices are the garbage collector's
        wanted = list(_slices(endpoints)) if service is not None and _is_mirrored(endpoints, service) else []
        former = [item for item in world.store.owned(SLICES, endpoints["metadata"]["uid"]) if _is_ours(item)]
        for item in wanted:
            kept = next((old for old in former if _ports(old) == _ports(item)), None)
            if kept is None:
                meta = {**item["metadata"], "name": world.store.generated_name(SLICES, name[0], f"{name[1]}-", name[1])}
                world.store.create(SLICES, {**item, "metadata": meta})
                continue
            former.remove(kept)
            world.store.update(SLICES, {**kept, **item, "metadata": {**kept["metadata"], **item["metadata"]}})
        for old in former:
            world.store.delete(SLICES, name[0], old["metadata"]["name"])


def _is_mirrored(endpoints: Obj, service: Obj) -> bool:
    meta = endpoints["metadata"]
    is_skipped = (meta.get("labels") or {}).get(SKIP) == "true" or _LEADER in (meta.get("annotations") or {})
    return not is_skipped and not service["spec"].get("selector") and "deletionTimestamp" not in meta


def _is_ours(item: Obj) -> bool:
    return MANAGED.items() <= (item["metadata"].get("labels") or {}).items()


def _ports(item: Obj) -> bytes:
    """What tells the slices of one Service apart."""
    return orjson.dumps([item["addressType"], item["ports"]], option=orjson.OPT_SORT_KEYS)


def _slices(endpoints: Obj) -> Iterator[Obj]:
    meta = endpoints["metadata"]
    copied = {key: value for key, value in (meta.get("annotations") or {}).items() if key not in _NOT_COPIED}
    metadata: dict[str, Any] = {
        "namespace": meta["namespace"],
        "labels": {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], **MANAGED},
        "ownerReferences": [owner_reference("endpoints", endpoints)],
    }
    if copied:
        metadata["annotations"] = copied
    for subset in endpoints.get("subsets") or ():
        listed = [(address, True) for address in subset.get("addresses") or ()]
        listed += [(address, False) for address in subset.get("notReadyAddresses") or ()]
        listed = listed[:ADDRESSES_LIMIT]
        for family in ("IPv4", "IPv6"):
            entries = [_endpoint(*one) for one in listed if (":" in one[0]["ip"]) is (family == "IPv6")]
            if entries:
                yield {
                    "apiVersion": ENDPOINT_SLICE.api_version,
                    "kind": ENDPOINT_SLICE.kind,
                    "metadata": metadata,
                    "addressType": family,
                    "endpoints": entries,
                    "ports": [{"name": "", **port} for port in subset.get("ports") or ()],
                }


def _endpoint(address: Obj, is_ready: bool) -> Obj:
    kept = {key: address[key] for key in ("hostname", "nodeName", "targetRef") if address.get(key)}
    return {"addresses": [address["ip"]], "conditions": {"ready": is_ready}, **kept}
