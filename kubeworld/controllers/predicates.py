"""The scheduler's filters: why a pod may not run on a node, in the scheduler's words and order.

Source: https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins; reasons from
pkg/scheduler/framework/plugins.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kubeworld.kinds.owners import controller_of
from kubeworld.kinds.pod import claims
from kubeworld.machine import quantities, selectors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

HOSTNAME = "kubernetes.io/hostname"
_CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one node does not take the pod. A node may lack several resources at once."""

    reasons: tuple[str, ...]
    resolvable: bool
    """Whether removing other pods from the node could help (Unschedulable, not UnschedulableAndUnresolvable)."""


@dataclass(slots=True)
class NodeView:
    """A node with what its pods take."""

    node: Obj
    pods: list[Obj]
    allocatable: dict[str, int] = field(default_factory=dict)
    requested: dict[str, int] = field(default_factory=dict)
    by_controller: dict[str, int] = field(default_factory=dict)
    """How many of the pods each controller has, by its uid."""
    repelling: list[Obj] = field(default_factory=list)
    """Those of the pods that require others to stay away."""
    free: float = 0.0
    """Half the percentage of CPU and of memory that is not requested: NodeResourcesLeastAllocated, in [0, 100]."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node["metadata"]["name"]


def views(world: World) -> list[NodeView]:
    """Every node, in order. A view is kept until its node or one of the pods there changes."""
    node_views: list[NodeView] = []
    for node in world.store.objects("nodes"):
        name = node["metadata"]["name"]
        key, pods = f"node-view/{name}", world.store.pods_on(name)
        kept = world.derived.get(key)
        if kept is None or kept[0] is not node or kept[1] is not pods:
            kept = world.derived[key] = (node, pods, view(node, pods))
        node_views.append(kept[2])
    return node_views


def view(node: Obj, pods: Iterable[Obj]) -> NodeView:
    """Sum up what live pods request on a node."""
    # A Terminating pod takes its place until it is gone.
    live = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    status = node.get("status") or {}
    seen = NodeView(node, live, quantities.amounts(status.get("allocatable") or status.get("capacity") or {}))
    requested, by_controller = seen.requested, seen.by_controller
    for pod in live:
        for name, value in _requests(pod["spec"]):
            requested[name] = requested.get(name, 0) + value
        if owner := controller_of(pod):
            by_controller[owner["uid"]] = by_controller.get(owner["uid"], 0) + 1
        if "affinity" in pod["spec"] and required_terms(pod, "podAntiAffinity"):
            seen.repelling.append(pod)
    for name in ("cpu", "memory"):
        if capacity := seen.allocatable.get(name, 0):
            seen.free += 50 * (capacity - requested.get(name, 0)) / capacity
    return seen


def required_terms(pod: Obj, kind: str) -> list[Obj]:
    """What a pod's `podAffinity` or `podAntiAffinity` demands of its node."""
    affinity = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return list(affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ())


# By identity, with the spec itself: an id is unique only as long as its object lives.
_REQUESTS: dict[int, tuple[Obj, tuple[tuple[str, int], ...]]] = {}
_REQUESTS_KEPT = 16_384


def _requests(spec: Obj) -> tuple[tuple[str, int], ...]:
    """What a pod asks for, in the order of the scheduler's messages.

    Specs are immutable and outlive most changes of a pod, so each is added up once.
    """
    cached = _REQUESTS.get(id(spec))
    if cached is None or cached[0] is not spec:
        if len(_REQUESTS) >= _REQUESTS_KEPT:
            _REQUESTS.clear()
        asked = quantities.pod_amounts({"spec": spec}, "requests").items()
        cached = _REQUESTS[id(spec)] = (spec, tuple(sorted(asked, key=lambda amount: _order(amount[0]))))
    return cached[1]


Filter = Callable[[Obj, NodeView, World], Rejection | None]


def filters_for(pod: Obj) -> list[Filter]:
    """Those that could refuse the pod some node, in order: what it does not ask for need not be looked at per node."""
    spec = pod["spec"]
    # The order of the default profile (apis/config/v1/default_plugins.go): the first that refuses gives the reason.
    relevant: tuple[tuple[Filter, object], ...] = (
        (_unschedulable, True),
        (_node_name, spec.get("nodeName")),
        (_taints, True),
        (_node_affinity, spec.get("nodeSelector") or spec.get("affinity")),
        (_ports, host_ports(pod)),
        (_resources, True),
        (_volume_affinity, claims(pod)),
    )
    return [filter_ for filter_, matters in relevant if matters]


def reject(pod: Obj, node: NodeView, world: World, filters: list[Filter]) -> Rejection | None:
    """The first of `filters_for(pod)` that refuses the node, or None."""
    for filter_ in filters:
        if rejection := filter_(pod, node, world):
            return rejection
    return None


def tolerates(pod: Obj, taint: Obj) -> bool:
    """Whether a toleration of the pod matches the taint.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    """
    return any(_toleration_matches(toleration, taint) for toleration in pod["spec"].get("tolerations") or ())


def toleration_seconds(pod: Obj, taint: Obj) -> int | None:
    """How long a pod may stay under a NoExecute taint: None for ever, 0 if it does not tolerate it."""
    matching = [t for t in pod["spec"].get("tolerations") or () if _toleration_matches(t, taint)]
    if not matching:
        return 0
    # Of several tolerations the shortest decides (getMinTolerationTime).
    bounded = [t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None]
    return max(0, min(bounded)) if bounded else None


def _toleration_matches(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    # No effect means all effects, no key with Exists all taints.
    key = toleration.get("key")
    if key and key != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(key) and toleration.get("value", "") == taint.get("value", "")


def _unschedulable(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    if node.node.get("spec", {}).get("unschedulable") and not tolerates(pod, _CORDON):
        return Rejection(("node(s) were unschedulable",), resolvable=False)
    return None


def _node_name(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    wanted = pod["spec"].get("nodeName")
    if wanted and wanted != node.name:
        return Rejection(("node(s) didn't match the requested node name",), resolvable=False)
    return None


def _taints(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    for taint in (node.node.get("spec") or {}).get("taints") or ():
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerates(pod, taint):
            reason = f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
            return Rejection((reason,), resolvable=False)
    return None


def _node_affinity(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    if matches_node(pod, node.node):
        return None
    return Rejection(("node(s) didn't match Pod's node affinity/selector",), resolvable=False)


def matches_node(pod: Obj, node: Obj) -> bool:
    """nodeSelector and required node affinity."""
    labels = node["metadata"].get("labels") or {}
    if not selectors.matches_map(pod["spec"].get("nodeSelector"), labels):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or matches_terms(required.get("nodeSelectorTerms"), node)


def matches_terms(terms: Iterable[Obj] | None, node: Obj) -> bool:
    """Node selector terms: one must hold, all of its expressions and fields together."""
    labels = node["metadata"].get("labels") or {}
    fields = {"metadata.name": node["metadata"]["name"]}
    for term in terms or ():
        expressions, on_fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
        # An empty term matches nothing, where an empty selector would match everything.
        if not expressions and not on_fields:
            continue
        if all(selectors.matches_expression(e, labels) for e in expressions) and all(
            selectors.matches_expression(e, fields) for e in on_fields
        ):
            return True
    return False


def _ports(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    wanted = host_ports(pod)
    if wanted and any(wanted & host_ports(other) for other in node.pods):
        return Rejection(("node(s) didn't have free ports for the requested pod ports",), resolvable=True)
    return None


def host_ports(pod: Obj) -> set[tuple[str, int]]:
    """(protocol, port) that the pod takes on its node."""
    host_network = pod["spec"].get("hostNetwork")
    taken: set[tuple[str, int]] = set()
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port["containerPort"] if host_network else 0)
            if number:
                taken.add((port.get("protocol", "TCP"), number))
    return taken


def _resources(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    reasons: list[str] = []
    resolvable = True
    if "pods" in node.allocatable and len(node.pods) + 1 > node.allocatable["pods"]:
        reasons.append("Too many pods")
    for name, value in _requests(pod["spec"]):
        if not value:
            continue
        capacity = node.allocatable.get(name, 0)
        if value > capacity - node.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            # A node that is too small even when it is empty gains nothing by evictions.
            resolvable = resolvable and value <= capacity
    return Rejection(tuple(reasons), resolvable) if reasons else None


def _order(resource: str) -> tuple[int, str]:
    known = ("cpu", "memory", "ephemeral-storage")
    return (known.index(resource) if resource in known else len(known), resource)


def _volume_affinity(pod: Obj, node: NodeView, world: World) -> Rejection | None:
    for claim_name in claims(pod):
        claim = world.store.get("persistentvolumeclaims", pod["metadata"]["namespace"], claim_name)
        bound = ((claim or {}).get("spec") or {}).get("volumeName")
        volume = world.store.get("persistentvolumes", "", bound) if bound else None
        required = (((volume or {}).get("spec") or {}).get("nodeAffinity") or {}).get("required")
        if required and not matches_terms(required.get("nodeSelectorTerms"), node.node):
            return Rejection(("node(s) had volume node affinity conflict",), resolvable=False)
    return None
