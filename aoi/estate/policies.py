"""NetworkPolicies added up: whether one component may call another, and which policies stand between.

Policies only add permissions; a pod that none selects in a direction is open in that direction.
Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from aoi.estate.components import Component
from aoi.estate.objects import Obj, entries, labels, name, namespace, part, text
from aoi.estate.selectors import selects

Direction = Literal["Ingress", "Egress"]
NAME_LABEL = "kubernetes.io/metadata.name"
DNS_PORT = 53


class Blocked(NamedTuple):
    """A call that policies do not let through."""

    direction: Direction
    policies: tuple[str, ...]
    """That select the pods of that side; none of their rules fits."""


@dataclass(frozen=True)
class Policies:
    """All NetworkPolicies that were read."""

    objects: tuple[Obj, ...]
    namespace_labels: Mapping[str, Mapping[str, str]]
    """Namespace -> labels, of those that could be read."""

    def call(self, caller: Component, callee: Component, port: int | None) -> Blocked | None:
        """What blocks a call to a port of the callee's pods; None if nothing does, or if it cannot be told."""
        leaving = self._selecting(caller, "Egress")
        if leaving and not any(self._lets(rule, "to", callee, port) for rule in _rules(leaving, "egress")):
            return Blocked("Egress", tuple(map(name, leaving)))
        entering = self._selecting(callee, "Ingress")
        if entering and not any(self._lets(rule, "from", caller, port, callee) for rule in _rules(entering, "ingress")):
            return Blocked("Ingress", tuple(map(name, entering)))
        return None

    def names_blocked(self, caller: Component) -> Blocked | None:
        """What keeps a component from asking for names (port 53 of anybody)."""
        leaving = self._selecting(caller, "Egress")
        rules = _rules(leaving, "egress")
        if leaving and not any(_has_port(rule, DNS_PORT, None) and _leads_out(rule) for rule in rules):
            return Blocked("Egress", tuple(map(name, leaving)))
        return None

    def closed(self, component: Component, direction: Direction) -> tuple[str, ...]:
        """The policies that select a component in a direction, if not one of their rules lets anybody through."""
        selecting = self._selecting(component, direction)
        is_closed = bool(selecting) and not _rules(selecting, direction.lower())
        return tuple(map(name, selecting)) if is_closed else ()

    def _selecting(self, component: Component, direction: Direction) -> list[Obj]:
        return [
            policy
            for policy in self.objects
            if namespace(policy) == component.namespace
            and direction in _types(policy)
            and selects(part(policy, "spec", "podSelector"), component.template_labels)
        ]

    def _lets(
        self, rule: Obj, side: Literal["from", "to"], peer: Component, port: int | None, served: Component | None = None
    ) -> bool:
        peers = entries(rule, side)
        is_named = not peers or any(self._fits(entry, peer, rule, side) for entry in peers)
        return is_named and _has_port(rule, port, served or peer)

    def _fits(self, entry: Obj, peer: Component, rule: Obj, side: str) -> bool:
        if "ipBlock" in entry:
            return True  # whose address that is, objects do not say
        if "namespaceSelector" in entry:
            if not self._namespace_fits(part(entry, "namespaceSelector"), peer.namespace):
                return False
        elif peer.namespace != self._home(rule):
            return False
        return "podSelector" not in entry or selects(part(entry, "podSelector"), peer.template_labels)

    def _home(self, rule: Obj) -> str:
        """Namespace of the policy that a rule belongs to."""
        for policy in self.objects:
            if any(held is rule for kind in ("ingress", "egress") for held in entries(policy, "spec", kind)):
                return namespace(policy)
        return ""

    def _namespace_fits(self, selector: Mapping[str, Any], place: str) -> bool:
        """Labels of a namespace that could not be read are taken to fit, but for the one that every namespace has."""
        known = self.namespace_labels.get(place)
        if known is not None:
            return selects(selector, known)
        named = part({"s": dict(selector)}, "s", "matchLabels").get(NAME_LABEL)
        return named in (None, place)


def _leads_out(rule: Obj) -> bool:
    """Whether a rule may let through to another namespace, as that is where names are served."""
    peers = entries(rule, "to")
    return not peers or any("ipBlock" in peer or "namespaceSelector" in peer for peer in peers)


def _types(policy: Obj) -> list[str]:
    listed = part(policy, "spec").get("policyTypes")
    if isinstance(listed, list) and listed:
        return [str(kind) for kind in listed]
    return ["Ingress", "Egress"] if part(policy, "spec").get("egress") else ["Ingress"]


def _rules(policies: Iterable[Obj], kind: str) -> list[Obj]:
    return [rule for policy in policies for rule in entries(policy, "spec", kind)]


def _has_port(rule: Obj, port: int | None, served: Component | None) -> bool:
    """A port by number, range or name; one that is not known is taken to fit."""
    listed = entries(rule, "ports")
    if not listed or port is None:
        return True
    named = {text(entry, "name"): entry.get("containerPort") for entry in _ports(served)}
    for entry in listed:
        wanted, end = entry.get("port"), entry.get("endPort")
        if wanted is None or (isinstance(wanted, str) and named.get(wanted, port) == port):
            return True
        if isinstance(wanted, int) and wanted <= port <= (end if isinstance(end, int) else wanted):
            return True
    return False


def _ports(served: Component | None) -> list[Obj]:
    template = served.template if served else {}
    return [port for container in entries(template, "spec", "containers") for port in entries(container, "ports")]


def labels_of(namespaces: Iterable[Obj]) -> dict[str, Mapping[str, str]]:
    """Namespace -> labels."""
    return {name(obj): labels(obj) for obj in namespaces}
