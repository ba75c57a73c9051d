"""LimitRanges."""

from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, invalid
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import DATED
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    limits = []
    for item in (obj.get("spec") or {}).get("limits") or ():
        new = dict(item)
        if item.get("type") == "Container":
            new["default"] = {**(item.get("max") or {}), **(item.get("default") or {})}
            new["defaultRequest"] = {**(item.get("min") or {}), **new["default"], **(item.get("defaultRequest") or {})}
            new = {key: value for key, value in new.items() if value or key not in ("default", "defaultRequest")}
        limits.append(new)
    return {**obj, "spec": {**(obj.get("spec") or {}), "limits": limits}}


_NOUNS = {"defaultRequest": "default request"}
_ORDER = (
    ("min", "max"),
    ("min", "defaultRequest"),
    ("min", "default"),
    ("defaultRequest", "default"),
    ("default", "max"),
)
"""(lower, upper) of what a LimitRange may say about one resource."""


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Minimum, default request, default and maximum come in this order."""
    for at, item in enumerate((new.get("spec") or {}).get("limits") or ()):
        for low, high in _ORDER:
            for name, value in (item.get(low) or {}).items():
                above = (item.get(high) or {}).get(name)
                if above is not None and quantities.parse(str(value)) > quantities.parse(str(above)):
                    why = f"{_NOUNS.get(low, low)} value {value} is greater than {_NOUNS.get(high, high)} value {above}"
                    yield invalid(f"spec.limits[{at}].{low}[{name}]", str(value), why)


LIMIT_RANGE = Kind(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    short=("limits",),
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=DATED,
    default=_default,
    check=_errors,
)
