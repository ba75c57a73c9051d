"""What controllers, kubelets and clients read off a pod."""

from kubeworld.kinds import conditions
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def is_active(pod: Obj) -> bool:
    """Counts towards its controller's replicas: neither ended nor marked for deletion."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Obj) -> bool:
    """Its Ready condition is True."""
    return conditions.is_true(pod, "Ready")


def ready_since_ms(world: World, pod: Obj) -> int | None:
    """World time since which it has been Ready, or None."""
    condition = conditions.find((pod.get("status") or {}).get("conditions"), "Ready")
    if condition is None or condition["status"] != "True":
        return None
    return world.clock.at_ms(condition["lastTransitionTime"])


def available_in_ms(world: World, pod: Obj, min_ready_s: int) -> int | None:
    """0 if the pod is available, else how long until it may be, or None if it is not Ready at all."""
    since_ms = ready_since_ms(world, pod)
    if since_ms is None:
        return None
    return max(0, since_ms + min_ready_s * 1000 - world.clock.now_ms)


def claims(pod: Obj) -> list[str]:
    """Names of the PersistentVolumeClaims that the pod mounts."""
    names: list[str] = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            names.append(f"{pod['metadata']['name']}-{volume['name']}")
    return names
