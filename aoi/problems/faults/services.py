"""A Service that is gone, stands for another name, offers another port, or takes in the pods of others."""

import random
from collections.abc import Mapping
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan, never
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Delete, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

_WITHOUT = ("clusterIP", "clusterIPs")
"""What the API server gives a Service anew."""


def _called(application: Application, component: Component) -> bool:
    """By components, through its Service; users come in by the node."""
    has_service = any(service.component == component.name for service in application.services)
    reached = has_service and application.reached_through_service(component.name)
    return reached and bool(application.callers[component.name]) and is_used(application, component)


def _declared(application: Application, component: Component) -> bool:
    """What a Service should lead to is told by the manifest."""
    return component.declares_port and _called(application, component)


def _written(site: Site) -> dict[str, Any]:
    """The Service as somebody would write it again."""
    assert site.service is not None, site.name
    meta, spec = site.service["metadata"], site.service["spec"]
    kept = {field: meta[field] for field in ("name", "namespace", "labels", "annotations") if field in meta}
    spec = {field: value for field, value in spec.items() if field not in _WITHOUT}
    return {"apiVersion": "v1", "kind": "Service", "metadata": kept, "spec": spec}


def _service_deleted(site: Site, choices: random.Random) -> Plan:
    return Plan(
        writes=(Delete(site.service_key),),
        repair=(Create(site.service_key, _written(site)),),
        marks=(Mark(site.service_key, absent=True),),
        actions=(),
        evidence=(("logs", site.observer), ("endpoints", site.name)),
        accepted=(site.name,),
    )


def _external_name(site: Site, choices: random.Random) -> Plan:
    assert site.service is not None, site.name
    zone = choices.choice(("example.net", "internal.example.com", "corp.example.org"))
    there = choices.choice((f"{site.name}.{zone}", f"{site.spec.role}.legacy.{zone}", f"{site.spec.role}-eu.{zone}"))
    kind = site.service["spec"]["type"]
    return Plan(
        writes=(Patch(site.service_key, {"spec": {"type": "ExternalName", "externalName": there}}),),
        repair=(Patch(site.service_key, {"spec": {"type": kind, "externalName": None}}),),
        marks=(Mark(site.service_key, ("spec", "type"), "ExternalName"),),
        actions=(),
        evidence=(("endpoints", site.name),),
        accepted=(site.name,),
    )


def _index(site: Site) -> int:
    """Which of a Service's ports its callers use."""
    assert site.service is not None, site.name
    ports = site.service["spec"]["ports"]
    return next((i for i, port in enumerate(ports) if port.get("targetPort", port["port"]) == site.spec.port), 0)


def _changed_port(site: Site, field: str, wrong: Any, *, actions: tuple[Action, ...], evidence: str) -> Plan:
    """A plan that sets one field of the port that callers use."""
    assert site.service is not None, site.name
    index = _index(site)
    right = site.service["spec"]["ports"][index].get(field)
    path = f"/spec/ports/{index}/{field}"
    return Plan(
        writes=(Patch(site.service_key, [{"op": "replace", "path": path, "value": wrong}], "json"),),
        repair=(Patch(site.service_key, [{"op": "replace", "path": path, "value": right}], "json"),),
        marks=(Mark(site.service_key, ("spec", "ports", index, field), wrong),),
        actions=actions,
        evidence=((evidence, site.observer if evidence == "logs" else site.name),),
        accepted=(site.name,),
    )


def _asked_where_it_listens(application: Application, component: Component) -> bool:
    """The port that callers ask for is the one that the pods declare: the only thing that says who is right."""
    served = [service for service in application.services if service.component == component.name]
    return _declared(application, component) and served[0].ports[0].port == component.port


def _port_changed(site: Site, choices: random.Random) -> Plan:
    assert site.service is not None, site.name
    ports = site.service["spec"]["ports"]
    right = ports[_index(site)]["port"]
    taken = {port["port"] for port in ports} | {site.spec.port, *site.spec.extra_ports}
    near = (80, 8080, 9090, right + 1, right + 100, right + 1000)
    wrong = choices.choice([port for port in near if port not in taken and port < 65_536])
    return _changed_port(site, "port", wrong, actions=(), evidence="logs")


def _unknown_port_name(site: Site, choices: random.Random) -> Plan:
    known = {port.get("name") for port in site.container.get("ports", ())}
    names = ("web", "api", "service", "main", "app-port", "grpc-web", "http-api")
    wrong = choices.choice([name for name in names if name not in known])
    fix = (Action("fix_port", site.name),)
    return _changed_port(site, "targetPort", wrong, actions=fix, evidence="endpoints")


def _udp(site: Site, choices: random.Random) -> Plan:
    fix = (Action("fix_port", site.name),)
    return _changed_port(site, "protocol", "UDP", actions=fix, evidence="endpoints")


def _shared_labels(application: Application, component: Component) -> dict[str, str]:
    """Labels of its pods that pods of other components carry, too."""
    others = [application.labels_of(c) for c in application.components if c is not component and not c.namespace]
    return {
        key: value
        for key, value in application.labels_of(component).items()
        if sum(labels.get(key) == value for labels in others) > 1
    }


def _could_be_broad(application: Application, component: Component) -> bool:
    return _declared(application, component) and bool(_shared_labels(application, component))


def _broad_selector(site: Site, choices: random.Random) -> Plan:
    assert site.service is not None, site.name
    right: Mapping[str, str] = site.service["spec"]["selector"]
    shared = _shared_labels(site.application, site.spec)
    kept = {key: value for key, value in right.items() if shared.get(key) == value}
    wrong = kept or dict([choices.choice(sorted(shared.items()))])
    there = {**{key: None for key in right if key not in wrong}, **wrong}
    back = {**{key: None for key in wrong if key not in right}, **right}
    return Plan(
        writes=(Patch(site.service_key, {"spec": {"selector": there}}),),
        repair=(Patch(site.service_key, {"spec": {"selector": back}}),),
        marks=tuple(Mark(site.service_key, ("spec", "selector", key), None) for key in right if key not in wrong),
        actions=(Action("fix_selector", site.name),),
        evidence=(("endpoints", site.name),),
        accepted=(site.name,),
    )


def _fault(key: str, causes: tuple[str, ...], **parts: Any) -> Fault:
    return Fault(
        key=key,
        version="1",
        family="service",
        causes=causes,
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.MISCONFIGURATION,
        **parts,
    )


SERVICE_DELETED = _fault("service_deleted", ("noservice",), eligible=_declared, plan=_service_deleted, mendable=never)
EXTERNAL_NAME = _fault("external_name", ("noservice",), eligible=_declared, plan=_external_name, mendable=never)
SERVICE_PORT_CHANGED = _fault(
    "service_port_changed", ("targetport",), eligible=_asked_where_it_listens, plan=_port_changed, mendable=never
)
UNKNOWN_PORT_NAME = _fault(
    "unknown_port_name", ("targetport", "noendpoints"), eligible=_declared, plan=_unknown_port_name
)
SERVICE_PROTOCOL = _fault("service_protocol", ("targetport",), eligible=_declared, plan=_udp)
BROAD_SELECTOR = _fault("broad_selector", ("selector",), eligible=_could_be_broad, plan=_broad_selector)

MECHANISMS = (
    SERVICE_DELETED,
    EXTERNAL_NAME,
    SERVICE_PORT_CHANGED,
    UNKNOWN_PORT_NAME,
    SERVICE_PROTOCOL,
    BROAD_SELECTOR,
)
