"""What is read off a PersistentVolumeClaim."""

from kubeworld.machine import quantities
from kubeworld.machine.store import Obj

CLAIMS = "persistentvolumeclaims"
CLASSES = "storageclasses.storage.k8s.io"


def requested_bytes(claim: Obj) -> int:
    """The storage that it asks for."""
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return quantities.amount("storage", requests.get("storage", "0"))
