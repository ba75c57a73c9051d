"""The ordinary work that goes on in every world: restarts, labels, notes, one more replica, a variable.

A fault is one write among several by the same user; a control has the same writes, and one more of these in
the fault's place. So neither the number of changes nor their recency says whether something is wrong.
"""

from collections.abc import Callable, Collection
from random import Random

from aoi.problems.sites import Site, find, rng
from aoi.problems.writes import Delete, Patch, Write
from aoi.worlds.applications.spec import Application
from kubeworld.machine.world import World

MARKS = ("ops/reviewed", "kubectl.kubernetes.io/restartedAt", "team")
"""Keys of annotations and labels that ordinary work leaves."""
TEAMS = ("platform", "payments", "growth", "core", "search", "sre")


def rollout_restart(world: World, site: Site) -> Write:
    """What `kubectl rollout restart` sends now."""
    note = {"kubectl.kubernetes.io/restartedAt": world.clock.rfc3339()}
    return Patch(site.key, {"spec": {"template": {"metadata": {"annotations": note}}}})


def _restart(world: World, site: Site, choices: Random) -> Write:
    return rollout_restart(world, site)


def _annotate(world: World, site: Site, choices: Random) -> Write:
    return Patch(site.key, {"metadata": {"annotations": {"ops/reviewed": world.clock.rfc3339()[:10]}}})


def _label_service(world: World, site: Site, choices: Random) -> Write:
    key = site.service_key if site.service is not None else site.key
    return Patch(key, {"metadata": {"labels": {"team": choices.choice(TEAMS)}}})


def _scale_up(world: World, site: Site, choices: Random) -> Write:
    if any(name == site.name for name, _ in site.application.furniture.autoscaled):
        return _annotate(world, site, choices)  # the autoscaler would take it back in a while
    return Patch(site.key, {"spec": {"replicas": site.workload["spec"].get("replicas", 1) + 1}})


def _delete_pod(world: World, site: Site, choices: Random) -> Write:
    if len(site.pods) < 2:
        return _annotate(world, site, choices)
    return Delete(("pods", site.namespace, choices.choice(site.pods)))


def _raise_limits(world: World, site: Site, choices: Random) -> Write:
    resources = site.container.get("resources", {})
    if "cpu" not in resources.get("limits", {}):
        return _annotate(world, site, choices)
    resized = {**resources, "limits": {**resources["limits"], "cpu": choices.choice(("1500m", "2"))}}
    change = {"name": site.container["name"], "resources": resized}
    return Patch(site.key, {"spec": {"template": {"spec": {"containers": [change]}}}}, "strategic")


def _set_variable(world: World, site: Site, choices: Random) -> Write:
    """A variable that no program reads: the last recorded revision differs, and nothing is wrong."""
    name, value = choices.choice((("BUILD_CHANNEL", "stable"), ("DEPLOY_RING", "2"), ("OWNER", choices.choice(TEAMS))))
    change = {"name": site.container["name"], "env": [{"name": name, "value": value}]}
    return Patch(site.key, {"spec": {"template": {"spec": {"containers": [change]}}}}, "strategic")


KINDS: tuple[Callable[[World, Site, Random], Write], ...] = (
    _restart,
    _annotate,
    _label_service,
    _scale_up,
    _delete_pod,
    _raise_limits,
    _set_variable,
)


def ordinary_write(world: World, application: Application, slot: str, avoid: Collection[str]) -> Write:
    """The harmless write of one slot: the same for every problem of the world, unless it would touch `avoid`."""
    choices = rng("ordinary", application.key, application.seed, slot)
    names = [c.name for c in application.components if c.kind in ("gateway", "service")]
    choices.shuffle(names)
    kind = choices.choice(KINDS)
    name = next(name for name in names if name not in avoid)
    return kind(world, find(world, application, name), choices)
