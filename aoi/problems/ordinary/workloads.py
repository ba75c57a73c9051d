"""Ordinary work on what runs: restarts, notes, one more replica, a limit, a variable."""

from collections.abc import Mapping
from random import Random
from typing import Any

from aoi.problems import writes
from aoi.problems.sites import Site
from aoi.problems.writes import Create, Deed, Delete, Patch
from kubeworld.machine.world import World

TEAMS = ("platform", "payments", "growth", "core", "search", "sre")
Deeds = tuple[Deed, ...]
"""What one slot writes; nothing, where a kind of work has nothing to do at a site."""


def restart(world: World, site: Site, choices: Random) -> Deeds:
    """`kubectl rollout restart`."""
    return (writes.restart(site.key, world.clock.rfc3339()),)


def annotate(world: World, site: Site, choices: Random) -> Deeds:
    """A note that somebody has looked at it."""
    return (Patch(site.key, {"metadata": {"annotations": {"ops/reviewed": world.clock.rfc3339()[:10]}}}),)


def scale_up(world: World, site: Site, choices: Random) -> Deeds:
    """One replica more, where no autoscaler would take it back in a while."""
    if site.is_autoscaled:
        return ()
    return (Patch(site.key, {"spec": {"replicas": site.workload["spec"].get("replicas", 1) + 1}}),)


def delete_pod(world: World, site: Site, choices: Random) -> Deeds:
    """One of several pods."""
    if len(site.pods) < 2:
        return ()
    return (Delete(("pods", site.namespace, choices.choice(site.pods))),)


def raise_limits(world: World, site: Site, choices: Random) -> Deeds:
    """More CPU than before."""
    resources = site.container.get("resources", {})
    if "cpu" not in resources.get("limits", {}):
        return ()
    resized = {**resources, "limits": {**resources["limits"], "cpu": choices.choice(("1500m", "2"))}}
    return (_changed(site, {"resources": resized}),)


def set_variable(world: World, site: Site, choices: Random) -> Deeds:
    """A variable that no program reads: the last recorded revision differs, and nothing is wrong."""
    name, value = choices.choice((("BUILD_CHANNEL", "stable"), ("DEPLOY_RING", "2"), ("OWNER", choices.choice(TEAMS))))
    return (_changed(site, {"env": [{"name": name, "value": value}]}),)


def label_pod(world: World, site: Site, choices: Random) -> Deeds:
    """Somebody has marked a pod as the one that is watched."""
    if not site.pods:
        return ()
    key = ("pods", site.namespace, choices.choice(site.pods))
    return (Patch(key, {"metadata": {"labels": {"team": choices.choice(TEAMS)}}}),)


def _changed(site: Site, fields: dict[str, object]) -> Patch:
    container = {"name": site.container["name"], **fields}
    return Patch(site.key, {"spec": {"template": {"spec": {"containers": [container]}}}}, "strategic")


def made(
    resource: str,
    namespace: str,
    kind: tuple[str, str],
    name: str,
    spec: Mapping[str, Any],
    **metadata: Mapping[str, str],
) -> Create:
    """The write that makes one object; `kind` is (apiVersion, kind), `metadata` its labels or annotations."""
    meta = {"name": name, "namespace": namespace, **metadata}
    obj = {"apiVersion": kind[0], "kind": kind[1], "metadata": meta, "spec": dict(spec)}
    return Create((resource, namespace, name), obj)
