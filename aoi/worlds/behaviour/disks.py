"""What a program may do with the folders that it keeps its data in: whether it may write them at all."""

from typing import Literal

from aoi.worlds.applications.spec import MIB, Component
from kubeworld.machine import quantities
from kubeworld.machine.runtime import EvictionPlan
from kubeworld.machine.store import Obj

Trouble = Literal["readonly", "denied"]

EXIT_CODES = {"mongod": 100}
"""What an engine ends with that cannot open its data; of others 1."""
LOG_BYTES = 40 * MIB
"""Four full files of a container's log (containerLogMaxSize is 10 MiB, containerLogMaxFiles 5)."""
FILLING_MS = 60_000
"""Until a program that starts anew has written as much as it ever keeps."""
OWNER = 999
"""User of the engines' official images, which their files belong to."""


def data_trouble(component: Component, pod: Obj) -> tuple[Trouble, str] | None:
    """(why, folder) if an engine cannot write the folder of its claim, or None.

    A volume on the node's own disk keeps its owners whatever the pod's fsGroup says
    (https://kubernetes.io/docs/concepts/storage/volumes/#hostpath).
    """
    folders = {mount.path for mount in component.mounts if mount.source == "claim"}
    if not folders:
        return None
    claims = {v["name"]: v["persistentVolumeClaim"] for v in pod["spec"].get("volumes") or () if _is_claim(v)}
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or ():
            if mount["mountPath"] not in folders:
                continue
            if mount.get("readOnly") or claims.get(mount["name"], {}).get("readOnly"):
                return "readonly", mount["mountPath"]
            if _user(pod, container) not in (None, 0, OWNER):
                return "denied", mount["mountPath"]
    return None


def excess(component: Component, pod: Obj, container: Obj) -> EvictionPlan | None:
    """When the kubelet finds that a program wrote more into its container than it may, if it will."""
    limit = quantities.amounts((container.get("resources") or {}).get("limits")).get("ephemeral-storage")
    written = written_bytes(component)
    if limit is None or limit >= written:
        return None
    total = quantities.write("memory", quantities.pod_amounts(pod, "limits")["ephemeral-storage"])
    message = f"Pod ephemeral local storage usage exceeds the total limit of containers {total}. "
    return EvictionPlan(round(FILLING_MS * limit / written), message)


def written_bytes(component: Component) -> int:
    """What a program has written into its own container once it is warm: its log, unpacked files, caches."""
    return LOG_BYTES + component.demand.memory_bytes // 8


def _is_claim(volume: Obj) -> bool:
    return "persistentVolumeClaim" in volume


def _user(pod: Obj, container: Obj) -> int | None:
    own = (container.get("securityContext") or {}).get("runAsUser")
    return own if own is not None else (pod["spec"].get("securityContext") or {}).get("runAsUser")
