"""ReplicaSets."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.kind import METADATA_FIELDS, SCALE, Kind, Subresource
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


def _cells(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    counts = [obj["spec"].get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [obj["metadata"]["name"], *counts, created(obj, now), *template_cells(obj)]


def _default(world: World, obj: Obj) -> Obj:
    return workload_defaults(obj, {"replicas": 1})


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from share_errors(new.get("spec") or {}, "spec")
    yield from workload_errors(new, old)


REPLICA_SET = Kind(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    short=("rs",),
    categories=("all",),
    subresources={"scale": SCALE, "status": Subresource("apps", "v1", "ReplicaSet")},
    fields=METADATA_FIELDS | {"status.replicas"},
    package="io.k8s.api.apps.v1",
    printer=Printer(columns(f"Name, Desired:integer, Current:integer, Ready:integer, Age, {TEMPLATE_COLUMNS}"), _cells),
    default=_default,
    check=_errors,
)
