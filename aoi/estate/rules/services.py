"""Services that lead nowhere, and routes to Services that are not there.

Sources: https://kubernetes.io/docs/concepts/services-networking/ (service, ingress, gateway)
"""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, entries, name, namespace, part, text
from aoi.estate.services import Service

ALIKE = 0.6
"""Two label values this alike are one word misspelt, or two forms of it."""


def services(estate: Estate) -> Iterator[Finding]:
    """Findings about Services."""
    for service in estate.services:
        if service.backing == "selected":
            if service.components or service.pods:
                yield from _ports(estate, service)
            elif estate.shows_absence("pods", service.namespace):
                yield from _selects_nothing(estate, service)
        elif service.backing == "manual" and service.addresses == 0:
            yield _manual(estate, service)
        yield from _load_balancer(estate, service)


def _identity(service: Service) -> Identity:
    return Identity("Service", service.namespace, service.name)


class _Near(NamedTuple):
    """A component that a selector just misses."""

    component: Component
    wrong: str
    """The pairs of the selector that its pods do not carry."""
    carried: str
    score: float
    is_served: bool = False
    """Whether another Service leads to it already, so that this one may be a leftover."""


def _selects_nothing(estate: Estate, service: Service) -> Iterator[Finding]:
    selector = ",".join(f"{key}={value}" for key, value in service.selector.items())
    near = _nearest(estate, service)
    if near is None:
        words = f"Service/{service.name} selects no pods: nothing carries its selector {selector}"
    else:
        words = (
            f"Service/{service.name} selects no pods: its selector has {near.wrong}, while the pods of"
            f" {near.component.identity} carry {near.carried}"
        )
    place = f"-n {service.namespace}"
    yield Finding(
        "selector" if near else "noendpoints",
        _identity(service),
        sentence(words),
        Tier.STATED,
        "failing" if near and not near.is_served else "suspect",
        next=(f"kubectl get pods {place} --show-labels", f"kubectl get service {service.name} {place} -o yaml"),
        sightings=(estate.witness.of(service.obj, '"selector"'),),
        other=near.component.identity if near else None,
    )


def _nearest(estate: Estate, service: Service) -> _Near | None:
    """The component that the selector means, if one stands out: most pairs equal, or values alike."""
    served = {c.identity for other in estate.services for c in other.components}
    candidates = []
    for component in estate.components:
        if component.namespace != service.namespace or component.kind in ("Job", "CronJob"):
            continue
        near = _compare(service, component)
        if near is not None:
            # A component that no Service serves yet is the likelier one.
            is_served = component.identity in served
            candidates.append(near._replace(score=near.score + (0.0 if is_served else 0.5), is_served=is_served))
    candidates.sort(key=lambda near: (-near.score, near.component.identity))
    return candidates[0] if candidates and candidates[0].score >= 1.0 else None


def _compare(service: Service, component: Component) -> _Near | None:
    carried = component.template_labels
    wrong = {key: value for key, value in service.selector.items() if carried.get(key) != value}
    if not wrong:
        return None
    equal = len(service.selector) - len(wrong)
    alike = 0.0
    shown: list[str] = []
    for key, value in wrong.items():
        there = carried.get(key)
        if there is None:  # under another key?
            there_key = next((k for k, v in carried.items() if v == value), None)
            if there_key is not None:
                alike, shown = alike + 1.0, [*shown, f"{there_key}={value}"]
            continue
        ratio = difflib.SequenceMatcher(None, value.lower(), there.lower()).ratio()
        shown.append(f"{key}={there}")
        alike += ratio if ratio >= ALIKE else 0.0
    words = ",".join(f"{key}={value}" for key, value in wrong.items())
    likeness = difflib.SequenceMatcher(None, service.name, component.name).ratio()
    score = equal + alike + (0.5 if likeness >= ALIKE else 0.0)
    return _Near(component, words, ",".join(shown) or "none of its labels", score)


def _ports(estate: Estate, service: Service) -> Iterator[Finding]:
    """Target ports by name must be declared; by number they need not be, so that alone is only suspicious."""
    pods: list[Obj] = [*service.pods] or [component.template for component in service.components]
    for port in service.ports:
        target = port.get("targetPort", port.get("port"))
        declared = [
            entry for pod in pods for container in _all_containers(pod) for entry in entries(container, "ports")
        ]
        if isinstance(target, str) and not target.isdigit():
            if any(text(entry, "name") == target for entry in declared):
                continue
            known = ", ".join(sorted({text(entry, "name") for entry in declared} - {""})) or "none"
            words, standing = f"names the target port {target!r}, but its pods declare {known}", "failing"
        else:
            wanted = text(port, "targetPort") or text(port, "port")
            numbers = {text(entry, "containerPort") for entry in declared}
            if not numbers or wanted in numbers:
                continue
            known = ", ".join(sorted(numbers, key=lambda written: (len(written), written)))
            words, standing = f"targets port {wanted}, which its pods do not declare (they declare {known})", "suspect"
        behind = service.components[0].identity if len(service.components) == 1 else None
        yield Finding(
            "targetport",
            _identity(service),
            sentence(f"Service/{service.name} port {text(port, 'port')} {words}"),
            Tier.STATED,
            "failing" if standing == "failing" else "suspect",
            next=(f"kubectl get service {service.name} -n {service.namespace} -o yaml",),
            sightings=(estate.witness.of(service.obj, '"targetPort"'),),
            other=behind,
        )


def _all_containers(pod: Obj) -> list[Obj]:
    return [*entries(pod, "spec", "containers"), *entries(pod, "spec", "initContainers")]


def _manual(estate: Estate, service: Service) -> Finding:
    return Finding(
        "noendpoints",
        _identity(service),
        sentence(
            f"Service/{service.name} has no selector, and nobody has written Endpoints or an EndpointSlice for it"
        ),
        Tier.STATED,
        "suspect",
        next=(f"kubectl get endpointslices -n {service.namespace} -l kubernetes.io/service-name={service.name}",),
        sightings=(estate.witness.of(service.obj, '"spec"'),),
    )


def _load_balancer(estate: Estate, service: Service) -> Iterator[Finding]:
    if text(service.obj, "spec", "type") != "LoadBalancer" or entries(service.obj, "status", "loadBalancer", "ingress"):
        return
    troubles = estate.events(service.obj, "SyncLoadBalancerFailed", "CreatingLoadBalancerFailed")
    if troubles:
        yield Finding(
            "unclassified",
            _identity(service),
            sentence(f"Service/{service.name} gets no load balancer: {text(troubles[0], 'message')}"),
            Tier.STATED,
            next=(f"kubectl describe service {service.name} -n {service.namespace}",),
            sightings=(estate.witness.of_event(troubles[0]),),
        )


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
        _identity(service) if service is not None and word == "zeroreplicas" else route_identity,
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


def behind(estate: Estate, identity: Identity) -> tuple[Identity, ...]:
    """The components that a Service leads to; of a component, itself."""
    if identity.kind != "Service":
        return (identity,)
    mine = [s for s in estate.services if (s.namespace, s.name) == (identity.namespace, identity.name)]
    return tuple(component.identity for service in mine for component in service.components)
