"""PersistentVolumes."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, required
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import UNSET, Printer, access_modes, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    base: Obj = {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"}
    return {**obj, "spec": {**base, **(obj.get("spec") or {})}, "status": obj.get("status") or {"phase": "Pending"}}


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not (spec.get("capacity") or {}).get("storage"):
        yield required("spec.capacity")


def _cells(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    terminating = obj["metadata"].get("deletionTimestamp")
    return [
        obj["metadata"]["name"],
        (spec.get("capacity") or {}).get("storage", ""),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if terminating else status.get("phase", ""),
        f"{claim.get('namespace', '')}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        created(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


PERSISTENT_VOLUME = Kind(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    short=("pv",),
    namespaced=False,
    subresources={"status": Subresource("", "v1", "PersistentVolume")},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(
        columns(
            "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, "
            "Reason, Age, VolumeMode/1"
        ),
        _cells,
    ),
    default=_default,
    check=_errors,
    finalizer="kubernetes.io/pv-protection",
    answers_deleted=True,
)
