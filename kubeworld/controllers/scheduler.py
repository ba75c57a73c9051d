"""The scheduler: binds pods to nodes, or says why no node takes them.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/; the FailedScheduling wording is that
of framework.FitError in 1.32.
"""

import hashlib

from kubeworld.controllers import interpod, predicates, preemption, volumes
from kubeworld.controllers.predicates import NodeView, Rejection
from kubeworld.kinds import conditions, events
from kubeworld.kinds.owners import controller_of
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

COMPONENT = "default-scheduler"
FLUSH_MS = 300_000
"""An unschedulable pod is tried again at least this often (podMaxInUnschedulablePodsDuration)."""
STOPPED = "scheduler-stopped"
"""Set in `world.state` while the scheduler itself is down: pods stay Pending without an event."""


class Scheduler:
    """One pod at a time, in the order in which they came."""

    name = "scheduler"
    watches = ("pods", "nodes", "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A new pod; and all that wait, when something changed that could let them in."""
        if change.resource == "pods":
            unbound = not (change.obj.get("spec") or {}).get("nodeName")
            if unbound and change.verb == "ADDED":
                return [("pods", change.name)]
            if unbound and change.verb == "MODIFIED":
                return [("pods", change.name)] if _respecified(change) else []
            if change.verb == "MODIFIED" and not _may_free_a_place(change):
                return []
            if unbound or change.verb == "ADDED":
                return []
        elif change.resource == "nodes" and not _node_may_fit_more(change):
            return []
        waiting = world.store.pods_on("")
        return [("pods", (pod["metadata"]["namespace"], pod["metadata"]["name"])) for pod in waiting]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Bind the pod, or record why not."""
        pod = world.store.get("pods", *name)
        if pod is None or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return
        if pod["spec"].get("schedulerName", COMPONENT) != COMPONENT or world.state.get(STOPPED):
            return
        # Gated pods are not tried at all: no event, no condition of an attempt.
        if pod["spec"].get("schedulingGates"):
            return
        nodes = _with_nominated(world, pod, predicates.views(world))
        # A claim that cannot be bound rules out every node alike, before any is looked at (PreFilter).
        blocked = volumes.unbindable(world, pod)
        if blocked is not None or not nodes:
            self._fail(world, pod, nodes, blocked, {})
            return
        rejections = _filter(world, pod, nodes)
        feasible = [node for node in nodes if node.name not in rejections]
        if not feasible:
            self._fail(world, pod, nodes, None, rejections)
            return
        self._bind(world, pod, _best(world, pod, feasible))

    def _bind(self, world: World, pod: Obj, node: NodeView) -> None:
        volumes.select_node(world, pod, node.name)
        spec = {**pod["spec"], "nodeName": node.name}
        status = dict(pod.get("status") or {})
        status["conditions"] = conditions.with_condition(
            status.get("conditions") or [],
            world.clock.rfc3339(),
            type_="PodScheduled",
            status="True",
        )
        status.pop("nominatedNodeName", None)
        bound = world.store.update("pods", {**pod, "spec": spec, "status": status})
        meta = pod["metadata"]
        message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node.name}"
        events.record(world, "pods", bound, "Scheduled", message, component=COMPONENT)

    def _fail(
        self, world: World, pod: Obj, nodes: list[NodeView], blocked: str | None, rejections: dict[str, Rejection]
    ) -> None:
        if not nodes:
            message, nominated = "no nodes available to schedule pods", None
        else:
            outcome = preemption.attempt(world, pod, nodes, rejections, blocked is not None)
            nominated = outcome.node
            message = (
                f"0/{len(nodes)} nodes are available: {blocked or _histogram(rejections)}. {outcome.message}".rstrip()
            )
        status = dict(pod.get("status") or {})
        former = conditions.find(status.get("conditions"), "PodScheduled")
        status["conditions"] = conditions.with_condition(
            status.get("conditions") or [],
            world.clock.rfc3339(),
            type_="PodScheduled",
            status="False",
            reason="Unschedulable",
            message=message,
        )
        if nominated:
            status["nominatedNodeName"] = nominated
        pod = world.store.update("pods", {**pod, "status": status})
        key = f"scheduler-tried/{pod['metadata']['uid']}"
        repeated = former is not None and former.get("message") == message
        # Something else that changed wakes the queue often; only an attempt at its time is an event of its own.
        if not repeated or world.state.get(key, 0) <= world.clock.now_ms:
            events.record(world, "pods", pod, "FailedScheduling", message, component=COMPONENT, type_="Warning")
            meta = pod["metadata"]
            world.state[key] = world.clock.now_ms + FLUSH_MS
            world.clock.set_timer(FLUSH_MS, self.name, "pods", meta["namespace"], meta["name"])


def _with_nominated(world: World, pod: Obj, nodes: list[NodeView]) -> list[NodeView]:
    """The nodes with the places that are kept for pods of the same or a higher priority, whose victims are going.

    Without this the victim's successor would take what was just freed (RunFilterPluginsWithNominatedPods).
    """
    kept: dict[str, list[Obj]] = {}
    for other in world.store.pods_on(""):
        node = (other.get("status") or {}).get("nominatedNodeName")
        is_equal = other["spec"].get("priority", 0) >= pod["spec"].get("priority", 0)
        if node and is_equal and other is not pod and "deletionTimestamp" not in other["metadata"]:
            kept.setdefault(node, []).append(other)
    if not kept:
        return nodes
    return [predicates.view(node.node, [*node.pods, *kept[node.name]]) if node.name in kept else node for node in nodes]


def _filter(world: World, pod: Obj, nodes: list[NodeView]) -> dict[str, Rejection]:
    filters, among_pods = predicates.filters_for(pod), interpod.concerns(pod, nodes)
    rejections: dict[str, Rejection] = {}
    for node in nodes:
        rejection = predicates.reject(pod, node, world, filters)
        if rejection is None and among_pods:
            rejection = interpod.reject(pod, node, nodes)
        if rejection is not None:
            rejections[node.name] = rejection
    return rejections


def _histogram(rejections: dict[str, Rejection]) -> str:
    counts: dict[str, int] = {}
    for rejection in rejections.values():
        for reason in rejection.reasons:
            counts[reason] = counts.get(reason, 0) + 1
    # Sorted as text, numbers included: FitError sorts the finished phrases.
    return ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))


def _best(world: World, pod: Obj, nodes: list[NodeView]) -> NodeView:
    """The node with the highest score; ties fall by a hash, where the real one draws at random."""
    controller = (controller_of(pod) or {}).get("uid", "")
    scores = [_score(pod, controller, node) for node in nodes]
    highest = max(scores)
    tied = [node for node, score in zip(nodes, scores, strict=True) if score == highest]
    prefix = f"{world.seed}/{pod['metadata']['uid']}"
    return max(tied, key=lambda node: hashlib.sha256(f"{prefix}/{node.name}".encode()).digest())


def _score(pod: Obj, controller: str, node: NodeView) -> float:
    """Least allocated, and few pods of the same controller on the node."""
    siblings = node.by_controller.get(controller, 0)
    soft = sum(
        taint["effect"] == "PreferNoSchedule" and not predicates.tolerates(pod, taint)
        for taint in (node.node.get("spec") or {}).get("taints") or ()
    )
    # In rough the weights of the default profile: a PreferNoSchedule taint weighs three full scores (TaintToleration).
    # Rounded, so that equal nodes tie whatever order their pods were summed in.
    return round(node.free - 100 * siblings - 300 * soft + _preferred(pod, node.node), 3)


def _preferred(pod: Obj, node: Obj) -> float:
    if "affinity" not in pod["spec"]:
        return 0.0
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return float(sum(term["weight"] for term in terms if predicates.matches_terms([term["preference"]], node)))


def _respecified(change: Change) -> bool:
    """A waiting pod whose own scheduling constraints or labels changed."""
    previous = change.previous
    if previous is None:
        return True
    return change.obj["spec"] != previous["spec"] or change.obj["metadata"].get("labels") != previous["metadata"].get(
        "labels"
    )


def _may_free_a_place(change: Change) -> bool:
    """A bound pod that ended, or whose labels (which affinity looks at) changed."""
    previous = change.previous
    if previous is None:
        return False
    ended = (change.obj.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    had_ended = (previous.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return (ended and not had_ended) or change.obj["metadata"].get("labels") != previous["metadata"].get("labels")


def _node_may_fit_more(change: Change) -> bool:
    """Labels, taints, cordon or capacity changed; heartbeats and images do not matter."""
    previous = change.previous
    if change.verb == "DELETED":
        return False
    if previous is None:
        return True
    return (
        change.obj.get("spec") != previous.get("spec")
        or change.obj["metadata"].get("labels") != previous["metadata"].get("labels")
        or (change.obj.get("status") or {}).get("allocatable") != (previous.get("status") or {}).get("allocatable")
    )
