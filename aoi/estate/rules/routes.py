"""Routes to Services that are not there: Ingresses, and the routes of gateways.

Sources: https://kubernetes.io/docs/concepts/services-networking/ingress/, https://gateway-api.sigs.k8s.io/
"""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, entries, name, namespace, part, text
from aoi.estate.rules.services import identity_of
from aoi.estate.services import Service


class _Backend(NamedTuple):
    """Where a route leads."""

    namespace: str
    service: str
    port: str
    """Number or name; empty if the route does not say."""


def routes(estate: Estate) -> Iterator[Finding]:
    """Findings about Ingresses and the routes of gateways."""
    for ingress in estate.of("ingresses.networking.k8s.io"):
        for backend in _ingress_backends(ingress):
            yield from _backend(estate, ingress, backend)
    yield from _claimed_twice(estate)
    for key in ("httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io"):
        for route in estate.of(key):
            for backend in _route_backends(route):
                yield from _backend(estate, route, backend)
            yield from _refused_route(estate, route)


def _ingress_backends(ingress: Obj) -> Iterator[_Backend]:
    whole = part(ingress, "spec", "defaultBackend", "service")
    paths = [path for rule in entries(ingress, "spec", "rules") for path in entries(rule, "http", "paths")]
    for service in (whole, *(part(path, "backend", "service") for path in paths)):
        if service:
            port = text(service, "port", "number") or text(service, "port", "name")
            yield _Backend(namespace(ingress), text(service, "name"), port)


def _claimed_twice(estate: Estate) -> Iterator[Finding]:
    """Ingresses of one class that send one path to different Services: controllers follow one, mostly the older."""
    holders: dict[tuple[str, ...], tuple[Obj, _Backend]] = {}
    ingresses = [i for i in estate.of("ingresses.networking.k8s.io") if not _is_canary(i)]
    for ingress in sorted(ingresses, key=lambda i: (text(i, "metadata", "creationTimestamp"), name(i))):
        for rule in entries(ingress, "spec", "rules"):
            for path in entries(rule, "http", "paths"):
                service = part(path, "backend", "service")
                backend = _Backend(namespace(ingress), text(service, "name"), "")
                key = (_class(ingress), text(rule, "host"), text(path, "path") or "/", text(path, "pathType"))
                first, theirs = holders.setdefault(key, (ingress, backend))
                if first is not ingress and theirs != backend:
                    yield _conflict(estate, ingress, first, f"{key[1] or 'any host'}{key[2]}")
                    break


def _class(ingress: Obj) -> str:
    annotations = part(ingress, "metadata", "annotations")
    return text(ingress, "spec", "ingressClassName") or str(annotations.get("kubernetes.io/ingress.class", ""))


def _is_canary(ingress: Obj) -> bool:
    """Whether an annotation, as several controllers have one, shares its paths with another on purpose."""
    return any("canary" in str(key) for key in part(ingress, "metadata", "annotations"))


def _conflict(estate: Estate, ingress: Obj, first: Obj, place: str) -> Finding:
    other = f"Ingress/{name(first)}" + (f" of {namespace(first)}" if namespace(first) != namespace(ingress) else "")
    return Finding(
        "unclassified",
        Identity("Ingress", namespace(ingress), name(ingress)),
        sentence(
            f"Ingress/{name(ingress)} claims {place}, which {other} sends to another Service; one is not followed"
        ),
        Tier.STATED,
        "suspect",
        next=(f"kubectl get ingresses -n {namespace(ingress)} -o wide",),
        sightings=(estate.witness.of(ingress, '"host"'), estate.witness.of(first, '"host"')),
    )


def _route_backends(route: Obj) -> Iterator[_Backend]:
    for rule in entries(route, "spec", "rules"):
        for ref in entries(rule, "backendRefs"):
            if ref.get("kind", "Service") == "Service":
                yield _Backend(text(ref, "namespace") or namespace(route), text(ref, "name"), text(ref, "port"))


def _backend(estate: Estate, route: Obj, backend: _Backend) -> Iterator[Finding]:
    if not estate.shows_absence("services", backend.namespace):
        return
    kind, place = str(route.get("kind")), f"-n {backend.namespace}"
    route_identity = Identity(kind, namespace(route), name(route))
    service = next((s for s in estate.services if (s.namespace, s.name) == backend[:2]), None)
    if service is None:
        word, words = "noservice", f"sends to Service {backend.service}, which does not exist"
        near = difflib.get_close_matches(backend.service, [s.name for s in estate.services], 1)
        words += f" (there is {near[0]})" if near else ""
    elif backend.port and not _serves(service, backend.port):
        served = ", ".join(text(port, "port") for port in service.ports)
        word, words = "targetport", f"sends to port {backend.port} of Service {backend.service}, which serves {served}"
    elif (idle := _idle(service)) is not None:
        word = "zeroreplicas"
        words = f"sends to Service {backend.service}, behind which {idle.identity} stands alone, at zero replicas"
    else:
        return
    yield Finding(
        word,
        identity_of(service) if service is not None and word == "zeroreplicas" else route_identity,
        sentence(f"{kind}/{name(route)} {words}"),
        Tier.STATED,
        next=(
            f"kubectl get services {place}",
            f"kubectl get {kind.lower()} {name(route)} -n {namespace(route)} -o yaml",
        ),
        sightings=(estate.witness.of(route, f'"name": "{backend.service}"'),),
    )


def _idle(service: Service) -> Component | None:
    """What a Service leads to if all of it is scaled to zero."""
    behind_it = service.components
    is_idle = bool(behind_it) and not service.pods and all(component.wanted == 0 for component in behind_it)
    return behind_it[0] if is_idle else None


def _serves(service: Service, port: str) -> bool:
    if service.backing == "external":
        return True
    return any(port in (text(entry, "port"), text(entry, "name")) for entry in service.ports)


def _refused_route(estate: Estate, route: Obj) -> Iterator[Finding]:
    """What the gateway's controller says of a route."""
    for parent in entries(route, "status", "parents"):
        for condition in entries(parent, "conditions"):
            if condition.get("type") in ("Accepted", "ResolvedRefs") and condition.get("status") == "False":
                kind = str(route.get("kind"))
                why = f"{text(condition, 'reason')}: {text(condition, 'message')}"
                yield Finding(
                    "noservice" if text(condition, "reason") == "BackendNotFound" else "unclassified",
                    Identity(kind, namespace(route), name(route)),
                    sentence(f"{kind}/{name(route)} is not {condition.get('type')}: {why}"),
                    Tier.STATED,
                    next=(f"kubectl describe {kind.lower()} {name(route)} -n {namespace(route)}",),
                    sightings=(estate.witness.of(route, text(condition, "reason")),),
                )
                return
