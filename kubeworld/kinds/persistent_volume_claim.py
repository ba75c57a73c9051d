"""PersistentVolumeClaims. The default class is given by admission, as the plug-in DefaultStorageClass does."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, forbidden_field, required
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import UNSET, Printer, access_modes, columns, created
from kubeworld.kinds.shared.storage import access_mode_errors
from kubeworld.kinds.shared.updates import closed
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def requested_bytes(claim: Obj) -> int:
    """The storage that it asks for."""
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return quantities.amount("storage", requests.get("storage", "0"))


def _default(world: World, obj: Obj) -> Obj:
    spec: Obj = {"volumeMode": "Filesystem", **(obj.get("spec") or {})}
    return {**obj, "spec": spec, "status": obj.get("status") or {"phase": "Pending"}}


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    yield from access_mode_errors(spec)
    if not ((spec.get("resources") or {}).get("requests") or {}).get("storage"):
        yield required("spec.resources[storage]")
    open_fields = ("resources", "volumeName", "volumeAttributesClassName")
    if old and closed(spec, open_fields) != closed(old["spec"], open_fields):
        why = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        yield forbidden_field("spec", why)
    if old and requested_bytes(new) < requested_bytes(old) and requested_bytes(new) <= _capacity_bytes(old):
        yield forbidden_field("spec.resources.requests.storage", "field can not be less than status.capacity")


def _capacity_bytes(claim: Obj) -> int:
    """What it was given; -1 as long as it was given nothing."""
    capacity = (claim.get("status") or {}).get("capacity") or {}
    return quantities.amount("storage", capacity["storage"]) if "storage" in capacity else -1


def _cells(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    bound = spec.get("volumeName", "")
    return [
        obj["metadata"]["name"],
        "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", ""),
        bound,
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        access_modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or UNSET,
        created(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _usage(claim: Obj) -> dict[str, int]:
    usage = {"persistentvolumeclaims": 1}
    requested = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
    if requested:
        usage["requests.storage"] = quantities.amount("storage", requested)
    return usage


PERSISTENT_VOLUME_CLAIM = Kind(
    group="",
    version="v1",
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    short=("pvc",),
    subresources={"status": Subresource("", "v1", "PersistentVolumeClaim")},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(
        columns("Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode/1"),
        _cells,
    ),
    default=_default,
    check=_errors,
    usage=_usage,
    finalizer="kubernetes.io/pvc-protection",
    answers_deleted=True,
)

CLAIMS = PERSISTENT_VOLUME_CLAIM.table
