"""What a namespace allows: quotas, bounds of containers, and autoscalers that lack what they measure."""

import copy
import math
import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Action, Fault, Mark, Plan, never
from aoi.problems.faults.places import restarts
from aoi.problems.faults.runtimes import need_m, pods_of
from aoi.problems.faults.templates import below, changed_container
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Create, Deed, Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.furniture import autoscaling
from aoi.worlds.applications.spec import MIB, Application, Component
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _looks(site: Site) -> tuple[tuple[str, str], ...]:
    return (("quota", site.name), ("events", site.name))


def _pods(site: Site) -> list[Obj]:
    """All pods of the namespace that count."""
    return [pod for view in site.nodes for pod in view.pods if pod["metadata"]["namespace"] == site.namespace]


def _is_given(pods: Iterable[Obj], kind: str, resource: str) -> bool:
    """Whether every container says how much it wants: a quota on it refuses those that do not."""
    every = [container for pod in pods for container in pod["spec"]["containers"]]
    return all(resource in quantities.container_amounts(container, kind) for container in every)


def _quota(site: Site, hard: dict[str, str], choices: random.Random) -> tuple[Patch | Create, Deed, tuple[Mark, ...]]:
    """(write, its undoing, marks) of a quota that holds `hard`: more of the one that is there, or a new one."""
    existing = site.around["resourcequotas"]
    if existing:
        name = existing[0]["metadata"]["name"]
        key: Key = ("resourcequotas", site.namespace, name)
        former = existing[0]["spec"]["hard"]
        there: Patch | Create = Patch(key, {"spec": {"hard": hard}})
        back: Deed = Patch(key, {"spec": {"hard": {k: former.get(k) for k in hard}}})
    else:
        key = ("resourcequotas", site.namespace, choices.choice(names.QUOTAS))
        meta = {"name": key[2], "namespace": site.namespace}
        there = Create(key, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}})
        back = Delete(key)
    return there, back, tuple(Mark(key, ("spec", "hard", k), value) for k, value in hard.items())


def _quota_exhausted(site: Site, choices: random.Random) -> Plan:
    """Room for the others, and none for this one: felt when its pods are made anew."""
    pods = _pods(site)
    mine = [pod for pod in pods if pod["metadata"]["name"] in site.pods]
    rest = len(pods) - len(mine)
    hard = {"pods": str(rest)}
    for resource, unit in (("cpu", 1), ("memory", MIB)):
        own = sum(quantities.pod_amounts(pod, "requests").get(resource, 0) for pod in mine)
        if own and _is_given(pods, "requests", resource) and choices.random() < 0.6:
            every = sum(quantities.pod_amounts(pod, "requests").get(resource, 0) for pod in pods)
            # Half of one pod is left, so that no luck lets one of them in.
            left = (every - own + own // (2 * len(mine))) // unit * unit
            hard = {f"requests.{resource}": quantities.write(resource, left)}
            break
    there, back, marks = _quota(site, hard, choices)
    return Plan(
        writes=(there, *restarts(site)),
        repair=(back,),
        marks=marks,
        actions=(),
        evidence=_looks(site),
        accepted=(site.name,),
        spreads=True,
    )


def _without_defaults(site: Site) -> tuple[Deed, ...]:
    """LimitRanges that would fill in what containers do not say are taken away."""
    return tuple(
        Delete(("limitranges", site.namespace, obj["metadata"]["name"]))
        for obj in site.around["limitranges"]
        if any("default" in item or "defaultRequest" in item for item in obj["spec"]["limits"])
    )


def _untold(marks: Sequence[Mark], namespace: str, resource: str, *fields: str) -> Callable[[World], bool]:
    """Whether all marks hold, and no LimitRange says in one of these fields what containers do not say themselves."""

    def holds(world: World) -> bool:
        items = [item for obj in world.store.objects("limitranges", namespace) for item in obj["spec"]["limits"]]
        is_told = any(resource in item.get(field, {}) for item in items for field in fields)
        return not is_told and all(mark.holds(world) for mark in marks)

    return holds


def _restored(site: Site) -> tuple[Deed, ...]:
    """They come back."""
    gone = {deed.key[2] for deed in _without_defaults(site) if isinstance(deed, Delete)}
    return tuple(
        Create(
            ("limitranges", site.namespace, obj["metadata"]["name"]),
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": obj["metadata"]["name"], "namespace": site.namespace},
                "spec": obj["spec"],
            },
        )
        for obj in site.around["limitranges"]
        if obj["metadata"]["name"] in gone
    )


def _unlimited(site: Site, resource: str) -> dict[str, Any]:
    """The container's resources without a limit."""
    resources = copy.deepcopy(dict(site.container.get("resources", {})))
    resources["limits"] = {key: value for key, value in resources["limits"].items() if key != resource}
    return {key: value for key, value in resources.items() if value}


def _lacks(site: Site, part: str, resource: str) -> Mark:
    """The container does not say how much it wants."""
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    place = ("spec", "template", "spec", "containers", containers.index(site.container))
    return Mark(site.key, (*place, "resources", part, resource), None)


def _asks_for_less(site: Site, part: str) -> Mark:
    """The container says nothing, or so little that it is always too busy for an autoscaler."""
    place = _lacks(site, part, "cpu").path
    enough = int(need_m(site.application, site.spec, pods_of(site)) / 2)
    return Mark(site.key, place, below("cpu", max(1, enough), or_none=True))


def _is_limited(application: Application, component: Component) -> bool:
    wanted = component.resources
    return is_used(application, component) and bool(wanted.cpu_limit_m and wanted.memory_limit_bytes)


def _quota_needs_limits(site: Site, choices: random.Random) -> Plan:
    """A container loses a limit in a namespace whose quota counts limits."""
    pods = _pods(site)
    resource = choices.choice([r for r in ("cpu", "memory") if _is_given(pods, "limits", r)] or ["memory"])
    ample = {"cpu": ("400", "600"), "memory": ("800Gi", "1200Gi")}
    there, _, marks = _quota(site, {f"limits.{resource}": choices.choice(ample[resource])}, choices)
    change = changed_container(
        site,
        {"resources": _unlimited(site, resource)},
        actions=(Action("rollback", site.name),),
        evidence=_looks(site),
    )
    lacking = (_lacks(site, "limits", resource), *marks)
    return Plan(
        writes=(*_without_defaults(site), there, *change.writes),
        repair=(*change.repair, *_restored(site)),
        marks=lacking,
        state_holds=_untold(lacking, site.namespace, resource, "default", "max"),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
        spreads=True,
        kept=(there.key,),
    )


def _can_be_smaller(application: Application, component: Component) -> bool:
    """Its limit may come down by a fifth and more, and it still has what it needs."""
    limit, peak = component.resources.memory_limit_bytes, component.demand.peak_bytes
    return is_used(application, component) and limit * 0.8 >= peak * 1.15


def _limit_range(site: Site, choices: random.Random) -> Plan:
    """Containers may be no larger than something that this one is."""
    limit = quantities.amount("memory", site.container["resources"]["limits"]["memory"])
    least = max(site.spec.demand.peak_bytes * 1.15, limit * 0.55)
    most_mib = math.ceil(choices.uniform(least, max(least, limit * 0.85)) / MIB)
    key: Key = ("limitranges", site.namespace, names.bounds(site, choices))
    bounds = {"type": "Container", "max": {"memory": f"{most_mib}Mi"}}
    obj = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": key[2], "namespace": site.namespace},
        "spec": {"limits": [bounds]},
    }
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    index = containers.index(site.container)
    path = ("spec", "template", "spec", "containers", index, "resources", "limits", "memory")
    return Plan(
        writes=(Create(key, obj), *restarts(site)),
        repair=(Delete(key),),
        marks=(
            Mark(key, ("spec", "limits", 0, "max", "memory"), below("memory", limit)),
            Mark(site.key, path, site.container["resources"]["limits"]["memory"]),
        ),
        actions=(Action("set_limits", site.name, f"memory={most_mib}Mi"),),
        evidence=_looks(site),
        accepted=(site.name,),
        spreads=True,
    )


def _may_be_scaled(application: Application, component: Component) -> bool:
    return component.kind in ("gateway", "service") and not component.sidecars and _is_limited(application, component)


def _hpa_without_request(site: Site, choices: random.Random) -> Plan:
    """An autoscaler by CPU, whose pods do not say what they ask for."""
    resources = copy.deepcopy(dict(site.container["resources"]))
    kept = {part: {k: v for k, v in amounts.items() if k != "cpu"} for part, amounts in resources.items()}
    change = changed_container(
        site,
        {"resources": {part: amounts for part, amounts in kept.items() if amounts}},
        actions=(Action("rollback", site.name),),
        evidence=(("quota", site.name), ("events", site.name)),
    )
    key: Key = ("horizontalpodautoscalers.autoscaling", site.namespace, site.spec.workload)
    replicas = site.workload["spec"].get("replicas", 1)
    percent = choices.choice((60, 70, 80))
    obj = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": site.spec.workload, "namespace": site.namespace},
        "spec": autoscaling(site.spec, replicas, replicas + choices.choice((2, 4, 8)), percent),
    }
    created = () if site.is_autoscaled else (Create(key, obj),)
    # A quota that counts what is asked for would refuse the pods, which is another fault.
    counting = [obj for obj in site.around["resourcequotas"] if "requests.cpu" in obj["spec"]["hard"]]
    keys: list[Key] = [("resourcequotas", site.namespace, obj["metadata"]["name"]) for obj in counting]
    less = [Patch(quota, {"spec": {"hard": {"requests.cpu": None}}}) for quota in keys]
    more = [
        Patch(quota, {"spec": {"hard": {"requests.cpu": obj["spec"]["hard"]["requests.cpu"]}}})
        for quota, obj in zip(keys, counting, strict=True)
    ]
    silent = (_asks_for_less(site, "requests"), _asks_for_less(site, "limits"))
    return Plan(
        writes=(*less, *_without_defaults(site), *created, *change.writes),
        repair=(*change.repair, *_restored(site), *more),
        marks=silent,
        state_holds=_untold(silent, site.namespace, "cpu", "defaultRequest", "default"),
        actions=change.actions,
        evidence=change.evidence,
        accepted=change.accepted,
    )


_ALLOWED = partial(
    Fault,
    version="1",
    family="quota",
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
)

MECHANISMS = (
    _ALLOWED(
        key="quota_exhausted",
        causes=("quota",),
        plan=_quota_exhausted,
        eligible=is_used,
        mendable=never,
    ),
    _ALLOWED(key="quota_needs_limits", causes=("quota",), plan=_quota_needs_limits, eligible=_is_limited),
    _ALLOWED(
        key="limit_range",
        causes=("limitrange",),
        plan=_limit_range,
        eligible=_can_be_smaller,
        mendable=never,  # typed actions change no LimitRange, and whoever is rolled meanwhile is too large as well
    ),
    _ALLOWED(
        key="hpa_without_request",
        causes=("nometrics", "hpapinned"),
        plan=_hpa_without_request,
        eligible=_may_be_scaled,
    ),
)
