"""What happens to the nodes themselves: tainted, closed, under pressure, gone."""

import random
from functools import partial

from aoi.problems.faults.base import Action, Fault, Mark, Plan, Such, never
from aoi.problems.faults.places import components_on, home, pins, restarts
from aoi.problems.faults.templates import changed_template
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Key, Patch, Wait
from aoi.records.problem import FaultType, SystemLevel
from kubeworld.controllers import nodes
from kubeworld.controllers.predicates import NodeView, toleration_seconds
from kubeworld.kinds.node import is_down, pressure_of
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_TAINTS = (
    ("dedicated", ("batch", "gpu", "ingress")),
    ("team", ("data", "platform", "ml")),
    ("maintenance", ("planned", "kernel")),
)


def _taint(choices: random.Random, effect: str) -> Obj:
    key, values = choices.choice(_TAINTS)
    return {"key": key, "value": choices.choice(values), "effect": effect}


def _tainted(node: Obj, taint: Obj) -> tuple[Patch, Patch, Mark]:
    """(put on, take off, mark) of one taint more on a node."""
    key: Key = ("nodes", "", node["metadata"]["name"])
    former = list((node.get("spec") or {}).get("taints") or ())
    there = Patch(key, {"spec": {"taints": [*former, taint]}})
    back = Patch(key, {"spec": {"taints": former or None}})
    return there, back, Mark(key, ("spec", "taints", len(former)), taint)


def _bound(site: Site, node: NodeView, choices: random.Random) -> Plan:
    """A plan that binds the workload to one node by a label that no other has: by itself it hurts nobody."""
    label, value = choices.choice(pins(node.node))
    return changed_template(
        site,
        {"nodeSelector": {label: value}},
        {},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name), ("nodes", site.name)),
    )


def _taint_no_schedule(site: Site, choices: random.Random) -> Plan:
    """Every node is kept for others, which is felt where pods have to be made anew."""
    taint = _taint(choices, "NoSchedule")
    triples = [_tainted(view.node, taint) for view in site.nodes]
    return Plan(
        writes=(*(there for there, _, _ in triples), *restarts(site)),
        repair=tuple(back for _, back, _ in triples),
        marks=tuple(mark for _, _, mark in triples),
        actions=(),
        evidence=(("pods", site.name), ("events", site.name), ("nodes", site.name)),
        accepted=(site.name, *(view.name for view in site.nodes)),
        spreads=True,
    )


def _taint_no_execute(site: Site, choices: random.Random) -> Plan:
    """The node that the workload is bound to is given to others: its pods are sent away and may go nowhere."""
    node = home(site, choices)
    bound = _bound(site, node, choices)
    taint = _taint(choices, "NoExecute")
    there, back, mark = _tainted(node.node, taint)
    place = ("spec", "template", "spec", "tolerations")
    sent_away = Such(lambda said: toleration_seconds({"spec": {"tolerations": said}}, taint) is not None)
    return Plan(
        writes=(*bound.writes, Wait(60), there),
        repair=(back,),
        marks=(*bound.marks, mark, Mark(site.key, place, sent_away)),
        actions=bound.actions,
        evidence=bound.evidence,
        accepted=(site.name, node.name),
    )


def _node_cordoned(site: Site, choices: random.Random) -> Plan:
    """A node is closed for maintenance, and the workload is bound to it."""
    node = home(site, choices)
    bound = _bound(site, node, choices)
    key: Key = ("nodes", "", node.name)
    return Plan(
        writes=(Patch(key, {"spec": {"unschedulable": True}}), Wait(choices.choice((5, 20, 40))), *bound.writes),
        repair=(Patch(key, {"spec": {"unschedulable": None}}),),
        marks=(*bound.marks, Mark(key, ("spec", "unschedulable"), True)),
        actions=(Action("uncordon", site.name),),
        evidence=bound.evidence,
        accepted=(site.name, node.name),
    )


def _node_not_ready(site: Site, choices: random.Random) -> Plan:
    """The kubelet of the node that the workload is bound to stops."""
    node = home(site, choices)
    bound = _bound(site, node, choices)
    return Plan(
        writes=(*bound.writes, Wait(60)),
        repair=(),
        marks=bound.marks,
        actions=(),
        evidence=(("nodes", site.name), ("events", site.name)),
        accepted=(site.name, node.name),
        then=lambda world: nodes.fail(world, node.name),
        undo_state=lambda world: nodes.restore(world, node.name),
        state_holds=lambda world: is_down(world, node.name) and all(mark.holds(world) for mark in bound.marks),
        spreads=True,
        neighbours=components_on(site, node),
    )


def _node_disk_pressure(site: Site, choices: random.Random) -> Plan:
    """The kubelet of the node that the workload is bound to wants more of its disk free than is free."""
    node = home(site, choices)
    bound = _bound(site, node, choices)
    threshold = choices.choice(("80Gi", "85Gi", "90Gi"))
    available = f"{choices.randrange(48_000_000, 72_000_000)}Ki"

    def press(world: World) -> None:
        nodes.press(world, node.name, threshold=threshold, available=available)

    return Plan(
        writes=(*bound.writes, Wait(60)),
        repair=(),
        marks=bound.marks,
        actions=bound.actions,
        evidence=(("nodes", site.name), ("events", site.name)),
        accepted=(site.name, node.name),
        then=press,
        undo_state=lambda world: nodes.relieve(world, node.name),
        state_holds=lambda world: (
            pressure_of(world, node.name) is not None and all(mark.holds(world) for mark in bound.marks)
        ),
        neighbours=components_on(site, node),
    )


_NODE = partial(Fault, version="1", family="node", level=SystemLevel.VIRTUALIZATION, eligible=is_used)

MECHANISMS = (
    _NODE(
        key="taint_no_schedule",
        causes=("tainted",),
        plan=_taint_no_schedule,
        type=FaultType.MISCONFIGURATION,
        mendable=never,
    ),
    _NODE(
        key="taint_no_execute",
        causes=("tainted",),
        plan=_taint_no_execute,
        type=FaultType.MISCONFIGURATION,
    ),
    _NODE(key="node_cordoned", causes=("cordoned",), plan=_node_cordoned, type=FaultType.OPERATION),
    _NODE(
        key="node_not_ready",
        causes=("nodedown",),
        plan=_node_not_ready,
        type=FaultType.OPERATION,
        level=SystemLevel.HARDWARE,
        mendable=never,
        needs_control=True,
    ),
    _NODE(
        key="node_disk_pressure",
        causes=("nodedown", "evicted"),
        plan=_node_disk_pressure,
        type=FaultType.MISCONFIGURATION,
        level=SystemLevel.OPERATING_SYSTEM,
        needs_control=True,
    ),
)
