"""PodDisruptionBudgets."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.workloads import share_errors
from kubeworld.machine.store import Obj


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new.get("spec") or {}
    yield from share_errors(spec, "spec")
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")


def _cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    return [
        obj["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        (obj.get("status") or {}).get("disruptionsAllowed", 0),
        created(obj, now),
    ]


POD_DISRUPTION_BUDGET = Kind(
    group="policy",
    version="v1",
    kind="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    short=("pdb",),
    subresources={"status": Subresource("policy", "v1", "PodDisruptionBudget")},
    package="io.k8s.api.policy.v1",
    printer=Printer(columns("Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age"), _cells),
    check=_errors,
)
