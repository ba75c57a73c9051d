"""PersistentVolumeClaims: the default class, and which of them may grow."""

from kubeworld.kinds.claims import CLAIMS, CLASSES, requested_bytes
from kubeworld.machine.admission import Refused
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World


def check_resize(world: World, claim: Obj, previous: Obj) -> None:
    """A claim grows only where its class lets it (PersistentVolumeClaimResize). Raises: Refused."""
    if requested_bytes(claim) <= requested_bytes(previous):
        return
    storage_class = world.store.get(CLASSES, "", claim["spec"].get("storageClassName") or "")
    if storage_class is None or not storage_class.get("allowVolumeExpansion"):
        why = (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support "
            "resize"
        )
        raise Refused(f'{CLAIMS} "{claim["metadata"]["name"]}" is forbidden: {why}')


def with_default_class(world: World, claim: Obj) -> Obj:
    """DefaultStorageClass: a claim that names no class gets the default one, if there is one."""
    if "storageClassName" in (claim.get("spec") or {}):
        return claim
    for storage_class in world.store.objects("storageclasses.storage.k8s.io"):
        annotations = storage_class["metadata"].get("annotations") or {}
        if annotations.get("storageclass.kubernetes.io/is-default-class") == "true":
            new, spec = fork(claim, "spec")
            spec["storageClassName"] = storage_class["metadata"]["name"]
            return new
    return claim
