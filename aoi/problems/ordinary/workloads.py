"""Ordinary work on what runs: restarts, notes, one more replica, a limit, a variable."""

from random import Random

from aoi.problems.sites import Site
from aoi.problems.writes import Deed, Delete, Patch, Write
from kubeworld.machine.world import World

TEAMS = ("platform", "payments", "growth", "core", "search", "sre")
Deeds = tuple[Deed, ...]
"""What one slot writes; nothing, where a kind of work has nothing to do at a site."""


def rollout_restart(world: World, site: Site) -> Write:
    """What `kubectl rollout restart` sends now."""
    note = {"kubectl.kubernetes.io/restartedAt": world.clock.rfc3339()}
    return Patch(site.key, {"spec": {"template": {"metadata": {"annotations": note}}}})


def restart(world: World, site: Site, choices: Random) -> Deeds:
    """`kubectl rollout restart`."""
    return (rollout_restart(world, site),)


def annotate(world: World, site: Site, choices: Random) -> Deeds:
    """A note that somebody has looked at it."""
    return (Patch(site.key, {"metadata": {"annotations": {"ops/reviewed": world.clock.rfc3339()[:10]}}}),)


def scale_up(world: World, site: Site, choices: Random) -> Deeds:
    """One replica more, where no autoscaler would take it back in a while."""
    if is_autoscaled(site):
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


def is_autoscaled(site: Site) -> bool:
    """Whether an autoscaler says how many replicas it has."""
    scalers = site.around["horizontalpodautoscalers.autoscaling"]
    return any(scaler["spec"]["scaleTargetRef"]["name"] == site.spec.workload for scaler in scalers)


def _changed(site: Site, fields: dict[str, object]) -> Patch:
    container = {"name": site.container["name"], **fields}
    return Patch(site.key, {"spec": {"template": {"spec": {"containers": [container]}}}}, "strategic")
