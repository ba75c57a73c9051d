"""Why the scheduler finds no node for a workload's pods: what they ask for, what others took, or nobody schedules."""

import random
from functools import partial
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Action, Fault, Mark, Plan, never
from aoi.problems.faults.places import components_on, home, pins, request_m, restarts
from aoi.problems.faults.templates import changed_container, changed_template, with_resources
from aoi.problems.sites import PRIORITIES, Site, is_used
from aoi.problems.writes import Create, Key, Wait
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component
from kubeworld.controllers.scheduler import STOPPED
from kubeworld.machine.world import World

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
REGION = "topology.kubernetes.io/region"
"""All nodes of these clusters are in one."""


def _looks(site: Site) -> tuple[tuple[str, str], ...]:
    return (("pods", site.name), ("events", site.name))


def _cpu_request_too_large(site: Site, choices: random.Random) -> Plan:
    cores = str(choices.choice((64, 96, 128)))
    return changed_container(
        site,
        {"resources": with_resources(site, {"cpu": cores}, {"cpu": cores})},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )


def _memory_request_too_large(site: Site, choices: random.Random) -> Plan:
    size = f"{choices.choice((48, 64, 96))}Gi"
    return changed_container(
        site,
        {"resources": with_resources(site, {"memory": size}, {"memory": size})},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
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
        evidence=_looks(site),
    )


def _node_affinity(site: Site, choices: random.Random) -> Plan:
    rule = choices.choice(
        (
            {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1d", "eu-1e"]},
            {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m6i.4xlarge"]},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
            {"key": "node-role.kubernetes.io/worker", "operator": "Exists"},
        )
    )
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}}
    return changed_template(
        site,
        {"affinity": affinity},
        {},
        actions=(Action("fix_scheduling", site.name),),
        evidence=_looks(site),
    )


def _shared_keys(application: Application, component: Component) -> list[str]:
    """Label keys of the component that other components have too, the most common first."""
    own = application.labels_of(component)
    others = [application.labels_of(c) for c in application.components if c.name != component.name]
    counts = {key: sum(key in labels for labels in others) for key in own}
    return sorted((key for key, count in counts.items() if count > 1), key=lambda key: (-counts[key], key))


def _can_be_kept_apart(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_shared_keys(application, component))


def _anti_affinity(site: Site, choices: random.Random) -> Plan:
    """Kept away from all others of its kind, in a domain that is the whole cluster."""
    key = _shared_keys(site.application, site.spec)[0]
    own = site.application.labels_of(site.spec)[key]
    rule: dict[str, Any] = {"key": key, "operator": "Exists"}
    if not any(own == labels.get(key) for labels in _labels_of_others(site)):
        rule = choices.choice((rule, {"key": key, "operator": "NotIn", "values": [own]}))
    term = {"labelSelector": {"matchExpressions": [rule]}, "topologyKey": REGION}
    return changed_template(
        site,
        {"affinity": {"podAntiAffinity": {REQUIRED: [term]}}},
        {},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )


def _labels_of_others(site: Site) -> list[dict[str, str]]:
    application = site.application
    return [application.labels_of(c) for c in application.components if c.name != site.name]


def _topology_spread(site: Site, choices: random.Random) -> Plan:
    """Spread over a domain of which no node knows its part."""
    key = choices.choice(
        ("topology.kubernetes.io/rack", "failure-domain.beta.kubernetes.io/zone", "topology.ebs.csi.aws.com/zone")
    )
    constraint = {
        "maxSkew": choices.choice((1, 2)),
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": site.application.selector_of(site.spec)},
    }
    return changed_template(
        site,
        {"topologySpreadConstraints": [constraint]},
        {},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )


def _host_port(site: Site, choices: random.Random) -> Plan:
    """The port of the node that an agent on every node has taken."""
    name, image, port = names.agent(site, choices)
    key: Key = ("daemonsets.apps", "kube-system", name)
    labels = {"app.kubernetes.io/name": name}
    agent = {"name": name, "image": image, "ports": [{"name": "http", "containerPort": port, "hostPort": port}]}
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [agent]}},
        },
    }
    first, *others = site.container.get("ports") or [{"containerPort": site.spec.port, "protocol": "TCP"}]
    change = changed_container(
        site,
        {"ports": [{**first, "hostPort": port}, *others]},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )
    return Plan(
        writes=(Create(key, daemon_set), Wait(20), *change.writes),
        repair=change.repair,
        marks=(*change.marks, Mark(key)),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
        kept=(key,),
    )


def _preempted(site: Site, choices: random.Random) -> Plan:
    """A batch of higher priority takes the whole node that a workload of low priority is bound to."""
    node = home(site, choices)
    batch = names.batch(site, choices)
    low: Key = (PRIORITIES, "", names.priority(names.LOW, site, choices))
    high: Key = (PRIORITIES, "", names.priority(names.HIGH, site, choices))
    label, value = choices.choice(pins(node.node))
    change = changed_template(
        site,
        {"nodeSelector": {label: value}, "priorityClassName": low[2]},
        {},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )
    key: Key = ("deployments.apps", "default", batch)
    # All that is left on the node once the workload is there, and its own share, but for less than one of its pods.
    left_m = (
        node.allocatable["cpu"]
        - node.requested.get("cpu", 0)
        + sum(request_m(pod) for pod in node.pods if pod["metadata"]["name"] in site.pods)
    )
    container = {
        "name": batch,
        "image": "python:3.12-slim",
        "command": ["python", "-m", batch.replace("-", "_")],
        "resources": {"requests": {"cpu": f"{left_m - 10}m"}},
    }
    pods = {
        "priorityClassName": high[2],
        "nodeSelector": {label: value},
        "containers": [container],
    }
    labels = {"app": batch}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": batch, "namespace": "default", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pods},
        },
    }
    return Plan(
        writes=(
            Create(low, _priority(low[2], -choices.choice((10, 100, 1000)))),
            *change.writes,
            Wait(60),
            Create(high, _priority(high[2], choices.choice((1000, 100_000)))),
            Create(key, deployment),
        ),
        repair=change.repair,
        marks=(*change.marks, Mark(key)),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
        neighbours=components_on(site, node),
        kept=(key,),
    )


def _priority(name: str, value: int) -> dict[str, Any]:
    meta = {"name": name}
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}


def _asks_for_cpu(application: Application, component: Component) -> bool:
    return is_used(application, component) and component.resources.cpu_request_m >= 50


def _scheduler_down(site: Site, choices: random.Random) -> Plan:
    """Nobody looks at new pods: they wait without a word."""

    def stop(world: World) -> None:
        world.state[STOPPED] = True

    def start(world: World) -> None:
        world.state.pop(STOPPED, None)
        for pod in world.store.pods_on(""):
            world.wake("scheduler", "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))

    return Plan(
        writes=restarts(site),
        repair=(),
        marks=(),
        actions=(),
        evidence=_looks(site),
        accepted=(site.name,),
        state=stop,
        undo_state=start,
        state_holds=lambda world: bool(world.state.get(STOPPED)),
        spreads=True,
    )


_PLACING = partial(
    Fault,
    version="1",
    family="scheduling",
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
)

MECHANISMS = (
    _PLACING(key="cpu_request_too_large", causes=("insufficient",), plan=_cpu_request_too_large),
    _PLACING(key="node_selector", causes=("nodeselector",), plan=_node_selector, type=FaultType.DEPENDENCY),
    _PLACING(key="memory_request_too_large", causes=("insufficient",), plan=_memory_request_too_large),
    _PLACING(key="node_affinity", causes=("nodeselector",), plan=_node_affinity, type=FaultType.DEPENDENCY),
    _PLACING(key="anti_affinity", causes=("antiaffinity",), plan=_anti_affinity, eligible=_can_be_kept_apart),
    _PLACING(key="topology_spread", causes=("antiaffinity",), plan=_topology_spread),
    _PLACING(key="host_port", causes=("hostport",), plan=_host_port),
    _PLACING(
        key="preempted",
        causes=("preempted", "insufficient"),
        plan=_preempted,
        eligible=_asks_for_cpu,
        type=FaultType.OPERATION,
    ),
    _PLACING(
        key="scheduler_down",
        causes=("pending",),
        plan=_scheduler_down,
        mendable=never,
        needs_control=True,
        type=FaultType.OPERATION,
    ),
)
