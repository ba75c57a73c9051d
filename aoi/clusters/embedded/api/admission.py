"""Admission of new pods: LimitRange defaults and bounds, ResourceQuota, service account, priority.

`admit` is for requests; controllers that create pods through the store call `admit_pod` themselves, so that
a quota stops a ReplicaSet exactly as it stops a person.
"""

from collections.abc import Iterable
from decimal import Decimal

from aoi.clusters.embedded.api.errors import forbidden
from aoi.clusters.embedded.api.quantities import canonical, parse
from aoi.clusters.embedded.api.resources import BY_QUALIFIED, PODS, ResourceType
from aoi.clusters.embedded.store import Obj
from aoi.clusters.embedded.world import World

_COMPUTE = ("cpu", "memory", "ephemeral-storage")


def admit(world: World, kind: ResourceType, obj: Obj) -> Obj:
    """`obj` as admitted. Raises: ApiError 403 that says which quota, range or account refused it."""
    if kind.table == "pods":
        return admit_pod(world, obj)
    if kind.namespaced:
        _check_quota(world, kind, obj, {f"count/{kind.qualified}": Decimal(1), **_counts(kind, obj)})
    return obj


def _counts(kind: ResourceType, obj: Obj) -> dict[str, Decimal]:
    counts = {kind.plural: Decimal(1)} if not kind.group else {}
    if kind.table == "services" and obj["spec"].get("type") in ("NodePort", "LoadBalancer"):
        counts["services.nodeports"] = Decimal(len(obj["spec"].get("ports") or ()))
    if kind.table == "services" and obj["spec"].get("type") == "LoadBalancer":
        counts["services.loadbalancers"] = Decimal(1)
    if kind.table == "persistentvolumeclaims":
        requests = (obj["spec"].get("resources") or {}).get("requests") or {}
        counts["requests.storage"] = parse(str(requests.get("storage", "0")))
    return counts


def admit_pod(world: World, pod: Obj) -> Obj:
    """A pod with LimitRange defaults, checked against ranges and quotas. Raises: ApiError 403."""
    namespace = pod["metadata"].get("namespace", "")
    ranges = [
        item
        for limit_range in world.store.objects("limitranges", namespace)
        for item in (limit_range.get("spec") or {}).get("limits") or ()
        if item.get("type") == "Container"
    ]
    if ranges:
        pod = _apply_ranges(pod, ranges)
    account = (pod.get("spec") or {}).get("serviceAccountName", "default")
    if account != "default" and world.store.get("serviceaccounts", namespace, account) is None:
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise forbidden(PODS, pod["metadata"]["name"], why)
    pod = _with_priority(world, pod)
    _check_quota(world, PODS, pod, {"count/pods": Decimal(1), **pod_usage(pod)})
    return pod


def _with_priority(world: World, pod: Obj) -> Obj:
    name = pod["spec"].get("priorityClassName")
    if not name or name.startswith("system-"):
        return pod
    found = world.store.get("priorityclasses.scheduling.k8s.io", "", name)
    if found is None:
        raise forbidden(PODS, pod["metadata"]["name"], f"no PriorityClass with name {name} was found")
    policy = found.get("preemptionPolicy", "PreemptLowerPriority")
    return {**pod, "spec": {**pod["spec"], "priority": found.get("value", 0), "preemptionPolicy": policy}}


def _apply_ranges(pod: Obj, ranges: list[Obj]) -> Obj:
    containers = []
    for container in pod["spec"].get("containers") or ():
        resources = container.get("resources") or {}
        limits, requests = dict(resources.get("limits") or {}), dict(resources.get("requests") or {})
        for item in ranges:
            for name, value in (item.get("default") or {}).items():
                limits.setdefault(name, value)
            for name, value in (item.get("defaultRequest") or {}).items():
                requests.setdefault(name, value)
        for item in ranges:
            _check_range(pod, item, limits, requests)
        containers.append({**container, "resources": {**resources, "limits": limits, "requests": requests}})
    return {**pod, "spec": {**pod["spec"], "containers": containers}}


def _check_range(pod: Obj, item: Obj, limits: Obj, requests: Obj) -> None:
    name = pod["metadata"]["name"]
    for resource, most in (item.get("max") or {}).items():
        limit = limits.get(resource)
        if limit is None:
            raise forbidden(PODS, name, f"maximum {resource} usage per Container is {most}.  No limit is specified")
        if parse(str(limit)) > parse(str(most)):
            why = f"maximum {resource} usage per Container is {most}, but limit is {limit}"
            raise forbidden(PODS, name, why)
    for resource, least in (item.get("min") or {}).items():
        request = requests.get(resource)
        if request is None or parse(str(request)) < parse(str(least)):
            found = "No request is specified" if request is None else f"but request is {request}"
            joint = ".  " if request is None else ", "
            raise forbidden(PODS, name, f"minimum {resource} usage per Container is {least}{joint}{found}")


def pod_usage(pod: Obj) -> dict[str, Decimal]:
    """What a pod counts for in a ResourceQuota."""
    usage: dict[str, Decimal] = {"pods": Decimal(1)}
    for container in (pod.get("spec") or {}).get("containers") or ():
        resources = container.get("resources") or {}
        for name in _COMPUTE:
            for field in ("requests", "limits"):
                value = (resources.get(field) or {}).get(name)
                if value is not None:
                    key = f"{field}.{name}"
                    usage[key] = usage.get(key, Decimal(0)) + parse(str(value))
    for name in _COMPUTE:
        if f"requests.{name}" in usage:
            usage[name] = usage[f"requests.{name}"]
    return usage


def quota_used(world: World, namespace: str, hard: Iterable[str]) -> dict[str, str]:
    """Current use of the resources that a quota names, as its status shows it."""
    used = {name: Decimal(0) for name in hard}
    alive = [
        pod
        for pod in world.store.objects("pods", namespace)
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    for pod in alive:
        for name, value in {"count/pods": Decimal(1), **pod_usage(pod)}.items():
            if name in used:
                used[name] += value
    for name in used:
        table = name.removeprefix("count/")
        if table in ("pods", *_COMPUTE) or (name.startswith(("requests.", "limits.")) and name != "requests.storage"):
            continue
        kind = BY_QUALIFIED.get("services" if table.startswith("services.") else table)
        if name == "requests.storage":
            kind = BY_QUALIFIED["persistentvolumeclaims"]
        for obj in world.store.objects(kind.table, namespace) if kind else ():
            used[name] += {f"count/{kind.qualified}": Decimal(1), **_counts(kind, obj)}.get(name, Decimal(0))
    return {name: _text(name, value) for name, value in used.items()}


def _text(name: str, value: Decimal) -> str:
    if name.endswith(("memory", "storage")) and value == value.to_integral_value() and value % 1024 == 0 and value:
        return canonical(f"{int(value) // 1024}Ki")
    return canonical(format(value, "f"))


def _check_quota(world: World, kind: ResourceType, obj: Obj, wanted: dict[str, Decimal]) -> None:
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
    for quota in world.store.objects("resourcequotas", namespace):
        spec = quota.get("spec") or {}
        hard = spec.get("hard") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue  # scoped quotas are not evaluated
        if kind is PODS:
            missing = [item for item in hard if item.removeprefix("requests.").removeprefix("limits.") in _COMPUTE]
            missing = [item for item in missing if item not in wanted]
            if missing:
                listed = "; ".join(f"{item} for: {_containers(obj)}" for item in sorted(missing))
                raise forbidden(kind, name, f"failed quota: {quota['metadata']['name']}: must specify {listed}")
        relevant = sorted(item for item in hard if item in wanted)
        if not relevant:
            continue
        used = quota_used(world, namespace, relevant)
        over = [item for item in relevant if parse(used[item]) + wanted[item] > parse(str(hard[item]))]
        if over:
            requested = ",".join(f"{item}={_text(item, wanted[item])}" for item in over)
            in_use = ",".join(f"{item}={used[item]}" for item in over)
            limited = ",".join(f"{item}={hard[item]}" for item in over)
            why = (
                f"exceeded quota: {quota['metadata']['name']}, requested: {requested}, used: {in_use}, "
                f"limited: {limited}"
            )
            raise forbidden(kind, name, why)


def _containers(pod: Obj) -> str:
    return ",".join(container.get("name", "") for container in pod["spec"].get("containers") or ())
