"""Where a workload's pods may run: a node that does not exist, more than any node has."""

import random

from aoi.problems.faults.base import Action, Fault, Plan
from aoi.problems.faults.templates import changed_container, changed_template, with_resources
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel


def _cpu_request_too_large(site: Site, choices: random.Random) -> Plan:
    cores = str(choices.choice((64, 96, 128)))
    return changed_container(
        site,
        {"resources": with_resources(site, {"cpu": cores}, {"cpu": cores})},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _node_selector(site: Site, choices: random.Random) -> Plan:
    wanted = choices.choice(
        ({"kubernetes.io/hostname": "extra-node"}, {"disktype": "nvme"}, {"node-pool": "high-memory"})
    )
    old = site.workload["spec"]["template"]["spec"].get("nodeSelector", {})
    return changed_template(
        site,
        {"nodeSelector": {**old, **wanted}},
        {},
        actions=(Action("fix_scheduling", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


CPU_REQUEST_TOO_LARGE = Fault(
    key="cpu_request_too_large",
    version="1",
    family="scheduling",
    causes=("insufficient",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_cpu_request_too_large,
)
NODE_SELECTOR = Fault(
    key="node_selector",
    version="1",
    family="scheduling",
    causes=("nodeselector",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.DEPENDENCY,
    eligible=is_used,
    plan=_node_selector,
)

MECHANISMS = (
    CPU_REQUEST_TOO_LARGE,
    NODE_SELECTOR,
)
