"""PriorityClasses."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, forbidden_field
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    return {"preemptionPolicy": "PreemptLowerPriority", **obj}


_HIGHEST_PRIORITY = 1_000_000_000
SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """The highest priorities are the system's; a class never changes its value."""
    name, value = new["metadata"].get("name", ""), new.get("value", 0)
    if name.startswith("system-"):
        if SYSTEM_CLASSES.get(name) != value:
            why = "priority class names with 'system-' prefix are reserved for system use only. error: "
            yield forbidden_field("metadata.name", f"{why}{name} is not a known system priority class")
    elif value > _HIGHEST_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        yield forbidden_field("value", why)
    for field in ("value", "preemptionPolicy"):
        if old is not None and new.get(field) != old.get(field):
            yield forbidden_field(field, "may not be changed in an update.")


def _cells(obj: Obj, now: int) -> list[Any]:
    shared = obj.get("globalDefault", False)
    policy = obj.get("preemptionPolicy", "PreemptLowerPriority")
    return [obj["metadata"]["name"], obj.get("value", 0), shared, created(obj, now), policy]


PRIORITY_CLASS = Kind(
    group="scheduling.k8s.io",
    version="v1",
    kind="PriorityClass",
    plural="priorityclasses",
    short=("pc",),
    namespaced=False,
    package="io.k8s.api.scheduling.v1",
    printer=Printer(columns("Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy"), _cells),
    default=_default,
    check=_errors,
)
