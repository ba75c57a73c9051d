"""Ordinary work on what belongs to no component: nodes, bounds of the namespace, and what other teams put up."""

from random import Random
from typing import Any

from aoi.problems.ordinary.workloads import TEAMS, Deeds
from aoi.problems.sites import Site
from aoi.problems.writes import Create, Patch
from kubeworld.machine.world import World

_COUNTS = {"configmaps": "300", "secrets": "200", "services": "150"}
"""Ample: nobody makes so many."""
_LEAST = {"type": "PersistentVolumeClaim", "min": {"storage": "1Mi"}}
_AGENTS = ("gpu-plugin", "spot-handler", "fpga-plugin")
_JOBS = ("ledger-export", "thumbnailer", "audit-shipper")


def review_node(world: World, site: Site, choices: Random) -> Deeds:
    """A note on a node that somebody has looked at it."""
    node = choices.choice(sorted(view.node["metadata"]["name"] for view in site.nodes))
    return (Patch(("nodes", "", node), {"metadata": {"annotations": {"ops/reviewed": world.clock.rfc3339()[:10]}}}),)


def label_namespace(world: World, site: Site, choices: Random) -> Deeds:
    """Whose it is."""
    return (Patch(("namespaces", "", site.namespace), {"metadata": {"labels": {"team": choices.choice(TEAMS)}}}),)


def bound(world: World, site: Site, choices: Random) -> Deeds:
    """A quota with room for everything, or more room in the one that is there; or a least size of claims."""
    if choices.random() < 0.3:
        return (_made("limitranges", site.namespace, ("v1", "LimitRange"), "claims", {"limits": [_LEAST]}),)
    if quotas := site.around["resourcequotas"]:
        key = ("resourcequotas", site.namespace, quotas[0]["metadata"]["name"])
        return (Patch(key, {"spec": {"hard": _COUNTS}}),)
    return (_made("resourcequotas", site.namespace, ("v1", "ResourceQuota"), "objects", {"hard": _COUNTS}),)


def put_up(world: World, site: Site, choices: Random) -> Deeds:
    """What another team runs on the same cluster: a batch, an agent for nodes that there are none of, a priority."""
    match choices.choice(("batch", "agent", "priority")):
        case "batch":
            name = choices.choice(_JOBS)
            requests = {"cpu": "20m", "memory": "32Mi"}
            spec = _workload(name, {"image": "python:3.12-slim", "resources": {"requests": requests}}, {})
            return (_made("deployments.apps", "default", ("apps/v1", "Deployment"), name, {"replicas": 1, **spec}),)
        case "agent":
            name = choices.choice(_AGENTS)
            image = f"registry.k8s.io/{name}:v0.9.1"
            spec = _workload(name, {"image": image}, {"nodeSelector": {"accelerator": name.partition("-")[0]}})
            return (_made("daemonsets.apps", "kube-system", ("apps/v1", "DaemonSet"), name, spec),)
        case _:
            name = choices.choice(("reporting", "background"))
            obj = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
            key = ("priorityclasses.scheduling.k8s.io", "", name)
            return (Create(key, {**obj, "value": choices.choice((-10, 100, 1000))}),)


def _workload(name: str, container: dict[str, Any], pod_fields: dict[str, Any]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    pod = {"containers": [{"name": name, "command": ["python", "-m", name.replace("-", "_")], **container}]}
    template = {"metadata": {"labels": labels}, "spec": {**pod, **pod_fields}}
    return {"selector": {"matchLabels": labels}, "template": template}


def _made(resource: str, namespace: str, kind: tuple[str, str], name: str, spec: dict[str, Any]) -> Create:
    meta = {"name": name, "namespace": namespace}
    obj = {"apiVersion": kind[0], "kind": kind[1], "metadata": meta, "spec": spec}
    return Create((resource, namespace, name), obj)
