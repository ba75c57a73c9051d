"""PersistentVolumeClaims: the default class, and which of them may grow."""

from kubeworld.kinds.persistent_volume_claim import CLAIMS, requested_bytes
from kubeworld.kinds.storage_class import CLASSES, is_default_class
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
    """DefaultStorageClass: a claim that names no class gets the default one, if there is one.

    Of several the newest, and of those that are as new the first by name, as the plug-in sorts them. Source:
    https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
    """
    if "storageClassName" in (claim.get("spec") or {}):
        return claim
    defaults = [item["metadata"] for item in world.store.objects(CLASSES) if is_default_class(item)]
    if not defaults:
        return claim
    new, spec = fork(claim, "spec")
    # The store lists by name, and `max` keeps the first of equals.
    spec["storageClassName"] = max(defaults, key=lambda meta: world.clock.at_ms(meta["creationTimestamp"]))["name"]
    return new
