"""NetworkPolicies."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created
from kubeworld.kinds.shared.formats import port_errors
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    spec: Obj = {"podSelector": {}, **(obj.get("spec") or {})}
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    for direction in ("ingress", "egress"):
        if direction in spec:
            spec[direction] = [
                {**rule, "ports": [{"protocol": "TCP", **port} for port in rule["ports"]]}
                if rule.get("ports")
                else rule
                for rule in spec[direction]
            ]
    return {**obj, "spec": spec}


_DIRECTIONS = ("Egress", "Ingress")


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Known directions, networks that are some, ports in range."""
    spec = new.get("spec") or {}
    for at, direction in enumerate(spec.get("policyTypes") or ()):
        if direction not in _DIRECTIONS:
            yield unsupported(f"spec.policyTypes[{at}]", direction, _DIRECTIONS)
    for field, peers in (("ingress", "from"), ("egress", "to")):
        for at, rule in enumerate(spec.get(field) or ()):
            for number, peer in enumerate(rule.get(peers) or ()):
                yield from _peer_errors(peer, f"spec.{field}[{at}].{peers}[{number}]")
            for number, port in enumerate(rule.get("ports") or ()):
                value = port.get("port")
                if isinstance(value, int):
                    yield from port_errors(f"spec.{field}[{at}].ports[{number}].port", value)


def _peer_errors(peer: Obj, where: str) -> Iterator[FieldError]:
    block = peer.get("ipBlock")
    if not peer:
        yield required(where, "must specify a peer")
    elif block is not None and len(peer) > 1:
        yield FieldError(where, "FieldValueForbidden", "Forbidden: may not specify both ipBlock and another peer")
    if block is not None:
        texts = {"cidr": block.get("cidr", "")}
        texts |= {f"except[{at}]": text for at, text in enumerate(block.get("except") or ())}
        for field, text in texts.items():
            if not _is_network(text):
                why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
                yield invalid(f"{where}.ipBlock.{field}", text, why)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], selectors.written(obj["spec"].get("podSelector")) or NONE, created(obj, now)]


NETWORK_POLICY = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="NetworkPolicy",
    plural="networkpolicies",
    short=("netpol",),
    package="io.k8s.api.networking.v1",
    zero_values={"podSelector": {}},
    printer=Printer(columns("Name, Pod-Selector, Age"), _cells),
    default=_default,
    check=_errors,
)
