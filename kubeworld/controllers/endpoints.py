"""Endpoints and EndpointSlices: which ready pods stand behind a Service, at which ports.

Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ and pkg/controller/endpoint{,slice}.
One slice per Service: 100 addresses (the default maximum) are more than an embedded Service has.
"""

from typing import Any

from kubeworld.kinds.owners import owner_reference
from kubeworld.kinds.pod import is_ready
from kubeworld.machine.integers import natural
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

SLICES = "endpointslices.discovery.k8s.io"


class EndpointsController:
    """Writes both representations in one pass, so that they never disagree."""

    name = "endpoints"
    watches = ("services", "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The Service; for a pod, the Services that select it or did."""
        if change.resource == "services":
            return [("services", change.name)]
        if change.previous is not None and change.verb == "MODIFIED" and not _matters(change.obj, change.previous):
            return []
        # A pod whose labels changed leaves the Services of its old ones.
        versions = [change.obj["metadata"].get("labels")]
        if change.previous is not None and change.previous["metadata"].get("labels") != versions[0]:
            versions.append(change.previous["metadata"].get("labels"))
        namespace = change.name[0]
        services = [
            service for labels in versions for service in world.store.services_selecting(namespace, labels or {})
        ]
        return [
            ("services", (namespace, name)) for name in sorted({service["metadata"]["name"] for service in services})
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Rewrite what changed; remove both with the Service."""
        service = world.store.get("services", *name)
        if service is None:
            _remove(world, name)
            return
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            return  # endpoints of such a Service are its author's
        selected = [pod for pod in world.store.pods_labelled(name[0], selector) if _has_address(pod)]
        _write(world, "endpoints", _endpoints(world, service, selected))
        _write(world, SLICES, _slice(world, service, selected))


def resolve_port(pod: Obj, port: Obj) -> int | None:
    """The container port behind a Service port: a number as it is, a name looked up, or None if no container has it.

    Source: https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports
    """
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    if (number := natural(target)) is not None:
        return number
    for container in pod["spec"].get("containers") or ():
        for candidate in container.get("ports") or ():
            same_protocol = candidate.get("protocol", "TCP") == port.get("protocol", "TCP")
            if candidate.get("name") == target and same_protocol:
                return candidate["containerPort"]
    return None


def _matters(new: Obj, old: Obj) -> bool:
    return (
        new["metadata"].get("labels") != old["metadata"].get("labels")
        or new["metadata"].get("deletionTimestamp") != old["metadata"].get("deletionTimestamp")
        or (new.get("status") or {}).get("podIP") != (old.get("status") or {}).get("podIP")
        or (new.get("status") or {}).get("phase") != (old.get("status") or {}).get("phase")
        or is_ready(new) != is_ready(old)
    )


def _has_address(pod: Obj) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _target(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


def _by_ports(service: Obj, selected: list[Obj]) -> list[tuple[tuple[Any, ...], list[Obj]]]:
    """Pods grouped by the ports they resolve to; a pod that lacks a named port takes part without it."""
    groups: dict[tuple[Any, ...], list[Obj]] = {}
    for pod in selected:
        resolved = tuple(
            (port.get("name", ""), number, port.get("protocol", "TCP"), port.get("appProtocol"))
            for port in service["spec"].get("ports") or ()
            if (number := resolve_port(pod, port)) is not None
        )
        if resolved or not service["spec"].get("ports"):
            groups.setdefault(resolved, []).append(pod)
    return sorted(groups.items(), key=lambda group: str(group[0]))


def _endpoints(world: World, service: Obj, selected: list[Obj]) -> Obj:
    subsets: list[Obj] = []
    publish_all = service["spec"].get("publishNotReadyAddresses", False)
    for ports, group in _by_ports(service, selected):
        addresses: dict[str, list[Obj]] = {"addresses": [], "notReadyAddresses": []}
        for pod in group:
            # Endpoints cannot say that a pod is Terminating, as slices can: it is left out.
            if "deletionTimestamp" in pod["metadata"] and not publish_all:
                continue
            address: Obj = {
                "ip": pod["status"]["podIP"],
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": _target(pod),
            }
            if _hostname(service, pod):
                address["hostname"] = _hostname(service, pod)
            ready = publish_all or is_ready(pod)
            addresses["addresses" if ready else "notReadyAddresses"].append(address)
        subset: Obj = {kind: sorted(listed, key=_by_ip) for kind, listed in addresses.items() if listed}
        if subset:
            subset["ports"] = [_port(*port) for port in ports]
            subsets.append(subset)
    meta = service["metadata"]
    endpoints: Obj = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": _labels(service, {})},
    }
    former = (world.store.get("endpoints", meta["namespace"], meta["name"]) or {}).get("metadata", {})
    if former.get("annotations"):
        endpoints["metadata"]["annotations"] = former["annotations"]
    if subsets:
        endpoints["subsets"] = subsets
    return endpoints


def _slice(world: World, service: Obj, selected: list[Obj]) -> Obj:
    # Kubernetes writes one slice per distinct set of resolved ports; pods of one Service nearly always share it.
    groups = _by_ports(service, selected)
    ports, pods = max(groups, key=lambda group: len(group[1])) if groups else ((), [])
    meta = service["metadata"]
    own_labels = {
        "kubernetes.io/service-name": meta["name"],
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    existing = _own_slice(world, (meta["namespace"], meta["name"]), meta["uid"])
    if existing:
        name = existing["metadata"]["name"]
    else:
        name = world.store.generated_name(SLICES, meta["namespace"], f"{meta['name']}-", meta["name"])
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": _labels(service, own_labels),
            "ownerReferences": [owner_reference("services", service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(world, service, pod) for pod in pods],
        "ports": [_port(*port, always_named=True) for port in ports],
    }


def _endpoint(world: World, service: Obj, pod: Obj) -> Obj:
    """A pod's entry in a slice. A Terminating pod stays in it, unready: proxies may use it if nothing else serves."""
    terminating, serving = "deletionTimestamp" in pod["metadata"], is_ready(pod)
    publish_all = service["spec"].get("publishNotReadyAddresses", False)
    entry: Obj = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish_all or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": _target(pod),
        **_zone(world, pod["spec"]["nodeName"]),
    }
    if hostname := _hostname(service, pod):
        entry["hostname"] = hostname
    return entry


def _labels(service: Obj, own: dict[str, str]) -> dict[str, str]:
    """The Service's and `own`. kube-proxy has no rules to write for a headless Service, and skips what says so."""
    labels = {**(service["metadata"].get("labels") or {}), **own}
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    return labels


def _by_ip(address: Obj) -> tuple[int, ...]:
    """Addresses of Endpoints are ordered, as RepackSubsets leaves them."""
    return tuple(int(part) for part in address["ip"].split("."))


def _zone(world: World, node: str) -> Obj:
    """The zone of an endpoint's node, if it is labelled with one."""
    labels = (world.store.get("nodes", "", node) or {"metadata": {}})["metadata"].get("labels") or {}
    zone = labels.get("topology.kubernetes.io/zone")
    return {"zone": zone} if zone else {}


def _hostname(service: Obj, pod: Obj) -> str:
    """Pods of the headless Service that their `subdomain` names get a DNS name of their own."""
    spec = pod["spec"]
    return spec.get("hostname", "") if spec.get("subdomain") == service["metadata"]["name"] else ""


def _port(name: str, number: int, protocol: str, app_protocol: str | None, *, always_named: bool = False) -> Obj:
    port: Obj = {"port": number, "protocol": protocol}
    # The name of a slice's port is a pointer in Go, and set to the empty string; that of Endpoints is omitempty.
    if name or always_named:
        port["name"] = name
    if app_protocol:
        port["appProtocol"] = app_protocol
    return port


def _own_slice(world: World, name: Name, uid: str) -> Obj | None:
    """The slice this controller keeps for the Service."""
    owned = world.store.owned(SLICES, uid)
    return owned[0] if owned else None


def _write(world: World, resource: str, wanted: Obj) -> None:
    meta = wanted["metadata"]
    current = world.store.get(resource, meta["namespace"], meta["name"])
    if current is None:
        world.store.create(resource, wanted)
        return
    world.store.update(resource, {**wanted, "metadata": {**current["metadata"], **meta}})


def _remove(world: World, name: Name) -> None:
    """Endpoints have no owner reference; slices have one and are the garbage collector's."""
    if world.store.get("endpoints", *name) is not None:
        world.store.delete("endpoints", *name)
