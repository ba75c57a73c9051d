"""ResourceQuota: refusal of what would exceed it. Messages are those of the resourcequota plugin."""

from collections.abc import Iterable

from kubeworld.controllers.quota import is_in_scope, usage_of, used_by
from kubeworld.kinds.pod import COMPUTE
from kubeworld.machine import quantities
from kubeworld.machine.admission import Refused
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def check(world: World, resource: str, obj: Obj, previous: Obj | None) -> None:
    """Refuse `obj` if it would exceed a quota of its namespace. Raises: Refused."""
    namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
    quotas = world.store.objects("resourcequotas", namespace)
    if not quotas or (previous is not None and resource not in ("persistentvolumeclaims", "services")):
        return
    delta = usage_of(resource, obj)
    for quota in quotas:
        hard = (quota.get("spec") or {}).get("hard") or {}
        if not is_in_scope(quota, resource, obj):
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


def _listed(keys: list[str], values: dict[str, int]) -> str:
    return ",".join(f"{key}={quantities.write(key, values.get(key, 0))}" for key in keys)
