"""Preemption: lower-priority pods make way for a pod that fits nowhere.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/ and
pkg/scheduler/framework/preemption.
"""

from dataclasses import dataclass

from kubeworld.controllers import interpod, predicates
from kubeworld.controllers.deletion import disrupt
from kubeworld.controllers.predicates import NodeView, Rejection
from kubeworld.kinds import events
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The node that was nominated, if any, and what the FailedScheduling message says about it."""

    node: str | None
    message: str


def attempt(
    world: World, pod: Obj, nodes: list[NodeView], rejections: dict[str, Rejection], prefilter_failed: bool
) -> Outcome:
    """Choose the node whose victims matter least and evict them; else explain why that does not help."""
    if pod["spec"].get("preemptionPolicy") == "Never":
        return Outcome(None, "preemption: not eligible due to preemptionPolicy=Never.")
    # Its victims are on their way out: more of them would be evicted for nothing (PodEligibleToPreemptOthers).
    nominated = (pod.get("status") or {}).get("nominatedNodeName")
    if nominated and any("deletionTimestamp" in other["metadata"] for other in world.store.pods_on(nominated)):
        return Outcome(None, "preemption: not eligible due to a terminating pod on the nominated node.")
    if prefilter_failed:
        return Outcome(None, _explain({NOT_HELPFUL: len(nodes)}, len(nodes)))
    counts: dict[str, int] = {}
    candidates: list[tuple[tuple[int, int, int, str], NodeView, list[Obj]]] = []
    for node in nodes:
        rejection = rejections[node.name]
        victims = _victims(world, pod, node, nodes) if rejection.resolvable else []
        if victims:
            # The criteria of pickOneNodeForPreemption in its order, without budgets; the name breaks ties the same way
            # each time.
            priorities = [_priority(victim) for victim in victims]
            candidates.append(((max(priorities), sum(priorities), len(victims), node.name), node, victims))
        else:
            reason = NO_VICTIMS if rejection.resolvable else NOT_HELPFUL
            counts[reason] = counts.get(reason, 0) + 1
    if not candidates:
        return Outcome(None, _explain(counts, len(nodes)))
    _, node, victims = min(candidates, key=lambda candidate: candidate[0])
    for victim in victims:
        _preempt(world, pod, victim, node.name)
    return Outcome(node.name, "")


def _explain(counts: dict[str, int], total: int) -> str:
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"preemption: 0/{total} nodes are available: {reasons}."


def _victims(world: World, pod: Obj, node: NodeView, nodes: list[NodeView]) -> list[Obj]:
    """The fewest, least important pods without which the pod fits the node (SelectVictimsOnNode)."""
    lower = [other for other in node.pods if _priority(other) < _priority(pod)]
    if not lower:
        return []
    kept = [other for other in node.pods if _priority(other) >= _priority(pod)]
    if not _fits(world, pod, predicates.view(node.node, kept), nodes):
        return []
    victims: list[Obj] = []
    # Reprieve the most important first: whoever still leaves room stays.
    order = sorted(
        lower,
        key=lambda other: (
            -_priority(other),
            (other.get("status") or {}).get("startTime", ""),
            other["metadata"]["uid"],
        ),
    )
    for other in order:
        if _fits(world, pod, predicates.view(node.node, [*kept, other]), nodes):
            kept.append(other)
        else:
            victims.append(other)
    return victims


def _fits(world: World, pod: Obj, node: NodeView, nodes: list[NodeView]) -> bool:
    others = [node if other.name == node.name else other for other in nodes]
    if predicates.reject(pod, node, world, predicates.filters_for(pod)) is not None:
        return False
    return not interpod.concerns(pod, others) or interpod.reject(pod, node, others) is None


def _preempt(world: World, pod: Obj, victim: Obj, node: str) -> None:
    uid = pod["metadata"]["uid"]
    why = "default-scheduler: preempting to accommodate a higher priority pod"
    victim = disrupt(world, victim, "PreemptionByScheduler", why)
    message = f"Preempted by pod {uid} on node {node}"
    events.record(world, "pods", victim, "Preempted", message, component="default-scheduler")


def _priority(pod: Obj) -> int:
    return pod["spec"].get("priority", 0)
