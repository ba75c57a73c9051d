"""ResourceQuota: what a namespace uses, and refusal of what would exceed it.

Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/; messages of the resourcequota plugin.
"""

from collections.abc import Iterable

from aoi.clusters.embedded.controllers import quantities
from aoi.clusters.embedded.controllers.refusal import Refused
from aoi.clusters.embedded.store import Change, Name, Obj
from aoi.clusters.embedded.world import World

COUNTED = {
    "configmaps": "configmaps",
    "secrets": "secrets",
    "services": "services",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "resourcequotas": "resourcequotas",
    "replicationcontrollers": "replicationcontrollers",
}
"""Object counts with names of their own; every other one is written count/<resource>.<group>."""
COMPUTE = ("cpu", "memory", "ephemeral-storage")


def check(world: World, resource: str, obj: Obj, previous: Obj | None) -> None:
    """Refuse `obj` if it would exceed a quota of its namespace. Raises: Refused."""
    namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
    quotas = world.store.objects("resourcequotas", namespace)
    if not quotas or (previous is not None and resource not in ("persistentvolumeclaims", "services")):
        return
    delta = usage_of(resource, obj)
    for quota in quotas:
        hard = (quota.get("spec") or {}).get("hard") or {}
        if not _in_scope(quota, resource, obj):
            continue
        if resource == "pods" and (missing := _unspecified(hard, obj)):
            raise Refused(f'{resource} "{name}" is forbidden: failed quota: {quota["metadata"]["name"]}: {missing}')
        concerned = sorted(key for key in hard if delta.get(key))
        if not concerned:
            continue
        before = usage_of(resource, previous) if previous is not None else {}
        used = used_by(world, quota)
        grown = [key for key in concerned if delta[key] > before.get(key, 0)]
        over = [
            key
            for key in grown
            if used.get(key, 0) - before.get(key, 0) + delta[key] > quantities.amount(key, hard[key])
        ]
        if over:
            # The message lists every quantity that is over, in one line.
            raise Refused(
                f'{resource} "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                f"requested: {_listed(over, {k: delta[k] - before.get(k, 0) for k in over})}, "
                f"used: {_listed(over, used)}, limited: {','.join(f'{key}={hard[key]}' for key in over)}"
            )


def usage_of(resource: str, obj: Obj) -> dict[str, int]:
    """What one object adds to each quota key."""
    bare, _, group = resource.partition(".")
    usage = {f"count/{bare}.{group}" if group else f"count/{bare}": 1}
    if resource in COUNTED:
        usage[COUNTED[resource]] = 1
    if resource == "pods":
        if (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return usage
        usage["pods"] = 1
        for name, value in quantities.pod_amounts(obj, "requests").items():
            usage[f"requests.{name}"] = value
            if name in COMPUTE:
                usage[name] = value
        for name, value in quantities.pod_amounts(obj, "limits").items():
            usage[f"limits.{name}"] = value
    elif resource == "services":
        type_ = obj["spec"].get("type", "ClusterIP")
        ports = len(obj["spec"].get("ports") or ())
        if type_ == "LoadBalancer":
            usage["services.loadbalancers"] = 1
        if type_ in ("NodePort", "LoadBalancer"):
            usage["services.nodeports"] = ports
    elif resource == "persistentvolumeclaims":
        requested = ((obj["spec"].get("resources") or {}).get("requests") or {}).get("storage")
        if requested:
            usage["requests.storage"] = quantities.amount("storage", requested)
    return usage


def used_by(world: World, quota: Obj) -> dict[str, int]:
    """Present usage of every key that the quota limits: counted once, then followed from change to change."""
    store, spec, namespace = world.store, quota.get("spec"), quota["metadata"]["namespace"]
    hard = (spec or {}).get("hard") or {}
    resources = _resources_of(hard)
    kept_under = f"quota-usage/{quota['metadata']['uid']}"
    kept_spec, revision, used = world.derived.get(kept_under, (None, 0, {}))
    changes = store.changes_since(revision) if spec is not None and kept_spec is spec else None
    if changes is None:
        used = dict.fromkeys(hard, 0)
        for resource in sorted(resources):
            for obj in store.objects(resource, namespace):
                _count(used, quota, resource, obj, 1)
    for change in changes or ():
        if change.name[0] == namespace and change.resource in resources:
            if change.previous is not None:
                _count(used, quota, change.resource, change.previous, -1)
            if change.verb != "DELETED":
                _count(used, quota, change.resource, change.obj, 1)
    world.derived[kept_under] = (spec, store.revision, used)
    return dict(used)


def _count(used: dict[str, int], quota: Obj, resource: str, obj: Obj, sign: int) -> None:
    if not _in_scope(quota, resource, obj):
        return
    for key, value in usage_of(resource, obj).items():
        if key in used:
            used[key] += sign * value


def _resources_of(hard: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for key in hard:
        if key.startswith("count/"):
            found.add(key.removeprefix("count/"))
        elif key in COUNTED:
            found.add(key)
        elif key.startswith("services."):
            found.add("services")
        elif key == "requests.storage":
            found.add("persistentvolumeclaims")
        else:
            found.add("pods")
    return found


def _unspecified(hard: Iterable[str], pod: Obj) -> str:
    """`must specify limits.cpu for: app; requests.memory for: app`: quotas on compute make those fields obligatory."""
    lacking: dict[str, list[str]] = {}
    for key in sorted(hard):
        kind, _, name = key.rpartition(".")
        kind = kind or "requests"
        if name not in COMPUTE or kind not in ("requests", "limits"):
            continue
        for container in pod["spec"]["containers"]:
            if name not in quantities.container_amounts(container, kind):
                lacking.setdefault(key, []).append(container["name"])
    if not lacking:
        return ""
    return "must specify " + "; ".join(
        f"{key} for: {','.join(sorted(names))}" for key, names in sorted(lacking.items())
    )


def _in_scope(quota: Obj, resource: str, obj: Obj) -> bool:
    """`spec.scopes` restricts a quota to some pods."""
    scopes = (quota.get("spec") or {}).get("scopes") or ()
    if not scopes:
        return True
    if resource != "pods":
        return False
    terminating = "activeDeadlineSeconds" in (obj.get("spec") or {})
    best_effort = (obj.get("status") or {}).get("qosClass") == "BestEffort"
    answers = {
        "Terminating": terminating,
        "NotTerminating": not terminating,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
    }
    return all(answers.get(scope, True) for scope in scopes)


def _listed(keys: list[str], values: dict[str, int]) -> str:
    return ",".join(f"{key}={quantities.write(key, values.get(key, 0))}" for key in keys)


class QuotaController:
    """Keeps `status.hard` and `status.used` of quotas up to date."""

    name = "resourcequota"
    watches = ("*",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """Quotas of the namespace, when an object comes, goes or (pods, claims) changes its size or phase."""
        if change.resource == "resourcequotas":
            return [("resourcequotas", change.name)] if change.verb != "DELETED" else []
        if change.resource == "events" or not change.name[0]:
            return []
        if change.verb == "MODIFIED" and not _resized(change):
            return []
        quotas = world.store.objects("resourcequotas", change.name[0])
        return [("resourcequotas", (change.name[0], quota["metadata"]["name"])) for quota in quotas]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Write the status if usage moved."""
        quota = world.store.get("resourcequotas", *name)
        if quota is None:
            return
        hard = dict((quota.get("spec") or {}).get("hard") or {})
        used = {key: quantities.write(key, value) for key, value in used_by(world, quota).items()}
        world.store.update("resourcequotas", {**quota, "status": {"hard": hard, "used": used}})


def _resized(change: Change) -> bool:
    if change.resource == "pods" and change.previous is not None:
        return (change.obj.get("status") or {}).get("phase") != (change.previous.get("status") or {}).get("phase")
    return change.resource in ("persistentvolumeclaims", "services")
