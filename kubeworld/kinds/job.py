"""Jobs."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.kind import METADATA_FIELDS, Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created, human_duration, parse_time
from kubeworld.kinds.shared.formats import IMMUTABLE
from kubeworld.kinds.shared.workloads import (
    TEMPLATE_COLUMNS,
    not_negative_errors,
    template_cells,
    workload_defaults,
    workload_errors,
)
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_DEFAULTS = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
    "manualSelector": False,
}


def _default(world: World, obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    counts: Obj = {} if "parallelism" in spec and "completions" not in spec else {"completions": 1}
    new = workload_defaults(obj, {**_DEFAULTS, **counts, "parallelism": 1})
    uid = new["metadata"].get("uid")
    if "selector" not in new["spec"] and uid and not new["spec"]["manualSelector"]:
        name = new["metadata"]["name"]
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        template = new["spec"]["template"]
        metadata = {**template["metadata"], "labels": {**(template["metadata"].get("labels") or {}), **labels}}
        new["spec"]["template"] = {**template, "metadata": metadata}
        new["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if not new["metadata"].get("labels"):
        labels = new["spec"].get("template", {}).get("metadata", {}).get("labels")
        new["metadata"] = {**new["metadata"], **({"labels": labels} if labels else {})}
    return new


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from workload_errors(new, old, policies=("OnFailure", "Never"))
    yield from not_negative_errors(new["spec"], "completions", "parallelism", "backoffLimit")
    if old:
        for field in ("selector", "template", "completionMode"):
            if new["spec"].get(field) != old["spec"].get(field):
                yield FieldError(f"spec.{field}", "FieldValueInvalid", f"Invalid value: {field}: {IMMUTABLE}")


def _cells(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    conditions = {item["type"] for item in status.get("conditions") or () if item.get("status") == "True"}
    if obj["metadata"].get("deletionTimestamp"):
        state = "Terminating"
    else:
        state = next((name for name in ("Complete", "Failed", "Suspended") if name in conditions), "Running")
        state = "FailureTarget" if state == "Running" and "FailureTarget" in conditions else state
    if "completions" in spec:
        completions = f"{status.get('succeeded', 0)}/{spec['completions']}"
    else:
        parallel = spec.get("parallelism", 0)
        total = f"1 of {parallel}" if parallel > 1 else "1"
        completions = f"{status.get('succeeded', 0)}/{total}"
    return [
        obj["metadata"]["name"],
        state,
        completions,
        _duration(status, now),
        created(obj, now),
        *template_cells(obj),
    ]


def _duration(status: Obj, now: int) -> str:
    start = status.get("startTime")
    if not start:
        return ""
    end = status.get("completionTime")
    return human_duration(((parse_time(end) if end else now) - parse_time(start)) // 1000)


JOB = Kind(
    group="batch",
    version="v1",
    kind="Job",
    plural="jobs",
    categories=("all",),
    subresources={"status": Subresource("batch", "v1", "Job")},
    fields=METADATA_FIELDS | {"status.successful"},
    package="io.k8s.api.batch.v1",
    printer=Printer(columns(f"Name, Status, Completions, Duration, Age, {TEMPLATE_COLUMNS}"), _cells),
    default=_default,
    check=_errors,
)
