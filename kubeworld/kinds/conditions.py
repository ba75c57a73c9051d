"""The `status.conditions` list that most kinds share."""

from typing import Any

from kubeworld.machine.store import Obj

Conditions = list[dict[str, Any]]


def find(conditions: Conditions | None, type_: str) -> dict[str, Any] | None:
    """The condition of a type, or None."""
    for condition in conditions or ():
        if condition["type"] == type_:
            return condition
    return None


def is_true(obj: Obj, type_: str) -> bool:
    """Whether an object's condition is True."""
    condition = find((obj.get("status") or {}).get("conditions"), type_)
    return condition is not None and condition["status"] == "True"


def with_condition(
    conditions: Conditions, now: str, *, type_: str, status: str, reason: str = "", message: str = "", **extra: Any
) -> Conditions:
    """A new list with one condition set; lastTransitionTime moves only when its status changes.

    `extra` carries the fields of some kinds (lastUpdateTime, lastProbeTime, observedGeneration).
    """
    current = find(conditions, type_)
    wanted: dict[str, Any] = {"type": type_, "status": status}
    if reason:
        wanted["reason"] = reason
    if message:
        wanted["message"] = message
    wanted |= extra
    same_status = current is not None and current["status"] == status
    wanted["lastTransitionTime"] = current.get("lastTransitionTime", now) if current and same_status else now
    if current is None:
        return [*conditions, wanted]
    return [wanted if condition is current else condition for condition in conditions]


def without(conditions: Conditions, type_: str) -> Conditions:
    """A new list without the condition of a type."""
    return [condition for condition in conditions if condition["type"] != type_]


def disrupted(pod: Obj, now: str, reason: str, message: str) -> Obj:
    """A pod that says in its DisruptionTarget who ends it, and why."""
    status = dict(pod.get("status") or {})
    status["conditions"] = with_condition(
        status.get("conditions") or [], now, type_="DisruptionTarget", status="True", reason=reason, message=message
    )
    return {**pod, "status": status}
