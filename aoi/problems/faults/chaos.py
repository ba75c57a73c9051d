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


def chaos_plan(site: Site, resource: str, name: str, spec: dict[str, Any]) -> Plan:
    """A plan that creates one chaos object against all pods of the component."""
    key = (resource, site.namespace, name)
    labels = site.application.selector_of(site.spec)
    obj = {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": {"networkchaos": "NetworkChaos", "podchaos": "PodChaos"}[resource.partition(".")[0]],
        "metadata": {"name": name, "namespace": site.namespace},
        "spec": {
            **spec,
            "duration": DURATION,
            "selector": {"namespaces": [site.namespace], "labelSelectors": labels},
        },
    }
    return Plan(
        writes=(Create(key, obj),),
        repair=(Delete(key),),
        marks=(Mark(key),),
        actions=(Action("delete_chaos", site.name),),
        evidence=(("logs", site.observer), ("network", site.name)),
        accepted=(site.name,),
    )
