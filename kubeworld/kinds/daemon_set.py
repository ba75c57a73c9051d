"""DaemonSets."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created, pairs
from kubeworld.kinds.shared.workloads import (
    TEMPLATE_COLUMNS,
    share_errors,
    template_cells,
    workload_defaults,
    workload_errors,
)
from kubeworld.machine.integers import natural
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""Annotation of a DaemonSet and label of its pods: how often its template has changed."""


def _default(world: World, obj: Obj) -> Obj:
    new = workload_defaults(obj, {"revisionHistoryLimit": 10})
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("updateStrategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1, **(strategy.get("rollingUpdate") or {})}
    new["spec"]["updateStrategy"] = strategy
    return new


_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _cells(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    counts = [status.get(field, 0) for field in _COUNTS]
    selector = pairs(obj["spec"]["template"]["spec"].get("nodeSelector"))
    return [obj["metadata"]["name"], *counts, selector, created(obj, now), *template_cells(obj)]


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from share_errors(new.get("spec") or {}, "spec")
    yield from workload_errors(new, old)


def _assign(world: World, new: Obj, old: Obj | None) -> Obj:
    """The generation of its template, which its pods carry as a label."""
    before = ((old or new)["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "")
    number = natural(before) or 1
    if old is not None and old["spec"].get("template") != new["spec"].get("template"):
        number += 1
    counted, meta = fork(new, "metadata")
    meta["annotations"] = {**(meta.get("annotations") or {}), TEMPLATE_GENERATION: str(number)}
    return counted


DAEMON_SET = Kind(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    short=("ds",),
    categories=("all",),
    subresources={"status": Subresource("apps", "v1", "DaemonSet")},
    package="io.k8s.api.apps.v1",
    printer=Printer(
        columns(
            "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, "
            f"Node Selector, Age, {TEMPLATE_COLUMNS}"
        ),
        _cells,
    ),
    default=_default,
    check=_errors,
    assign=_assign,
)
