"""Ordinary work on what belongs to no component: nodes, bounds of the namespace, and what other teams put up."""

from random import Random
from typing import Any

from aoi.problems import names
from aoi.problems.ordinary.workloads import TEAMS, Deeds, made
from aoi.problems.sites import PRIORITIES, Site
from aoi.problems.writes import Create, Patch
from aoi.worlds.applications.furniture import QUOTA_NAME
from kubeworld.machine.world import World

_COUNTS = {"configmaps": "300", "secrets": "200", "services": "150"}
"""Ample: nobody makes so many."""
_LEAST = {"type": "PersistentVolumeClaim", "min": {"storage": "1Mi"}}


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
        return (
            made(
                "limitranges", site.namespace, ("v1", "LimitRange"), choices.choice(names.BOUNDS), {"limits": [_LEAST]}
            ),
        )
    if site.application.furniture.has_quota:  # not what a fault may have put there
        return (Patch(("resourcequotas", site.namespace, QUOTA_NAME), {"spec": {"hard": _COUNTS}}),)
    return (
        made(
            "resourcequotas", site.namespace, ("v1", "ResourceQuota"), choices.choice(names.QUOTAS), {"hard": _COUNTS}
        ),
    )


def put_up(world: World, site: Site, choices: Random) -> Deeds:
    """What another team runs on the same cluster: a small batch, an agent that takes no port, a priority."""
    match choices.choice(("batch", "agent", "priority")):
        case "batch":
            name = names.batch(site, choices)
            resources = {"requests": {"cpu": "20m", "memory": "32Mi"}}
            command = ["python", "-m", name.replace("-", "_")]
            container = {"name": name, "image": "python:3.12-slim", "command": command, "resources": resources}
            spec = {"replicas": 1, **_workload({"app": name}, container)}
            return (made("deployments.apps", "default", ("apps/v1", "Deployment"), name, spec, labels={"app": name}),)
        case "agent":
            name, image, port = names.agent(site, choices)
            labels = {"app.kubernetes.io/name": name}
            container = {"name": name, "image": image, "ports": [{"name": "http", "containerPort": port}]}
            spec = _workload(labels, container)
            return (made("daemonsets.apps", "kube-system", ("apps/v1", "DaemonSet"), name, spec, labels=labels),)
        case _:
            name = names.priority((*names.LOW, *names.HIGH), site, choices)
            obj = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
            value = -choices.choice((10, 100, 1000)) if name in names.LOW else choices.choice((1000, 100_000))
            return (Create((PRIORITIES, "", name), {**obj, "value": value}),)


def _workload(labels: dict[str, str], container: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"selector": {"matchLabels": labels}, "template": template}
