"""Programs beside the application's own that get in its way: one that takes the port it listens on."""

import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

BESIDE = (
    ("metrics", "prom/statsd-exporter:v0.27.2"),
    ("auth-proxy", "quay.io/oauth2-proxy/oauth2-proxy:v7.6.0"),
    ("cache-proxy", "docker.io/haproxytech/haproxy-alpine:2.9"),
    ("admin", "nginxinc/nginx-unprivileged:1.27-alpine"),
)
"""(container, image) of what people put beside a program."""
_TEMPLATE = "/spec/template"
_NOTES = f"{_TEMPLATE}/metadata/annotations"
_DEFAULT = "kubectl.kubernetes.io/default-container"


def _port_conflict(site: Site, choices: random.Random) -> Plan:
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    name, image = choices.choice([pair for pair in BESIDE if pair[0] not in {c["name"] for c in containers}])
    added = {
        "name": name,
        "image": image,
        "ports": [{"containerPort": site.spec.port, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    # As injectors do it: their container first, and a note of which one is meant where none is named.
    meta = site.workload["spec"]["template"]["metadata"]
    noted = meta.get("annotations") or {}
    there: list[dict[str, Any]] = [{"op": "add", "path": f"{_TEMPLATE}/spec/containers/0", "value": added}]
    back: list[dict[str, Any]] = [{"op": "remove", "path": f"{_TEMPLATE}/spec/containers/0"}]
    if _DEFAULT not in noted:
        there.append({"op": "add", "path": _NOTES, "value": {**noted, _DEFAULT: site.container["name"]}})
        back.append({"op": "add", "path": _NOTES, "value": noted} if noted else {"op": "remove", "path": _NOTES})
    return Plan(
        writes=(Patch(site.key, there, "json"),),
        repair=(Patch(site.key, back, "json"),),
        marks=(Mark(site.key, ("spec", "template", "spec", "containers", 0, "name"), name),),
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("pods", site.name)),
        accepted=(site.name,),
    )


def _listens(application: Application, component: Component) -> bool:
    is_served = any(service.component == component.name for service in application.services)
    return is_served and component.kind in ("service", "gateway") and is_used(application, component)


PORT_CONFLICT = Fault(
    key="port_conflict",
    version="1",
    family="program",
    causes=("badconfig", "hostport"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_listens,
    plan=_port_conflict,
)

MECHANISMS = (PORT_CONFLICT,)
