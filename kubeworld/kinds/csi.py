"""What storage drivers declare: CSIDrivers, CSINodes, CSIStorageCapacities and VolumeAttachments.

No driver runs: they are kept and shown, and volumes are provisioned without them. Source of the defaults:
k8s.io/kubernetes/pkg/apis/storage/v1/defaults.go
"""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, unsupported
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.shared.columns import UNSET, Printer, columns, created
from kubeworld.kinds.shared.formats import IMMUTABLE
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_GROUP, _PACKAGE = "storage.k8s.io", "io.k8s.api.storage.v1"
_DRIVER_DEFAULTS: Obj = {
    "attachRequired": True,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "podInfoOnMount": False,
    "requiresRepublish": False,
    "seLinuxMount": False,
    "storageCapacity": False,
    "volumeLifecycleModes": ["Persistent"],
}
_MODES = ("Ephemeral", "Persistent")


def _driver_default(world: World, obj: Obj) -> Obj:
    return {**obj, "spec": {**_DRIVER_DEFAULTS, **(obj.get("spec") or {})}}


def _driver_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    for at, mode in enumerate(spec["volumeLifecycleModes"]):
        if mode not in _MODES:
            yield unsupported(f"spec.volumeLifecycleModes[{at}]", mode, _MODES)
    if old is not None:
        for field in ("attachRequired", "volumeLifecycleModes"):
            if spec[field] != old["spec"][field]:
                yield invalid(f"spec.{field}", spec[field], IMMUTABLE)


def _driver_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    audiences = [token.get("audience", "") for token in spec.get("tokenRequests") or ()]
    return [
        obj["metadata"]["name"],
        spec["attachRequired"],
        spec["podInfoOnMount"],
        spec["storageCapacity"],
        ",".join(audiences) or UNSET,
        spec["requiresRepublish"],
        ",".join(spec["volumeLifecycleModes"]),
        created(obj, now),
    ]


CSI_DRIVER = Kind(
    group=_GROUP,
    version="v1",
    kind="CSIDriver",
    plural="csidrivers",
    namespaced=False,
    package=_PACKAGE,
    has_generation=False,
    printer=Printer(
        columns(
            "Name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, TokenRequests, "
            "RequiresRepublish:boolean, Modes, Age"
        ),
        _driver_cells,
    ),
    default=_driver_default,
    check=_driver_errors,
    answers_deleted=True,
)

CSI_NODE = Kind(
    group=_GROUP,
    version="v1",
    kind="CSINode",
    plural="csinodes",
    namespaced=False,
    package=_PACKAGE,
    has_generation=False,
    printer=Printer(
        columns("Name, Drivers:integer, Age"),
        lambda obj, now: [obj["metadata"]["name"], len(obj["spec"].get("drivers") or ()), created(obj, now)],
    ),
    answers_deleted=True,
)

CSI_STORAGE_CAPACITY = Kind(
    group=_GROUP,
    version="v1",
    kind="CSIStorageCapacity",
    plural="csistoragecapacities",
    package=_PACKAGE,
    has_generation=False,
    printer=Printer(
        columns("Name, StorageClassName, Capacity"),
        lambda obj, _: [obj["metadata"]["name"], obj.get("storageClassName", ""), obj.get("capacity", "")],
    ),
)


def _attachment_cells(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    volume = (spec.get("source") or {}).get("persistentVolumeName", "")
    attached = (obj.get("status") or {}).get("attached", False)
    name = obj["metadata"]["name"]
    return [name, spec.get("attacher", ""), volume, spec.get("nodeName", ""), attached, created(obj, now)]


VOLUME_ATTACHMENT = Kind(
    group=_GROUP,
    version="v1",
    kind="VolumeAttachment",
    plural="volumeattachments",
    namespaced=False,
    package=_PACKAGE,
    has_generation=False,
    subresources={"status": Subresource(_GROUP, "v1", "VolumeAttachment")},
    printer=Printer(columns("Name, Attacher, PV, Node, Attached:boolean, Age"), _attachment_cells),
    answers_deleted=True,
)

CSI = (CSI_DRIVER, CSI_NODE, VOLUME_ATTACHMENT, CSI_STORAGE_CAPACITY)
