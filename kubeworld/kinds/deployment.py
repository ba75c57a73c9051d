"""Deployments."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, forbidden_field, invalid, unsupported
from kubeworld.kinds.kind import SCALE, Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.workloads import (
    TEMPLATE_COLUMNS,
    share_errors,
    template_cells,
    workload_defaults,
    workload_errors,
)
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    base: Obj = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
    new = workload_defaults(obj, base)
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("strategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {
            "maxUnavailable": "25%",
            "maxSurge": "25%",
            **(strategy.get("rollingUpdate") or {}),
        }
    new["spec"]["strategy"] = strategy
    return new


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from share_errors(new.get("spec") or {}, "spec")
    yield from workload_errors(new, old)
    strategy = new["spec"].get("strategy") or {}
    if strategy.get("type") not in ("Recreate", "RollingUpdate"):
        yield unsupported("spec.strategy.type", strategy.get("type", ""), ("Recreate", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling:
        why = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden_field("spec.strategy.rollingUpdate", why)
    if rolling and rolling.get("maxUnavailable") in (0, "0", "0%") and rolling.get("maxSurge") in (0, "0", "0%"):
        why = "may not be 0 when `maxSurge` is 0"
        yield invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why)


def _cells(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        created(obj, now),
        *template_cells(obj),
    ]


DEPLOYMENT = Kind(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    short=("deploy",),
    categories=("all",),
    subresources={"scale": SCALE, "status": Subresource("apps", "v1", "Deployment")},
    package="io.k8s.api.apps.v1",
    printer=Printer(columns(f"Name, Ready, Up-to-date:integer, Available:integer, Age, {TEMPLATE_COLUMNS}"), _cells),
    default=_default,
    check=_errors,
)
