"""ResourceQuotas, and what they can count."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    hard = status.get("hard") or (obj.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    entries = [(name, f"{name}: {used.get(name, '0')}/{hard[name]}") for name in sorted(hard)]
    requests = ", ".join(text for name, text in entries if not name.startswith("limits"))
    limits = ", ".join(text for name, text in entries if name.startswith("limits"))
    return [obj["metadata"]["name"], created(obj, now), requests, limits]


MEASURED = {
    **dict.fromkeys(("cpu", "memory", "ephemeral-storage", "pods"), "pods"),
    **{f"{kind}.{name}": "pods" for kind in ("requests", "limits") for name in ("cpu", "memory", "ephemeral-storage")},
    **{name: name for name in ("configmaps", "persistentvolumeclaims", "replicationcontrollers")},
    **{name: name for name in ("resourcequotas", "secrets", "services")},
    "requests.storage": "persistentvolumeclaims",
    "services.loadbalancers": "services",
    "services.nodeports": "services",
}
"""The keys that Kubernetes knows, and the table in which each is counted. The objects of any other are counted by
`count/<resource>.<group>`; extended resources and huge pages are the pods'."""


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """A quota is over resources that are counted."""
    for name in (new.get("spec") or {}).get("hard") or {}:
        if name not in MEASURED and "/" not in name and not name.startswith("hugepages-"):
            yield invalid(f"spec.hard[{name}]", name, "must be a standard resource for quota")


RESOURCE_QUOTA = Kind(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    short=("quota",),
    subresources={"status": Subresource("", "v1", "ResourceQuota")},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Age, Request, Limit"), _cells),
    check=_errors,
    usage=lambda _: {"resourcequotas": 1},
    answers_deleted=True,
)
