"""HorizontalPodAutoscalers: autoscaling/v2 as they are stored, and autoscaling/v1."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required
from kubeworld.kinds.kind import Conversion, Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, UNKNOWN, UNSET, Printer, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    spec: Obj = {"minReplicas": 1, **(obj.get("spec") or {})}
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if spec.get("maxReplicas", 0) < 1:
        yield invalid("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than 0")
    elif spec.get("minReplicas", 1) > spec["maxReplicas"]:
        yield invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        yield required("spec.scaleTargetRef.name")


def _cells(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    reference = spec["scaleTargetRef"]
    return [
        obj["metadata"]["name"],
        f"{reference.get('kind', '')}/{reference['name']}",
        _targets(spec, status),
        str(spec.get("minReplicas") or UNSET),
        spec["maxReplicas"],
        status.get("currentReplicas", 0),
        created(obj, now),
    ]


def _targets(spec: Obj, status: Obj) -> str:
    current = {
        (item.get("resource") or {}).get("name"): (item.get("resource") or {}).get("current") or {}
        for item in status.get("currentMetrics") or ()
    }
    shown = []
    for metric in spec.get("metrics") or ():
        resource = metric.get("resource")
        if resource is None:
            shown.append(f"{UNKNOWN}/{UNKNOWN}")
            continue
        target, name = resource.get("target") or {}, resource["name"]
        now = current.get(name) or {}
        if "averageUtilization" in target:
            used = f"{now['averageUtilization']}%" if "averageUtilization" in now else UNKNOWN
            shown.append(f"{name}: {used}/{target['averageUtilization']}%")
        else:
            shown.append(f"{name}: {now.get('averageValue', UNKNOWN)}/{target.get('averageValue', UNKNOWN)}")
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return (", ".join(shown[:2]) + more) or NONE


def _from_storage(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    for metric in spec.pop("metrics", None) or ():
        target = (metric.get("resource") or {}).get("target") or {}
        if (metric.get("resource") or {}).get("name") == "cpu" and "averageUtilization" in target:
            spec["targetCPUUtilizationPercentage"] = target["averageUtilization"]
    spec.pop("behavior", None)
    status = dict(obj.get("status") or {})
    for metric in status.pop("currentMetrics", None) or ():
        current = (metric.get("resource") or {}).get("current") or {}
        if "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
    status.pop("conditions", None)
    return {**obj, "spec": spec, **({"status": status} if status else {})}


def _to_storage(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "apiVersion": "autoscaling/v2", "spec": spec}


def _keep(old: Obj, new: Obj) -> Obj:
    """An autoscaling/v1 update does not lose what only v2 can say."""
    spec = {**{key: value for key, value in old["spec"].items() if key == "behavior"}, **new["spec"]}
    spec.setdefault("metrics", old["spec"].get("metrics"))
    return {**new, "spec": spec}


HORIZONTAL_POD_AUTOSCALER = Kind(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    short=("hpa",),
    categories=("all",),
    subresources={"status": Subresource("autoscaling", "v2", "HorizontalPodAutoscaler")},
    package="io.k8s.api.autoscaling.v2",
    has_generation=False,
    printer=Printer(columns("Name, Reference, Targets, MinPods, MaxPods:integer, Replicas:integer, Age"), _cells),
    default=_default,
    check=_errors,
)

OLD_HORIZONTAL_POD_AUTOSCALER = replace(
    HORIZONTAL_POD_AUTOSCALER,
    version="v1",
    package="io.k8s.api.autoscaling.v1",
    subresources={"status": Subresource("autoscaling", "v1", "HorizontalPodAutoscaler")},
    conversion=Conversion(HORIZONTAL_POD_AUTOSCALER.table, _from_storage, _to_storage),
    keep=_keep,
)
