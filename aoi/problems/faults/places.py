"""Nodes and the pods on them, as several areas bind a workload to one and then change it."""

import random

from aoi.problems.sites import Site
from aoi.problems.writes import Delete, Write
from kubeworld.controllers.predicates import HOSTNAME, NodeView
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj

ZONE = "topology.kubernetes.io/zone"


def pins(node: Obj) -> tuple[tuple[str, str], ...]:
    """Labels that this node alone has: what people bind a workload to it by."""
    labels = node["metadata"].get("labels") or {}
    return tuple((key, labels[key]) for key in (HOSTNAME, ZONE) if key in labels)


def home(site: Site, choices: random.Random) -> NodeView:
    """A node that takes pods."""
    usable = [view for view in site.nodes if not (view.node.get("spec") or {}).get("taints")]
    return choices.choice(usable)


def components_on(site: Site, node: NodeView) -> tuple[str, ...]:
    """Components with a pod there, but for the site's own."""
    owners = [site.application.component_of(pod) for pod in node.pods]
    return tuple(dict.fromkeys(owner.name for owner in owners if owner is not None and owner.name != site.name))


def request_m(pod: Obj) -> int:
    """CPU that a pod asks for, in millicores."""
    return quantities.pod_amounts(pod, "requests").get("cpu", 0)


def restarts(site: Site) -> tuple[Write, ...]:
    """The pods are deleted, as after a node's maintenance: whatever stops new ones is felt now."""
    return tuple(Delete(("pods", site.namespace, name)) for name in site.pods)
