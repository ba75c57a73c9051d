"""Chaos Mesh objects against all pods of a component: what several areas break things with, and how it ends."""

from typing import Any

from aoi.problems.faults.base import Action, Mark, Plan
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete
from aoi.worlds.applications.spec import Application, Component

DURATION = "24h"
"""Longer than any episode: AIOpsLab's 100-200 s end before a slow agent has looked."""


def is_called(application: Application, component: Component) -> bool:
    """Called often, or by the entry itself: AIOpsLab breaks the network of `user`, which gets 1 % of the traffic."""
    callers = application.callers[component.name]
    return bool(callers) and (is_used(application, component) or application.workload.entry in callers)


KINDS = ("NetworkChaos", "PodChaos", "StressChaos", "IOChaos", "DNSChaos", "HTTPChaos")
"""Kinds of Chaos Mesh by which something is broken here."""


def resource_of(kind: str) -> str:
    """GroupResource of a kind of Chaos Mesh."""
    return f"{kind.lower()}s.chaos-mesh.org" if kind == "Schedule" else f"{kind.lower()}.chaos-mesh.org"


def chaos_plan(site: Site, resource: str, name: str, spec: dict[str, Any]) -> Plan:
    """A plan that creates one chaos object against all pods of the component."""
    kind = next(kind for kind in KINDS if resource_of(kind) == resource)
    return _plan(site, kind, name, {**spec, "duration": DURATION, "selector": _selector(site)})


def schedule_plan(site: Site, kind: str, name: str, spec: dict[str, Any], schedule: str) -> Plan:
    """A plan that creates a schedule of chaos objects of a kind, one at each of its times."""
    field = {"NetworkChaos": "networkChaos", "PodChaos": "podChaos"}[kind]
    body = {
        "schedule": schedule,
        "type": kind,
        "historyLimit": 2,
        "concurrencyPolicy": "Forbid",
        field: {**spec, "selector": _selector(site)},
    }
    return _plan(site, "Schedule", name, body)


def _selector(site: Site) -> dict[str, Any]:
    return {"namespaces": [site.namespace], "labelSelectors": site.application.selector_of(site.spec)}


def _plan(site: Site, kind: str, name: str, spec: dict[str, Any]) -> Plan:
    key = (resource_of(kind), site.namespace, name)
    meta = {"name": name, "namespace": site.namespace}
    obj = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}
    return Plan(
        writes=(Create(key, obj),),
        repair=(Delete(key),),
        marks=(Mark(key),),
        actions=(Action("delete_chaos", site.name),),
        evidence=(("logs", site.observer), ("network", site.name)),
        accepted=(site.name,),
    )
