"""What is read off a PersistentVolumeClaim."""

from kubeworld.machine import quantities
from kubeworld.machine.store import Obj

CLAIMS = "persistentvolumeclaims"
CLASSES = "storageclasses.storage.k8s.io"


def requested_bytes(claim: Obj) -> int:
    """The storage that it asks for."""
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return quantities.amount("storage", requests.get("storage", "0"))


def is_default_class(storage_class: Obj) -> bool:
    """Whether claims that name no class are given this one."""
    annotations = storage_class["metadata"].get("annotations") or {}
    return bool(annotations.get("storageclass.kubernetes.io/is-default-class") == "true")
