"""The scheduler's filters that look at other pods: topology spread, and affinity and anti-affinity between pods.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
and .../topology-spread-constraints/
"""

from typing import Any

from kubeworld.controllers.predicates import HOSTNAME, NodeView, Rejection, matches_node, required_terms
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj


def concerns(pod: Obj, nodes: list[NodeView]) -> bool:
    """Whether any of these filters can matter: spares the common case."""
    spec = pod["spec"]
    if spec.get("topologySpreadConstraints") or spec.get("affinity"):
        return True
    return any(node.repelling for node in nodes)


def reject(pod: Obj, node: NodeView, nodes: list[NodeView]) -> Rejection | None:
    """The first of the filters that refuses the node, or None."""
    return _spread(pod, node, nodes) or _affinity(pod, node, nodes)


def _affinity(pod: Obj, node: NodeView, nodes: list[NodeView]) -> Rejection | None:
    for term in required_terms(pod, "podAffinity"):
        # No eviction brings a peer that is missing, so preemption need not be tried (satisfyPodAffinity).
        if not _has_peer(pod, term, node, nodes) and not _is_first_of_its_kind(pod, term, node, nodes):
            return Rejection(("node(s) didn't match pod affinity rules",), resolvable=False)
    for term in required_terms(pod, "podAntiAffinity"):
        if _has_peer(pod, term, node, nodes):
            return Rejection(("node(s) didn't match pod anti-affinity rules",), resolvable=True)
    # Anti-affinity works both ways: who runs already keeps the new pod away (satisfyExistingPodsAntiAffinity).
    for other_node in nodes:
        for other in other_node.repelling:
            for term in required_terms(other, "podAntiAffinity"):
                if _same_domain(term["topologyKey"], node, other_node) and _selects(term, other, pod):
                    reason = "node(s) didn't satisfy existing pods anti-affinity rules"
                    return Rejection((reason,), resolvable=True)
    return None


def _has_peer(pod: Obj, term: Obj, node: NodeView, nodes: list[NodeView]) -> bool:
    return any(
        _same_domain(term["topologyKey"], node, other_node)
        and any(_selects(term, pod, other) for other in other_node.pods)
        for other_node in nodes
    )


def _is_first_of_its_kind(pod: Obj, term: Obj, node: NodeView, nodes: list[NodeView]) -> bool:
    """A pod that its own affinity term selects may start where no peer exists anywhere."""
    anywhere = any(_selects(term, pod, other) for other_node in nodes for other in other_node.pods)
    return not anywhere and _selects(term, pod, pod) and _domain(term["topologyKey"], node) is not None


def _selects(term: Obj, owner: Obj, candidate: Obj) -> bool:
    namespaces = term.get("namespaces") or [owner["metadata"]["namespace"]]
    if "namespaceSelector" not in term and candidate["metadata"]["namespace"] not in namespaces:
        return False
    return selectors.matches(term.get("labelSelector"), candidate["metadata"].get("labels"))


def _domain(key: str, node: NodeView) -> str | None:
    labels = node.node["metadata"].get("labels") or {}
    return labels.get(key, node.name if key == HOSTNAME else None)


def _same_domain(key: str, left: NodeView, right: NodeView) -> bool:
    domain = _domain(key, left)
    return domain is not None and domain == _domain(key, right)


def _spread(pod: Obj, node: NodeView, nodes: list[NodeView]) -> Rejection | None:
    for constraint in pod["spec"].get("topologySpreadConstraints") or ():
        if constraint.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            continue
        key = constraint["topologyKey"]
        domain = _domain(key, node)
        if domain is None:
            reason = "node(s) didn't match pod topology spread constraints (missing required label)"
            return Rejection((reason,), resolvable=False)
        counts = _domain_counts(pod, constraint, nodes)
        own = selectors.matches(constraint.get("labelSelector"), pod["metadata"].get("labels"))
        skew = counts.get(domain, 0) + int(own) - min(counts.values(), default=0)
        if skew > constraint["maxSkew"]:
            return Rejection(("node(s) didn't match pod topology spread constraints",), resolvable=True)
    return None


def _domain_counts(pod: Obj, constraint: dict[str, Any], nodes: list[NodeView]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        domain = _domain(constraint["topologyKey"], node)
        # nodeAffinityPolicy is Honor by default: a node that the pod may not use is no empty domain to fill.
        if domain is None or not matches_node(pod, node.node):
            continue
        # A Terminating pod does not count (countPodsMatchSelector).
        matching = sum(
            other["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and "deletionTimestamp" not in other["metadata"]
            and selectors.matches(constraint.get("labelSelector"), other["metadata"].get("labels"))
            for other in node.pods
        )
        counts[domain] = counts.get(domain, 0) + matching
    return counts
