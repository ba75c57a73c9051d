"""Services that lead nowhere.

Source: https://kubernetes.io/docs/concepts/services-networking/service/
"""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, entries, text
from aoi.estate.services import Service

ALIKE = 0.6
"""Two label values this alike are one word misspelt, or two forms of it."""


def services(estate: Estate) -> Iterator[Finding]:
    """Findings about Services."""
    for service in estate.services:
        if service.backing == "selected":
            if service.components or service.pods:
                yield from _ports(estate, service)
                yield from _strangers(estate, service)
            elif estate.shows_absence("pods", service.namespace):
                yield from _selects_nothing(estate, service)
        elif service.backing == "manual" and service.addresses == 0:
            yield _manual(estate, service)
        elif service.backing == "external" and service.components:
            yield _alias(estate, service)
        yield from _load_balancer(estate, service)


def identity_of(service: Service) -> Identity:
    """What a Service is called in findings."""
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
        identity_of(service),
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
            spoken = {text(e, "protocol") or "TCP" for e in declared if text(e, "containerPort") == wanted}
            protocol = text(port, "protocol") or "TCP"
            if not numbers or (wanted in numbers and protocol in spoken):
                continue
            known = ", ".join(sorted(numbers, key=lambda written: (len(written), written)))
            if wanted in numbers:
                wanted, known = f"{wanted}/{protocol}", f"{wanted}/{', '.join(sorted(spoken))}"
            words, standing = f"targets port {wanted}, which its pods do not declare (they declare {known})", "suspect"
        behind = service.components[0].identity if len(service.components) == 1 else None
        yield Finding(
            "targetport",
            identity_of(service),
            sentence(f"Service/{service.name} port {text(port, 'port')} {words}"),
            Tier.STATED,
            "failing" if standing == "failing" else "suspect",
            next=(f"kubectl get service {service.name} -n {service.namespace} -o yaml",),
            sightings=(estate.witness.of(service.obj, '"targetPort"'),),
            other=behind,
        )


def _strangers(estate: Estate, service: Service) -> Iterator[Finding]:
    """A selector that takes in components to which other Services lead by themselves: requests go to any of them.

    A release and its canary may have Services of their own beside one for both; of more than two it is no such thing.
    """
    alone = {s.components[0].identity for s in estate.services if s is not service and len(s.components) == 1}
    others = [component for component in service.components if component.identity in alone]
    if len(others) < 2:
        return
    own = [component for component in service.components if component not in others]
    selector = ",".join(f"{key}={value}" for key, value in service.selector.items())
    listed = ", ".join(str(component.identity) for component in others[:3])
    yield Finding(
        "selector",
        identity_of(service),
        sentence(
            f"Service/{service.name} selects {selector}, which also takes in the pods of {listed}"
            f"{' and more' if len(others) > 3 else ''}, that have Services of their own"
        ),
        Tier.STATED,
        next=(f"kubectl get endpointslices -n {service.namespace} -l kubernetes.io/service-name={service.name}",),
        sightings=(estate.witness.of(service.obj, '"selector"'),),
        other=own[0].identity if len(own) == 1 else None,
    )


def _alias(estate: Estate, service: Service) -> Finding:
    there = text(service.obj, "spec", "externalName")
    behind_it = service.components[0].identity
    return Finding(
        "noservice",
        identity_of(service),
        sentence(
            f"Service/{service.name} is an alias of {there} (ExternalName), so that nobody gets to the pods of"
            f" {behind_it}, which its selector still names"
        ),
        Tier.STATED,
        next=(f"kubectl get service {service.name} -n {service.namespace} -o yaml",),
        sightings=(estate.witness.of(service.obj, '"externalName"'),),
        other=behind_it,
    )


def _all_containers(pod: Obj) -> list[Obj]:
    return [*entries(pod, "spec", "containers"), *entries(pod, "spec", "initContainers")]


def _manual(estate: Estate, service: Service) -> Finding:
    return Finding(
        "noendpoints",
        identity_of(service),
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
            identity_of(service),
            sentence(f"Service/{service.name} gets no load balancer: {text(troubles[0], 'message')}"),
            Tier.STATED,
            next=(f"kubectl describe service {service.name} -n {service.namespace}",),
            sightings=(estate.witness.of_event(troubles[0]),),
        )


def behind(estate: Estate, identity: Identity) -> tuple[Identity, ...]:
    """The components that a Service leads to; of a component, itself."""
    if identity.kind != "Service":
        return (identity,)
    mine = [s for s in estate.services if (s.namespace, s.name) == (identity.namespace, identity.name)]
    return tuple(component.identity for service in mine for component in service.components)
