"""Ingresses."""

import re
from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created, some_of
from kubeworld.kinds.shared.formats import SUBDOMAIN_TEXT, port_errors
from kubeworld.machine.store import Obj

_HOST = re.compile(r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
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


def _cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    balancer = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or NONE,
        some_of(hosts, 3) if hosts else "*",
        ",".join(item.get("ip") or item.get("hostname", "") for item in balancer),
        "80, 443" if spec.get("tls") else "80",
        created(obj, now),
    ]


INGRESS = Kind(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    short=("ing",),
    subresources={"status": Subresource("networking.k8s.io", "v1", "Ingress")},
    package="io.k8s.api.networking.v1",
    printer=Printer(columns("Name, Class, Hosts, Address, Ports, Age"), _cells),
    check=_errors,
)
