"""Services, and the cluster IPs and node ports that they get."""

import hashlib
from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.errors import unprocessable
from kubeworld.kinds.field_errors import FieldError, duplicate, invalid, required, unsupported
from kubeworld.kinds.kind import METADATA_FIELDS, Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created, pairs
from kubeworld.kinds.shared.formats import dns_1035_name, port_errors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

NODE_PORTS = range(30000, 32768)


def _default(world: World, obj: Obj) -> Obj:
    """`obj` with defaults; addresses are assigned."""
    spec: Obj = {"sessionAffinity": "None", "type": "ClusterIP", **(obj.get("spec") or {})}
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    if spec["type"] == "ExternalName":
        return {**obj, "spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    exposed = spec["type"] in ("NodePort", "LoadBalancer")
    if exposed:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    spec["ports"] = [{"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec.get("ports") or ()]
    if not spec["ports"]:
        del spec["ports"]
    return {**obj, "spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}


def _assign(world: World, obj: Obj, old: Obj | None) -> Obj:
    """Give a Service its cluster IP and node ports. Raises: ApiError 422 if the wanted ones are taken."""
    spec = dict(obj["spec"])
    if spec["type"] == "ExternalName":
        return obj
    identity = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    others = [
        other["spec"]
        for other in world.store.objects("services")
        if (other["metadata"].get("namespace", ""), other["metadata"]["name"]) != identity
    ]
    hint = f"{world.seed}/{identity[0]}/{identity[1]}"
    used_ips = {other.get("clusterIP") for other in others}
    if not spec.get("clusterIP"):
        spec["clusterIP"] = _free_ip(hint, used_ips)
    elif spec["clusterIP"] != "None" and spec["clusterIP"] in used_ips:
        why = "failed to allocate IP " + spec["clusterIP"] + ": provided IP is already allocated"
        raise _refusal(identity[1], invalid("spec.clusterIPs", [spec["clusterIP"]], why))
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        used = {port.get("nodePort") for other in others for port in other.get("ports") or ()}
        spec["ports"] = [dict(port) for port in spec.get("ports") or ()]
        for at, port in enumerate(spec["ports"]):
            if port.get("nodePort") and port["nodePort"] in used:
                error = duplicate(f"spec.ports[{at}].nodePort", port["nodePort"])
                raise _refusal(identity[1], error)
            if not port.get("nodePort"):
                port["nodePort"] = _free_port(f"{hint}/{port['port']}", used)
            used.add(port["nodePort"])
    return {**obj, "spec": spec}


def _refusal(name: str, error: FieldError) -> Exception:
    return unprocessable(SERVICE, name, [error])


def _free_ip(hint: str, used: set[Any]) -> str:
    for attempt in range(10_000):
        digest = hashlib.sha256(f"{hint}/{attempt}".encode()).digest()
        candidate = f"10.{96 + digest[0] % 16}.{digest[1]}.{1 + digest[2] % 254}"
        if candidate not in used:
            return candidate
    raise RuntimeError("the service range 10.96.0.0/12 is exhausted")


def _free_port(hint: str, used: set[Any]) -> int:
    for attempt in range(100_000):
        digest = hashlib.sha256(f"{hint}/{attempt}".encode()).digest()
        candidate = NODE_PORTS[int.from_bytes(digest[:4]) % len(NODE_PORTS)]
        if candidate not in used:
            return candidate
    raise RuntimeError("the node port range 30000-32767 is exhausted")


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        yield unsupported("spec.type", spec["type"], types)
    ports = spec.get("ports") or ()
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    pairs: set[tuple[Any, Any]] = set()
    for at, port in enumerate(ports):
        where = f"spec.ports[{at}]"
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{where}.name")
        elif port.get("name") in names:
            yield duplicate(f"{where}.name", port["name"])
        names.add(port.get("name", ""))
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            yield duplicate(where, port)
        pairs.add(pair)
        yield from _port_errors(port, where)
    if old and old["spec"].get("clusterIP") and spec["type"] != "ExternalName" != old["spec"]["type"]:
        before, after = old["spec"]["clusterIP"], spec.get("clusterIP")
        if before != after:
            yield FieldError(
                "spec.clusterIPs[0]", "FieldValueInvalid", f'Invalid value: ["{after or ""}"]: may not change once set'
            )


def _port_errors(port: Obj, where: str) -> Iterator[FieldError]:
    target = port.get("targetPort")
    yield from port_errors(f"{where}.port", port.get("port", 0))
    if isinstance(target, int):
        yield from port_errors(f"{where}.targetPort", target)
    node_port = port.get("nodePort")
    if node_port and not 30000 <= node_port <= 32767:
        yield invalid(
            f"{where}.nodePort",
            node_port,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        )


def _cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    return [
        obj["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external_ip(obj),
        ports or NONE,
        created(obj, now),
        pairs(spec.get("selector")),
    ]


def _external_ip(obj: Obj) -> str:
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec.get("type") == "LoadBalancer":
        ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        addresses = [item.get("ip") or item.get("hostname", "") for item in ingress] + list(
            spec.get("externalIPs") or ()
        )
        return ",".join(addresses) or "<pending>"
    return ",".join(spec.get("externalIPs") or ()) or NONE


def _keep(old: Obj, new: Obj) -> Obj:
    """An update that does not mention its IP or node ports keeps them."""
    before, spec = old["spec"], dict(new.get("spec") or {})
    if spec.get("type", "ClusterIP") == "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            spec.pop(field, None)
        return {**new, "spec": spec}
    if not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"] = before["clusterIP"]
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        known = {(port["port"], port.get("protocol")): port.get("nodePort") for port in before.get("ports") or ()}
        spec["ports"] = [
            port if port.get("nodePort") else {**port, **_node_port(known, port)} for port in spec.get("ports") or ()
        ]
    return {**new, "spec": spec}


def _node_port(known: dict[tuple[int, str | None], int | None], port: Obj) -> Obj:
    number = known.get((port.get("port", 0), port.get("protocol", "TCP")))
    return {"nodePort": number} if number else {}


def _usage(obj: Obj) -> dict[str, int]:
    usage = {"services": 1}
    type_ = obj["spec"].get("type", "ClusterIP")
    if type_ == "LoadBalancer":
        usage["services.loadbalancers"] = 1
    if type_ in ("NodePort", "LoadBalancer"):
        usage["services.nodeports"] = len(obj["spec"].get("ports") or ())
    return usage


SERVICE = Kind(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    short=("svc",),
    categories=("all",),
    subresources={"status": Subresource("", "v1", "Service")},
    fields=METADATA_FIELDS | {"spec.clusterIP", "spec.type"},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector/1"), _cells),
    name_errors=dns_1035_name,
    default=_default,
    check=_errors,
    keep=_keep,
    assign=_assign,
    usage=_usage,
    answers_deleted=True,
)
