"""Defaults of Services, and the cluster IPs and node ports that they get."""

import hashlib
from typing import Any

from kubeworld.kinds.errors import FieldError, duplicate, invalid, unprocessable
from kubeworld.kinds.resources import SERVICES
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

NODE_PORTS = range(30000, 32768)


def service(world: World, obj: Obj) -> Obj:
    """`obj` with defaults; addresses are given by `allocate_service`."""
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


def allocate_service(world: World, obj: Obj) -> Obj:
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
        raise _service_error(identity[1], invalid("spec.clusterIPs", [spec["clusterIP"]], why))
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        used = {port.get("nodePort") for other in others for port in other.get("ports") or ()}
        spec["ports"] = [dict(port) for port in spec.get("ports") or ()]
        for at, port in enumerate(spec["ports"]):
            if port.get("nodePort") and port["nodePort"] in used:
                error = duplicate(f"spec.ports[{at}].nodePort", port["nodePort"])
                raise _service_error(identity[1], error)
            if not port.get("nodePort"):
                port["nodePort"] = _free_port(f"{hint}/{port['port']}", used)
            used.add(port["nodePort"])
    return {**obj, "spec": spec}


def _service_error(name: str, error: FieldError) -> Exception:
    return unprocessable(SERVICES, name, [error])


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
