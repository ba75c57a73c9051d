"""The network between components: Chaos Mesh objects that lose or delay a component's packets, or
swap its containers for one that does nothing."""

import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

DURATION = "24h"
"""Longer than any episode: AIOpsLab's 100-200 s end before a slow agent has looked."""


def _called(application: Application, component: Component) -> bool:
    """Called often, or by the entry itself: AIOpsLab breaks the network of `user`, which gets 1 % of the traffic."""
    callers = application.callers[component.name]
    return bool(callers) and (is_used(application, component) or application.workload.entry in callers)


def _network_loss(site: Site, choices: random.Random) -> Plan:
    percent = str(choices.choice((95, 98, 99)))
    return _chaos(site, "loss", {"loss": percent, "correlation": "100"}, choices)


def _network_delay(site: Site, choices: random.Random) -> Plan:
    latency = choices.choice(("6s", "8s", "10s"))
    return _chaos(site, "delay", {"latency": latency, "correlation": "100", "jitter": "0ms"}, choices)


def _pod_failure(site: Site, choices: random.Random) -> Plan:
    name = choices.choice(("pod-failure", f"{site.name}-pods", f"game-day-{choices.randrange(10, 99)}"))
    return _created(site, "podchaos.chaos-mesh.org", name, {"action": "pod-failure", "mode": "all"})


def _chaos(site: Site, action: str, parameters: dict[str, Any], choices: random.Random) -> Plan:
    name = choices.choice((f"network-{action}", f"{site.name}-network", f"game-day-{choices.randrange(10, 99)}"))
    spec = {"action": action, "mode": "all", "direction": "both", action: parameters}
    return _created(site, "networkchaos.chaos-mesh.org", name, spec)


def _created(site: Site, resource: str, name: str, spec: dict[str, Any]) -> Plan:
    """A plan that creates one chaos object against all pods of the component."""
    key = (resource, site.namespace, name)
    labels = {site.application.label_key: site.name}
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


# AIOpsLab has no analysis and no mitigation task for its network faults, but the objects allow both.
NETWORK_LOSS = Fault(
    key="network_loss",
    version="1",
    causes=("chaos", "loss"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=_called,
    plan=_network_loss,
)
NETWORK_DELAY = Fault(
    key="network_delay",
    version="1",
    causes=("delay", "chaos"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=_called,
    plan=_network_delay,
)
POD_FAILURE = Fault(
    key="pod_failure",
    version="1",
    causes=("chaos",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.OPERATION,
    eligible=_called,
    plan=_pod_failure,
)
