"""ResourceQuota: what a namespace uses.

Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from collections.abc import Iterable

from kubeworld.kinds.catalogue import BY_TABLE
from kubeworld.kinds.pod import POD
from kubeworld.kinds.resource_quota import MEASURED
from kubeworld.machine import quantities
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World


def usage_of(resource: str, obj: Obj) -> dict[str, int]:
    """What one object adds to each quota key."""
    kind = BY_TABLE.get(resource)
    usage = {f"count/{resource}": 1}
    if kind is not None:
        usage.update(kind.usage(obj))
    return usage


def used_by(world: World, quota: Obj) -> dict[str, int]:
    """Present usage of every key that the quota limits: counted once, then followed from change to change."""
    store, spec, namespace = world.store, quota.get("spec"), quota["metadata"]["namespace"]
    hard = (spec or {}).get("hard") or {}
    resources = _resources_of(hard)
    kept_under = f"quota-usage/{quota['metadata']['uid']}"
    kept_spec, revision, used = world.derived.get(kept_under, (None, 0, {}))
    # Counting a namespace for every write would make n writes cost n squared.
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
    if not is_in_scope(quota, resource, obj):
        return
    for key, value in usage_of(resource, obj).items():
        if key in used:
            used[key] += sign * value


def _resources_of(hard: Iterable[str]) -> set[str]:
    """Tables in which the keys are counted; what Kubernetes has no name for is a resource that pods ask for."""
    return {key.removeprefix("count/") if key.startswith("count/") else MEASURED.get(key, POD.table) for key in hard}


def is_in_scope(quota: Obj, resource: str, obj: Obj) -> bool:
    """`spec.scopes` restricts a quota to some pods."""
    scopes = (quota.get("spec") or {}).get("scopes") or ()
    if not scopes:
        return True
    # Scopes are about pods: a quota with one limits nothing else.
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


class QuotaController:
    """Keeps `status.hard` and `status.used` of quotas up to date."""

    name = "resourcequota"
    watches = ("*",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """Quotas of the namespace, when an object comes, goes or (pods, claims) changes its size or phase."""
        if change.resource == "resourcequotas":
            return [("resourcequotas", change.name)] if change.verb != "DELETED" else []
        # Events come with nearly every other change: a quota on their count is brought up to date with the next of
        # those.
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
