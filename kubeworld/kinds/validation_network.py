"""Validation of Ingresses and NetworkPolicies."""

import ipaddress
import re
from collections.abc import Iterator

from kubeworld.kinds.errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.formats import SUBDOMAIN_TEXT, port_errors
from kubeworld.machine.store import Obj

_HOST = re.compile(r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_DIRECTIONS = ("Egress", "Ingress")


def ingress_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Something to route, hosts that are names, absolute paths, backends with a port."""
    spec = new.get("spec") or {}
    if not spec.get("rules") and "defaultBackend" not in spec:
        yield invalid("spec", "", "either `defaultBackend` or `rules` must be specified")
    if "defaultBackend" in spec:
        yield from _backend_errors(spec["defaultBackend"], "spec.defaultBackend")
    for at, rule in enumerate(spec.get("rules") or ()):
        where = f"spec.rules[{at}]"
        if rule.get("host") and not _HOST.match(rule["host"]):
            yield invalid(f"{where}.host", rule["host"], SUBDOMAIN_TEXT)
        if "http" in rule and not rule["http"].get("paths"):
            yield required(f"{where}.http.paths")
        for number, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield from _path_errors(path, f"{where}.http.paths[{number}]")


def _path_errors(path: Obj, where: str) -> Iterator[FieldError]:
    type_ = path.get("pathType")
    if not type_:
        yield required(f"{where}.pathType", "pathType must be specified")
    elif type_ not in _PATH_TYPES:
        yield unsupported(f"{where}.pathType", type_, _PATH_TYPES)
    text = path.get("path", "")
    if (text or type_ in ("Exact", "Prefix")) and not text.startswith("/"):
        yield invalid(f"{where}.path", text, "must be an absolute path")
    yield from _backend_errors(path.get("backend") or {}, f"{where}.backend")


def _backend_errors(backend: Obj, where: str) -> Iterator[FieldError]:
    service = backend.get("service")
    if service is None:
        if "resource" not in backend:
            yield required(where, "resource or service backend is required")
        return
    if not service.get("name"):
        yield required(f"{where}.service.name")
    port = service.get("port") or {}
    if not port.get("name") and not port.get("number"):
        yield required(where, "port name or number is required")
    elif port.get("number"):
        yield from port_errors(f"{where}.service.port.number", port["number"])


def network_policy_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
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
