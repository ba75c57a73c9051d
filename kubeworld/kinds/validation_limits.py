"""Validation of LimitRanges, ResourceQuotas and PriorityClasses."""

from collections.abc import Iterator

from kubeworld.kinds.errors import FieldError, forbidden_field, invalid
from kubeworld.machine.quantities import parse
from kubeworld.machine.store import Obj

_HIGHEST_PRIORITY = 1_000_000_000
_SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_COUNTED = frozenset(
    [
        "configmaps",
        "cpu",
        "ephemeral-storage",
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "memory",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
        "requests.storage",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    ]
)
_NOUNS = {"defaultRequest": "default request"}
_ORDER = (
    ("min", "max"),
    ("min", "defaultRequest"),
    ("min", "default"),
    ("defaultRequest", "default"),
    ("default", "max"),
)
"""(lower, upper) of what a LimitRange may say about one resource."""


def limit_range_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Minimum, default request, default and maximum come in this order."""
    for at, item in enumerate((new.get("spec") or {}).get("limits") or ()):
        for low, high in _ORDER:
            for name, value in (item.get(low) or {}).items():
                above = (item.get(high) or {}).get(name)
                if above is not None and parse(str(value)) > parse(str(above)):
                    why = f"{_NOUNS.get(low, low)} value {value} is greater than {_NOUNS.get(high, high)} value {above}"
                    yield invalid(f"spec.limits[{at}].{low}[{name}]", str(value), why)


def quota_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """A quota is over resources that are counted."""
    for name in (new.get("spec") or {}).get("hard") or {}:
        if name not in _COUNTED and "/" not in name and not name.startswith("hugepages-"):
            yield invalid(f"spec.hard[{name}]", name, "must be a standard resource for quota")


def priority_class_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """The highest priorities are the system's; a class never changes its value."""
    name, value = new["metadata"].get("name", ""), new.get("value", 0)
    if name.startswith("system-"):
        if _SYSTEM_CLASSES.get(name) != value:
            why = "priority class names with 'system-' prefix are reserved for system use only. error: "
            yield forbidden_field("metadata.name", f"{why}{name} is not a known system priority class")
    elif value > _HIGHEST_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}"
        yield forbidden_field("value", why)
    for field in ("value", "preemptionPolicy"):
        if old is not None and new.get(field) != old.get(field):
            yield forbidden_field(field, "may not be changed in an update.")
