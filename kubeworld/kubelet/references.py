"""What a pod's containers and volumes refer to, and what of it is missing: the kubelet's own error texts.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables) and pkg/volume/{configmap,secret}.
"""

from kubeworld.kinds.pod import claims
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_STORES = {"configMap": ("configmaps", "configmap", "ConfigMap"), "secret": ("secrets", "secret", "Secret")}


def missing_for_env(world: World, pod: Obj, container: Obj) -> str | None:
    """The error that keeps the container from being created (CreateContainerConfigError), or None."""
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or ():
        for kind, (resource, noun, _) in _STORES.items():
            reference = source.get(f"{kind}Ref")
            if reference and not reference.get("optional") and not _exists(world, resource, namespace, reference):
                return f'{noun} "{reference["name"]}" not found'
    for variable in container.get("env") or ():
        value_from = variable.get("valueFrom") or {}
        for kind, (resource, noun, title) in _STORES.items():
            reference = value_from.get(f"{kind}KeyRef")
            if not reference or reference.get("optional"):
                continue
            stored = world.store.get(resource, namespace, reference["name"])
            if stored is None:
                return f'{noun} "{reference["name"]}" not found'
            # envFrom takes whatever keys there are; a single variable names one, which must exist.
            if reference["key"] not in _keys(stored):
                return f"couldn't find key {reference['key']} in {title} {namespace}/{reference['name']}"
    return None


def missing_volume(world: World, pod: Obj) -> str | None:
    """The FailedMount message of the first volume that cannot be set up, or None."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        problem = _volume_problem(world, namespace, volume)
        if problem:
            return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {problem}'
    return None


def attached_elsewhere(world: World, pod: Obj) -> str | None:
    """The Multi-Attach error of a ReadWriteOnce volume that a pod on another node holds, or None.

    Only attachable (CSI) volumes know it; a hostPath is wherever its node is.
    """
    namespace, node = pod["metadata"]["namespace"], pod["spec"]["nodeName"]
    for name in claims(pod):
        claim = world.store.get("persistentvolumeclaims", namespace, name)
        volume = world.store.get("persistentvolumes", "", ((claim or {}).get("spec") or {}).get("volumeName") or "")
        if volume is None or "csi" not in volume["spec"]:
            continue
        if not set(volume["spec"].get("accessModes") or ()) <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            continue
        # A pod has an address after its volumes: one without may be waiting for the volume itself.
        holders = [
            other["metadata"]["name"]
            for other in world.store.objects("pods", namespace)
            if other["spec"].get("nodeName") not in (None, "", node)
            and name in claims(other)
            and (other.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
            and (other.get("status") or {}).get("podIP")
        ]
        if holders:
            title = volume["metadata"]["name"]
            return f'Multi-Attach error for volume "{title}" Volume is already used by pod(s) {", ".join(holders)}'
    return None


def _volume_problem(world: World, namespace: str, volume: Obj) -> str | None:
    if "configMap" in volume:
        return _projected_problem(world, namespace, "configMap", volume["configMap"], volume["configMap"]["name"])
    if "secret" in volume:
        return _projected_problem(world, namespace, "secret", volume["secret"], volume["secret"]["secretName"])
    for source in (volume.get("projected") or {}).get("sources") or ():
        for kind in _STORES:
            if kind in source:
                problem = _projected_problem(world, namespace, kind, source[kind], source[kind]["name"])
                if problem:
                    return problem
    if "persistentVolumeClaim" in volume:
        return _claim_problem(world, namespace, volume["persistentVolumeClaim"]["claimName"])
    return None


def _projected_problem(world: World, namespace: str, kind: str, source: Obj, name: str) -> str | None:
    resource, noun, _ = _STORES[kind]
    stored = world.store.get(resource, namespace, name)
    if source.get("optional"):
        return None
    if stored is None:
        return f'{noun} "{name}" not found'
    for wanted in (projection["key"] for projection in source.get("items") or ()):
        if wanted not in _keys(stored):
            return f"{noun} references non-existent {'config' if kind == 'configMap' else 'secret'} key: {wanted}"
    return None


def _claim_problem(world: World, namespace: str, name: str) -> str | None:
    claim = world.store.get("persistentvolumeclaims", namespace, name)
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if (claim.get("status") or {}).get("phase") != "Bound":
        return f'PVC "{name}" is not bound'
    return None


def _exists(world: World, resource: str, namespace: str, reference: Obj) -> bool:
    return world.store.get(resource, namespace, reference["name"]) is not None


def _keys(stored: Obj) -> set[str]:
    return {*(stored.get("data") or {}), *(stored.get("binaryData") or {}), *(stored.get("stringData") or {})}
