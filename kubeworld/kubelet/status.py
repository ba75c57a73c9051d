"""The pod status that the kubelet reports, built from what it remembers.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ and pkg/kubelet/status/generate.go.
"""

import hashlib
from functools import lru_cache

from kubeworld.kinds import conditions
from kubeworld.kubelet.images import canonical
from kubeworld.kubelet.memory import ContainerMemory, PodMemory
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def build(world: World, pod: Obj, memory: PodMemory) -> Obj:
    """The whole `status`; condition times move only with their status."""
    spec, old = pod["spec"], pod.get("status") or {}
    new: Obj = {"phase": memory.phase}
    # Not the kubelet's to decide: the API server and the scheduler wrote them.
    for kept in ("qosClass", "nominatedNodeName"):
        if kept in old:
            new[kept] = old[kept]
    new["conditions"] = _conditions(world, pod, memory)
    if memory.reason:
        new["reason"] = memory.reason
    if memory.message:
        new["message"] = memory.message
    host_ip = node_address(world, spec["nodeName"])
    if host_ip:
        new["hostIP"] = host_ip
        new["hostIPs"] = [{"ip": host_ip}]
    if memory.ip:
        new["podIP"] = memory.ip
        new["podIPs"] = [{"ip": memory.ip}]
    new["startTime"] = memory.started
    waits_for_init = bool(spec.get("initContainers"))
    if waits_for_init:
        new["initContainerStatuses"] = [
            _container(world, pod, container, memory, "PodInitializing") for container in spec["initContainers"]
        ]
    default = "PodInitializing" if waits_for_init else "ContainerCreating"
    new["containerStatuses"] = [_container(world, pod, container, memory, default) for container in spec["containers"]]
    return new


def node_address(world: World, name: str) -> str:
    """InternalIP of a node, or nothing."""
    node = world.store.get("nodes", "", name)
    for address in ((node or {}).get("status") or {}).get("addresses") or ():
        if address["type"] == "InternalIP":
            return address["address"]
    return ""


def is_sidecar(container: Obj) -> bool:
    """An init container that restarts always keeps running beside the others."""
    return container.get("restartPolicy") == "Always"


def init_done(pod: Obj, memory: PodMemory) -> bool:
    """Every init container has completed, every sidecar has started."""
    for container in pod["spec"].get("initContainers") or ():
        if not is_done(container, memory.containers.get(container["name"])):
            return False
    return True


def is_done(container: Obj, memory: ContainerMemory | None) -> bool:
    """Whether an init container lets the next one start."""
    if memory is None:
        return False
    if is_sidecar(container):
        return memory.started
    return memory.state == "terminated" and memory.exit_code == 0 and memory.due_ms is None


def _container(world: World, pod: Obj, container: Obj, pod_memory: PodMemory, default: str) -> Obj:
    memory = pod_memory.containers.get(container["name"]) or ContainerMemory()
    if memory.reason == "" and memory.state in ("new", "waiting", "pulling"):
        # A container that nobody has looked at yet, or that is about to be started again.
        state: Obj = {"waiting": {"reason": "CrashLoopBackOff" if memory.has_run else default}}
    else:
        state = current_state(world, pod, container, memory)
    status: Obj = {
        "name": container["name"],
        "state": state,
        "lastState": {"terminated": memory.last} if memory.last else {},
        "ready": memory.ready if memory.state in ("running", "stopping") else _completed_init(container, pod, memory),
        "restartCount": memory.attempt,
        "image": canonical(container["image"]) if memory.has_run else container["image"],
        "imageID": _image_id(container["image"]) if memory.has_run else "",
        "started": memory.state in ("running", "stopping") and memory.started,
    }
    if memory.has_run:
        status["containerID"] = container_id(pod, container["name"], memory.attempt)
    return status


def current_state(world: World, pod: Obj, container: Obj, memory: ContainerMemory) -> Obj:
    """The `state` of a container status."""
    if memory.state in ("running", "stopping"):
        return {"running": {"startedAt": world.clock.rfc3339(memory.started_ms)}}
    if memory.state == "terminated" and memory.exit_reason == "StartError" and memory.due_ms is not None:
        # A container that is going to be started again is reported as waiting, for the reason of the failed start.
        return {"waiting": {"reason": "RunContainerError", "message": memory.message}}
    if memory.state == "terminated":
        return {"terminated": terminated(world, pod, container["name"], memory)}
    waiting: Obj = {"reason": memory.reason}
    if memory.message:
        waiting["message"] = memory.message
    return {"waiting": waiting}


def terminated(world: World, pod: Obj, container: str, memory: ContainerMemory) -> Obj:
    """A terminated state, now or as lastState."""
    state: Obj = {
        "exitCode": memory.exit_code,
        "reason": memory.exit_reason,
        "startedAt": world.clock.rfc3339(memory.started_ms),
        "finishedAt": world.clock.rfc3339(memory.finished_ms),
        "containerID": container_id(pod, container, memory.attempt),
    }
    if memory.message:
        state["message"] = memory.message
    return state


def container_id(pod: Obj, container: str, attempt: int) -> str:
    """A containerd id, distinct for each attempt."""
    return _container_id(f"{pod['metadata']['uid']}/{container}/{attempt}")


@lru_cache(maxsize=4096)
def _container_id(text: str) -> str:
    return f"containerd://{hashlib.sha256(text.encode()).hexdigest()}"


@lru_cache(maxsize=1024)
def _image_id(image: str) -> str:
    name = canonical(image)
    repository = name.partition("@")[0]
    head, _, last = repository.rpartition("/")
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{head}/{last.partition(':')[0]}@sha256:{digest}"


def _completed_init(container: Obj, pod: Obj, memory: ContainerMemory) -> bool:
    """A completed init container counts as ready."""
    is_init = any(init["name"] == container["name"] for init in pod["spec"].get("initContainers") or ())
    return is_init and is_done(container, memory)


_ORDER = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""In which a kubelet writes conditions, and so in which `kubectl describe` shows them."""


def _conditions(world: World, pod: Obj, memory: PodMemory) -> conditions.Conditions:
    now = world.clock.rfc3339()
    current = (pod.get("status") or {}).get("conditions") or []
    spec = pod["spec"]
    ended = memory.phase in ("Succeeded", "Failed")
    sandbox = "True" if memory.ip and not ended else "False"
    current = conditions.with_condition(current, now, type_="PodReadyToStartContainers", status=sandbox)
    unfinished = [
        container["name"]
        for container in spec.get("initContainers") or ()
        if not is_done(container, memory.containers.get(container["name"]))
    ]
    if unfinished and not ended:
        message = f"containers with incomplete status: [{' '.join(unfinished)}]"
        initialized = {"status": "False", "reason": "ContainersNotInitialized", "message": message}
    else:
        initialized = {"status": "True"}
    current = conditions.with_condition(current, now, type_="Initialized", **initialized)
    for type_ in ("Ready", "ContainersReady"):
        current = conditions.with_condition(current, now, type_=type_, **_readiness(pod, memory))
    # Pods that name their node never met the scheduler, and have its condition all the same.
    if conditions.find(current, "PodScheduled") is None:
        current = conditions.with_condition(current, now, type_="PodScheduled", status="True")
    return sorted(
        current, key=lambda condition: _ORDER.index(condition["type"]) if condition["type"] in _ORDER else len(_ORDER)
    )


def _readiness(pod: Obj, memory: PodMemory) -> dict[str, str]:
    if memory.phase == "Succeeded":
        return {"status": "False", "reason": "PodCompleted"}
    if memory.phase == "Failed":
        return {"status": "False", "reason": "PodFailed"}
    # Sidecars count towards the readiness of the pod, other init containers have ended by then.
    containers = [*(c for c in pod["spec"].get("initContainers") or () if is_sidecar(c)), *pod["spec"]["containers"]]
    unready = []
    for container in containers:
        remembered = memory.containers.get(container["name"])
        if remembered is None or remembered.state not in ("running", "stopping") or not remembered.ready:
            unready.append(container["name"])
    if not unready:
        return {"status": "True"}
    message = f"containers with unready status: [{' '.join(unready)}]"
    return {"status": "False", "reason": "ContainersNotReady", "message": message}
