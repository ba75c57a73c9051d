"""NetworkPolicies that stop calls which an application makes: at the callee, at the caller, or on the way to the DNS.

Policies add up. Where an installation fences itself in already, another policy takes nothing away: there the one that
let the call through is changed.
"""

import random
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Fault, Mark, Plan, never
from aoi.problems.faults.chaos import is_called
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications import furniture
from aoi.worlds.applications.spec import Application, Component

RESOURCE = "networkpolicies.networking.k8s.io"
_NAMES = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
"""The rule that lets a question for a name out."""


def _misspelt(site: Site, component: Component, choices: random.Random) -> dict[str, str]:
    """Labels that nobody carries, near those by which a component's pods are found."""
    labels = site.application.selector_of(component)
    key = sorted(labels)[0] if len(labels) == 1 else max(labels, key=lambda k: (len(labels[k]), k))
    taken = {value for c in site.application.components for value in site.application.labels_of(c).values()}
    near = [f"{labels[key]}{tail}" for tail in ("-v2", "-svc", "s", "-client", "-internal")]
    return {**labels, key: choices.choice([value for value in near if value not in taken])}


def _new(site: Site, choices: random.Random, spec: dict[str, Any]) -> Plan:
    """A plan that adds one policy for the component's pods."""
    name = names.policy(site, choices)
    key: Key = (RESOURCE, site.namespace, name)
    meta = {"name": name, "namespace": site.namespace}
    selector = {"matchLabels": site.application.selector_of(site.spec)}
    obj = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta,
        "spec": {"podSelector": selector, **spec},
    }
    return Plan(
        writes=(Create(key, obj),),
        repair=(Delete(key),),
        marks=(Mark(key),),
        actions=(),
        evidence=(("network", site.name),),
        accepted=(site.name,),
    )


def _changed(site: Site, name: str, field: str, wrong: Any) -> Plan:
    """A plan that changes one field of a policy that the installation has."""
    key: Key = (RESOURCE, site.namespace, name)
    there = {obj["metadata"]["name"]: obj for _, obj in furniture.policies(site.application)}
    path = f"/spec/{field}"
    return Plan(
        writes=(Patch(key, [{"op": "replace", "path": path, "value": wrong}], "json"),),
        repair=(Patch(key, [{"op": "replace", "path": path, "value": there[name]["spec"][field]}], "json"),),
        marks=(Mark(key, ("spec", field), wrong),),
        actions=(),
        evidence=(("network", site.name),),
        accepted=(site.name,),
    )


def _ports(component: Component) -> list[dict[str, Any]]:
    return [{"port": port, "protocol": "TCP"} for port in (component.port, *component.extra_ports)]


def _ingress_denied(site: Site, choices: random.Random) -> Plan:
    caller = site.application.by_name[choices.choice(site.callers)]
    peer = {"podSelector": {"matchLabels": _misspelt(site, caller, choices)}}
    rules = [{"from": [peer], "ports": _ports(site.spec)}]
    if site.application.furniture.fence:
        return _changed(site, f"allow-{site.spec.workload}", "ingress", rules)
    if choices.random() < 0.5:
        return _new(site, choices, {"policyTypes": ["Ingress"]})
    return _new(site, choices, {"policyTypes": ["Ingress"], "ingress": rules})


def _egress_denied(site: Site, choices: random.Random) -> Plan:
    callee = site.application.by_name[choices.choice(site.spec.callees)]
    peer = {"podSelector": {"matchLabels": _misspelt(site, callee, choices)}}
    rules = [{"to": [peer], "ports": _ports(callee)}]
    if site.application.furniture.fence == "both":
        return _changed(site, f"allow-{site.spec.workload}", "egress", rules)
    return _new(site, choices, {"policyTypes": ["Egress"], "egress": [_NAMES, *rules]})


def _names_denied(site: Site, choices: random.Random) -> Plan:
    if site.application.furniture.fence == "both":
        labels = site.application.selector_of(site.spec)
        excluded = [{"key": key, "operator": "NotIn", "values": [value]} for key, value in labels.items()]
        # One pair that no other component shares is enough, and is what somebody would write.
        others = [site.application.labels_of(c) for c in site.application.components if c is not site.spec]
        rarest = min(excluded, key=lambda e: sum(o.get(e["key"]) == e["values"][0] for o in others))
        return _changed(site, "allow-dns", "podSelector", {"matchExpressions": [rarest]})
    return _new(site, choices, {"policyTypes": ["Egress"], "egress": [{"to": _reached(site)}]})


def _reached(site: Site) -> list[dict[str, Any]]:
    """Peers for all pods of the namespace, and of the namespaces of others that the component calls into."""
    places = {site.application.by_name[callee].namespace for callee in site.spec.callees} - {""}
    at_home: dict[str, Any] = {"podSelector": {}}
    return [
        at_home,
        *({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}}} for place in sorted(places)),
    ]


def _calls(application: Application, component: Component) -> bool:
    """Fails if what it calls cannot be reached."""
    critical = [call for operation in component.operations for call in operation.calls if call.critical]
    return bool(critical) and is_used(application, component)


def _calls_at_home(application: Application, component: Component) -> bool:
    """And every callee is in the application's own namespace, where labels alone name it."""
    return _calls(application, component) and not any(application.by_name[c].namespace for c in component.callees)


def _fault(key: str, causes: tuple[str, ...], **parts: Any) -> Fault:
    return Fault(
        key=key,
        version="1",
        family="policy",
        causes=causes,
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.NETWORK_STORAGE,
        mendable=never,
        **parts,
    )


INGRESS_DENIED = _fault("ingress_denied", ("netpolicy",), eligible=is_called, plan=_ingress_denied)
EGRESS_DENIED = _fault("egress_denied", ("netpolicy",), eligible=_calls_at_home, plan=_egress_denied)
NAMES_DENIED = _fault("names_denied", ("netpolicy", "dns"), eligible=_calls, plan=_names_denied)

MECHANISMS = (
    INGRESS_DENIED,
    EGRESS_DENIED,
    NAMES_DENIED,
)
