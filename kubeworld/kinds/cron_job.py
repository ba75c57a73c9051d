"""CronJobs."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.schedule import is_zone, schedule_problem
from kubeworld.kinds.shared.columns import NONE, Printer, age, columns, created
from kubeworld.kinds.shared.pod_checks import pod_spec_errors
from kubeworld.kinds.shared.workloads import (
    TEMPLATE_COLUMNS,
    containers_and_images,
    defaulted_template,
    finite_errors,
    not_negative_errors,
)
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    base: Obj = {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    new: Obj = {**obj, "spec": {**base, **(obj.get("spec") or {})}}
    template: Obj = new["spec"].get("jobTemplate") or {}
    job_spec = dict(template.get("spec") or {})
    if "template" in job_spec:
        job_spec["template"] = defaulted_template(job_spec)
    metadata = {"creationTimestamp": None, **(template.get("metadata") or {})}
    new["spec"]["jobTemplate"] = {**template, "metadata": metadata, "spec": job_spec}
    return new


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    elif problem := schedule_problem(schedule):
        yield invalid("spec.schedule", schedule, problem)
    if "timeZone" in spec and not is_zone(spec["timeZone"]):
        yield invalid("spec.timeZone", spec["timeZone"], f"unknown time zone {spec['timeZone']}")
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy", "Allow") not in policies:
        yield unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], policies)
    yield from not_negative_errors(
        spec, "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"
    )
    template = ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
    yield from pod_spec_errors(template.get("spec") or {}, "spec.jobTemplate.spec.template.spec")
    yield from finite_errors(template, "spec.jobTemplate.spec")


def _cells(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    last = status.get("lastScheduleTime")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(bool(spec.get("suspend"))),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        created(obj, now),
        *containers_and_images(pod),
        NONE,
    ]


CRON_JOB = Kind(
    group="batch",
    version="v1",
    kind="CronJob",
    plural="cronjobs",
    short=("cj",),
    categories=("all",),
    subresources={"status": Subresource("batch", "v1", "CronJob")},
    package="io.k8s.api.batch.v1",
    printer=Printer(
        columns(f"Name, Schedule, Timezone, Suspend, Active:integer, Last Schedule, Age, {TEMPLATE_COLUMNS}"), _cells
    ),
    default=_default,
    check=_errors,
)
