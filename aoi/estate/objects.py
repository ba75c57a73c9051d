"""Kubernetes objects as they come from an API server: read with suspicion, since anybody may have written them.

Nothing here raises for an odd shape: what is missing or of another type reads as empty.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Obj = dict[str, Any]

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def part(obj: Mapping[str, Any], *path: str) -> Obj:
    """A nested mapping; empty if any step of the path is missing or is something else."""
    value: Any = obj
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def entries(obj: Mapping[str, Any], *path: str) -> list[Obj]:
    """The mappings of a nested list; empty if it is missing or is something else."""
    value = part(obj, *path[:-1]).get(path[-1])
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(obj: Mapping[str, Any], *path: str) -> str:
    """A nested scalar as text; empty if it is missing."""
    value = part(obj, *path[:-1]).get(path[-1])
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def number(obj: Mapping[str, Any], *path: str, default: int = 0) -> int:
    """A nested integer; `default` if it is missing or no integer."""
    value = part(obj, *path[:-1]).get(path[-1])
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def name(obj: Obj) -> str:
    """`metadata.name`."""
    return text(obj, "metadata", "name")


def namespace(obj: Obj) -> str:
    """`metadata.namespace`; empty for what belongs to none."""
    return text(obj, "metadata", "namespace")


def uid(obj: Obj) -> str:
    """`metadata.uid`."""
    return text(obj, "metadata", "uid")


def labels(obj: Obj) -> dict[str, str]:
    """`metadata.labels`."""
    return {str(key): str(value) for key, value in part(obj, "metadata", "labels").items()}


def reference(obj: Obj) -> str:
    """`Deployment/web`, as people and kubectl write it."""
    return f"{obj.get('kind') or 'Object'}/{name(obj)}"


def condition(obj: Obj, kind: str) -> Obj:
    """The condition of one type; empty if the object has none."""
    return next((item for item in entries(obj, "status", "conditions") if item.get("type") == kind), {})


def controller(obj: Obj) -> Obj:
    """The owner reference that manages the object, else the first; empty without owners."""
    owners = entries(obj, "metadata", "ownerReferences")
    return next((owner for owner in owners if owner.get("controller")), owners[0] if owners else {})


def instant(value: str) -> datetime | None:
    """An RFC 3339 time; None if it is none."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def age_s(value: str, now: datetime | None) -> float | None:
    """Seconds since a time; None if either is unknown."""
    then = instant(value) if value else None
    return (now - then).total_seconds() if then and now else None


def spell(seconds: float | None) -> str:
    """`45s`, `12m`, `3h`, `5d`; `some time` if unknown."""
    if seconds is None:
        return "some time"
    whole = max(0, int(seconds))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if whole >= 2 * size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


class Container(NamedTuple):
    """A container of a pod: what was asked for, and what became of it."""

    role: str
    """`init container`, `sidecar` (an init container that stays), `container` or `ephemeral container`."""
    name: str
    spec: Obj
    status: Obj


_PLACES = (
    ("initContainers", "initContainerStatuses", "init container"),
    ("containers", "containerStatuses", "container"),
    ("ephemeralContainers", "ephemeralContainerStatuses", "ephemeral container"),
)


def containers(pod: Obj) -> Iterator[Container]:
    """All containers of a pod in the order in which they start, with their status where there is one.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    for place, statuses, role in _PLACES:
        known = {text(status, "name"): status for status in entries(pod, "status", statuses)}
        for spec in entries(pod, "spec", place):
            is_sidecar = role == "init container" and spec.get("restartPolicy") == "Always"
            label = text(spec, "name")
            yield Container("sidecar" if is_sidecar else role, label, spec, known.get(label, {}))


def main_container(pod: Obj) -> str:
    """The container that a person means who names none: as annotated, else the first."""
    annotated = text(pod, "metadata", "annotations", DEFAULT_CONTAINER)
    listed = [text(spec, "name") for spec in entries(pod, "spec", "containers")]
    return annotated if annotated in listed else next(iter(listed), "")


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition holds."""
    return text(condition(pod, "Ready"), "status") == "True"


def is_over(pod: Obj) -> bool:
    """Whether all its containers have ended for good."""
    return text(pod, "status", "phase") in ("Succeeded", "Failed")
