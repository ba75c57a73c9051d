"""StorageClasses."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def is_default_class(storage_class: Obj) -> bool:
    """Whether claims that name no class are given this one."""
    annotations = storage_class["metadata"].get("annotations") or {}
    return bool(annotations.get("storageclass.kubernetes.io/is-default-class") == "true")


def _default(world: World, obj: Obj) -> Obj:
    return {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate", **obj}


def _cells(obj: Obj, now: int) -> list[Any]:
    name = obj["metadata"]["name"] + (" (default)" if is_default_class(obj) else "")
    return [
        name,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        obj.get("allowVolumeExpansion", False),
        created(obj, now),
    ]


STORAGE_CLASS = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="StorageClass",
    plural="storageclasses",
    short=("sc",),
    namespaced=False,
    package="io.k8s.api.storage.v1",
    has_generation=False,
    printer=Printer(columns("Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age"), _cells),
    default=_default,
    answers_deleted=True,
)

CLASSES = STORAGE_CLASS.table
