"""What the kubelet asks a container, too early or in the wrong place, and restarts it for."""

import copy
import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.templates import changed_container
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

SLOW_MS = 1_200
"""A program that takes this long to start is still starting at its first probe, whenever within a second that is."""


def _probed(site: Site, field: str, probe: dict[str, Any]) -> Plan:
    return changed_container(
        site,
        {field: probe},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _own_handler(site: Site) -> dict[str, Any]:
    """How its manifest already asks it, or a plain look at its port."""
    for field in ("livenessProbe", "readinessProbe"):
        probe = copy.deepcopy(dict(site.container.get(field, {})))
        for handler in ("httpGet", "tcpSocket", "grpc"):
            if handler in probe:
                return {handler: probe[handler]}
    return {"tcpSocket": {"port": site.spec.port}}


def _speaks_http(application: Application, component: Component) -> bool:
    return is_used(application, component) and component.protocol == "http" and component.kind in ("gateway", "service")


def _liveness_path(site: Site, choices: random.Random) -> Plan:
    right = site.spec.health_path
    paths = ("/livez", "/health/live", "/api/health", "/_status", "/actuator/health/liveness", "/ping")
    path = choices.choice([path for path in paths if path != right])
    probe = {
        "httpGet": {"path": path, "port": site.spec.port, "scheme": "HTTP"},
        "initialDelaySeconds": choices.choice((5, 10, 15)),
        "periodSeconds": choices.choice((5, 10)),
        "failureThreshold": choices.choice((2, 3)),
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    return _probed(site, "livenessProbe", probe)


def _starts_slowly(application: Application, component: Component) -> bool:
    return is_used(application, component) and component.start_ms >= SLOW_MS


def _eager_liveness(site: Site, choices: random.Random) -> Plan:
    """No delay and no patience: restarted before it has started."""
    patient = choices.choice((1, 2)) if site.spec.start_ms >= 2 * SLOW_MS else 1
    probe = {
        **_own_handler(site),
        "initialDelaySeconds": 0,
        "periodSeconds": 1,
        "failureThreshold": patient,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    change = _probed(site, "livenessProbe", probe)
    if site.container.get("startupProbe"):
        return change
    place = change.marks[0].path or ()
    unasked = Mark(site.key, (*place[:-1], "startupProbe"), None)  # whoever waits for the start has mended it as well
    return change.while_also(unasked)


def _startup_probe(site: Site, choices: random.Random) -> Plan:
    listening = {site.spec.port, *site.spec.extra_ports}
    ports = [port for port in (site.spec.port + 1, site.spec.port + 10, 8081, 9000) if port not in listening]
    probe = {
        "tcpSocket": {"port": choices.choice(ports)},
        "initialDelaySeconds": choices.choice((0, 5)),
        "periodSeconds": choices.choice((3, 5)),
        "failureThreshold": choices.choice((3, 6, 10)),
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    return _probed(site, "startupProbe", probe)


LIVENESS_PATH = Fault(
    key="liveness_path",
    version="1",
    family="probe",
    causes=("liveness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_speaks_http,
    plan=_liveness_path,
)
EAGER_LIVENESS = Fault(
    key="eager_liveness",
    version="1",
    family="probe",
    causes=("liveness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_starts_slowly,
    plan=_eager_liveness,
)
STARTUP_PROBE = Fault(
    key="startup_probe",
    version="1",
    family="probe",
    causes=("liveness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_startup_probe,
)

MECHANISMS = (
    LIVENESS_PATH,
    EAGER_LIVENESS,
    STARTUP_PROBE,
)
