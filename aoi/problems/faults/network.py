"""How components reach each other: a Service that leads nowhere, packets that are lost or late."""

import random
from collections.abc import Mapping
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.chaos import chaos_plan, is_called
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component


def _depended_on(application: Application, component: Component) -> bool:
    has_service = any(service.component == component.name for service in application.services)
    reached = has_service and application.reached_through_service(component.name)
    return reached and is_used(application, component)


def _shows_its_port(application: Application, component: Component) -> bool:
    """Nothing of the cluster tells a wrong target from a right one where no manifest lists the port."""
    return component.declares_port and _depended_on(application, component)


def _wrong_target_port(site: Site, choices: random.Random) -> Plan:
    assert site.service is not None, site.name
    ports = site.service["spec"]["ports"]
    listening = {site.spec.port, *site.spec.extra_ports}
    index = next((i for i, port in enumerate(ports) if port.get("targetPort", port["port"]) == site.spec.port), 0)
    right = ports[index].get("targetPort", ports[index]["port"])
    near = [site.spec.port + step for step in (1, 10, 100, 1000)]
    wrong = choices.choice([port for port in (*near, 9999, 8000, 3000) if port not in listening and port < 65536])
    path = f"/spec/ports/{index}/targetPort"
    return Plan(
        writes=(Patch(site.service_key, [{"op": "replace", "path": path, "value": wrong}], "json"),),
        repair=(Patch(site.service_key, [{"op": "replace", "path": path, "value": right}], "json"),),
        marks=(Mark(site.service_key, ("spec", "ports", index, "targetPort"), wrong),),
        actions=(Action("fix_port", site.name),),
        evidence=(("logs", site.observer), ("endpoints", site.name)),
        accepted=(site.name,),
    )


def _wrong_selector(site: Site, choices: random.Random) -> Plan:
    assert site.service is not None, site.name
    selector = site.service["spec"]["selector"]
    key = _telling(site.application, selector)
    right = selector[key]
    taken = {value for c in site.application.components for value in site.application.labels_of(c).values()}
    candidates = [f"{right}-v2", f"{right}-svc", f"{right}s", f"{right}-new", right[:-1]]
    wrong = choices.choice([name for name in candidates if name and name not in taken and name[-1].isalnum()])
    return Plan(
        writes=(Patch(site.service_key, {"spec": {"selector": {key: wrong}}}),),
        repair=(Patch(site.service_key, {"spec": {"selector": {key: right}}}),),
        marks=(Mark(site.service_key, ("spec", "selector", key), wrong),),
        actions=(Action("fix_selector", site.name),),
        evidence=(("logs", site.observer), ("endpoints", site.name)),
        accepted=(site.name,),
    )


def _telling(application: Application, selector: Mapping[str, str]) -> str:
    """The label of a selector that the fewest components share: the one that a person would get wrong."""
    every = [application.labels_of(component) for component in application.components]
    return min(sorted(selector), key=lambda key: sum(labels.get(key) == selector[key] for labels in every))


def _network_loss(site: Site, choices: random.Random) -> Plan:
    percent = str(choices.choice((95, 98, 99)))
    return _chaos(site, "loss", {"loss": percent, "correlation": "100"}, choices)


def _network_delay(site: Site, choices: random.Random) -> Plan:
    latency = choices.choice(("6s", "8s", "10s"))
    return _chaos(site, "delay", {"latency": latency, "correlation": "100", "jitter": "0ms"}, choices)


def _chaos(site: Site, action: str, parameters: dict[str, Any], choices: random.Random) -> Plan:
    spec = {"action": action, "mode": "all", "direction": "both", action: parameters}
    return chaos_plan(site, "networkchaos.chaos-mesh.org", names.experiment(site, action, choices), spec)


WRONG_TARGET_PORT = Fault(
    key="wrong_target_port",
    version="1",
    family="service",
    causes=("targetport",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_shows_its_port,
    plan=_wrong_target_port,
    at_rolled=True,
)
WRONG_SELECTOR = Fault(
    key="wrong_selector",
    version="1",
    family="service",
    causes=("selector", "noendpoints"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_depended_on,
    plan=_wrong_selector,
    at_rolled=True,
)
# AIOpsLab has no analysis and no mitigation task for its network faults, but the objects allow both.
NETWORK_LOSS = Fault(
    key="network_loss",
    version="1",
    family="chaos",
    causes=("chaos", "loss"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=is_called,
    plan=_network_loss,
    at_rolled=True,
)
NETWORK_DELAY = Fault(
    key="network_delay",
    version="1",
    family="chaos",
    causes=("delay", "chaos"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=is_called,
    plan=_network_delay,
    at_rolled=True,
)

MECHANISMS = (
    WRONG_TARGET_PORT,
    WRONG_SELECTOR,
    NETWORK_LOSS,
    NETWORK_DELAY,
)
