"""Two versions, one stored object: events.k8s.io/v1 over core events, autoscaling/v1 over v2."""

from kubeworld.kinds.resources import ResourceType
from kubeworld.machine.store import Obj

_EVENT_RENAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


def from_storage(kind: ResourceType, obj: Obj) -> Obj:
    """The stored object in `kind`'s version."""
    if kind.group == "events.k8s.io":
        new = {_EVENT_RENAMES.get(key, key): value for key, value in obj.items()}
    else:
        new = _autoscaler_v1(obj)
    return {**new, "apiVersion": kind.api_version, "kind": kind.kind}


def to_storage(kind: ResourceType, obj: Obj) -> Obj:
    """An object of `kind`'s version as it is stored."""
    if kind.group == "events.k8s.io":
        back = {new: old for old, new in _EVENT_RENAMES.items()}
        return {**{back.get(key, key): value for key, value in obj.items()}, "apiVersion": "v1", "kind": "Event"}
    return _autoscaler_v2(obj)


def _autoscaler_v1(obj: Obj) -> Obj:
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


def _autoscaler_v2(obj: Obj) -> Obj:
    spec = dict(obj.get("spec") or {})
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "apiVersion": "autoscaling/v2", "spec": spec}


def shown(kind: ResourceType, obj: Obj) -> Obj:
    """The object in the version that was asked for, with its kind."""
    if kind.storage:
        return from_storage(kind, obj)
    if "kind" in obj and "apiVersion" in obj:
        return obj
    return {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
