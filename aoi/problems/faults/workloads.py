"""How a workload is asked to run: replicas, resources, probes, placement."""

import copy
import random
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.templates import changed_container, changed_template
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import MIB, Application, Component


def _scale_to_zero(site: Site, choices: random.Random) -> Plan:
    replicas = site.deployment["spec"].get("replicas", 1)
    return Plan(
        writes=(Patch(site.key, {"spec": {"replicas": 0}}),),
        repair=(Patch(site.key, {"spec": {"replicas": replicas}}),),
        marks=(Mark(site.key, ("spec", "replicas"), 0),),
        actions=(Action("scale", site.name, str(replicas)),),
        evidence=(("logs", site.observer), ("pods", site.name)),
        accepted=(site.name,),
    )


def _with_resources(site: Site, limits: dict[str, str], requests: dict[str, str]) -> dict[str, Any]:
    resources = copy.deepcopy(dict(site.container.get("resources", {})))
    resources["limits"] = {**resources.get("limits", {}), **limits}
    resources["requests"] = {**resources.get("requests", {}), **requests}
    return {key: value for key, value in resources.items() if value}


def _memory_limit(site: Site, choices: random.Random) -> Plan:
    # Below what the program holds when idle, so that no luck with traffic keeps it alive.
    size_mib = max(4, int(site.spec.demand.memory_bytes / MIB * choices.uniform(0.35, 0.7)))
    limit = f"{size_mib}Mi"
    return changed_container(
        site,
        {"resources": _with_resources(site, {"memory": limit}, {"memory": limit})},
        actions=(Action("set_limits", site.name),),
        evidence=(("pods", site.name),),
    )


def _cpu_request_too_large(site: Site, choices: random.Random) -> Plan:
    cores = str(choices.choice((64, 96, 128)))
    return changed_container(
        site,
        {"resources": _with_resources(site, {"cpu": cores}, {"cpu": cores})},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _wrong_probe(site: Site, kind: str, choices: random.Random) -> dict[str, Any]:
    """The component's own probe, or a plain TCP one, on a port where nothing listens."""
    probe = copy.deepcopy(dict(site.container.get(kind, {})))
    port = choices.choice([p for p in (site.spec.port + 1, site.spec.port + 1000, 8888) if p not in _listening(site)])
    probe.pop("exec", None)
    handler = next((name for name in ("httpGet", "tcpSocket", "grpc") if name in probe), "tcpSocket")
    probe[handler] = {**probe.get(handler, {}), "port": port}
    return {"initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 3, **probe}


def _counts_readiness(application: Application, component: Component) -> bool:
    """Callers that ask a registry do not care whether a pod is ready; those behind a Service do."""
    return is_used(application, component) and application.reached_through_service(component.name)


def _listening(site: Site) -> set[int]:
    return {site.spec.port, *site.spec.extra_ports}


def _bad_readiness_probe(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"readinessProbe": _wrong_probe(site, "readinessProbe", choices)},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _bad_liveness_probe(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"livenessProbe": _wrong_probe(site, "livenessProbe", choices)},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _node_selector(site: Site, choices: random.Random) -> Plan:
    wanted = choices.choice(
        ({"kubernetes.io/hostname": "extra-node"}, {"disktype": "nvme"}, {"node-pool": "high-memory"})
    )
    old = site.deployment["spec"]["template"]["spec"].get("nodeSelector", {})
    return changed_template(
        site,
        {"nodeSelector": {**old, **wanted}},
        {},
        actions=(Action("fix_scheduling", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


SCALE_TO_ZERO = Fault(
    key="scale_to_zero",
    version="1",
    causes=("zeroreplicas",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.OPERATION,
    eligible=is_used,
    plan=_scale_to_zero,
)
MEMORY_LIMIT = Fault(
    key="memory_limit",
    version="1",
    causes=("oomkilled",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_memory_limit,
)
CPU_REQUEST_TOO_LARGE = Fault(
    key="cpu_request_too_large",
    version="1",
    causes=("insufficient",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_cpu_request_too_large,
)
BAD_READINESS_PROBE = Fault(
    key="bad_readiness_probe",
    version="1",
    causes=("readiness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_counts_readiness,
    plan=_bad_readiness_probe,
)
BAD_LIVENESS_PROBE = Fault(
    key="bad_liveness_probe",
    version="1",
    causes=("liveness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_bad_liveness_probe,
)
NODE_SELECTOR = Fault(
    key="node_selector",
    version="1",
    causes=("nodeselector",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.DEPENDENCY,
    eligible=is_used,
    plan=_node_selector,
)
