"""What faults, noise and tests do to running pods from outside: ask probes again, kill a container, evict a pod."""

from collections.abc import Iterator
from dataclasses import replace

from kubeworld.kubelet.controller import Kubelet, probed_pods
from kubeworld.kubelet.eviction import evict
from kubeworld.kubelet.memory import ContainerMemory, key, load, with_exit
from kubeworld.machine.runtime import ExitPlan
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

__all__ = ["evict", "kill_container", "replan_exit", "reprobe", "running_containers"]


def reprobe(world: World, namespace: str) -> None:
    """Have the probes of a namespace asked again, after a change that is no API object's (a database, a flag)."""
    for resource, name in probed_pods(world, namespace):
        world.wake(Kubelet.name, resource, name)


def kill_container(world: World, pod: Obj, container: str, *, code: int = 137, reason: str = "Error") -> None:
    """End a running container's process now; the kubelet restarts it by the pod's policy. Raises: KeyError."""
    memory = load(world, pod)
    if memory is None or memory.containers[container].state != "running":
        raise KeyError(f"{pod['metadata']['name']}/{container} is not running")
    # As if the process ended by itself at this instant; from there on it is the kubelet's ordinary way.
    ended = replace(memory.containers[container], exit_ms=world.clock.now_ms, exit_code=code, exit_reason=reason)
    _remember(world, pod, container, replace(ended, exit_message=""))


def running_containers(world: World, pod: Obj) -> Iterator[tuple[Obj, ContainerMemory]]:
    """The containers of a pod that run, of any sort, each with what its kubelet remembers of it."""
    memory = load(world, pod)
    for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
        remembered = memory.containers.get(container["name"]) if memory is not None else None
        if remembered is not None and remembered.state == "running":
            yield container, remembered


def replan_exit(world: World, pod: Obj, container: str, plan: ExitPlan | None) -> None:
    """A running container ends as `plan` says, counted from now, or does not end by itself. Raises: KeyError."""
    memory = load(world, pod)
    if memory is None or memory.containers[container].state != "running":
        raise KeyError(f"{pod['metadata']['name']}/{container} is not running")
    planned = with_exit(memory.containers[container], plan, world.clock.now_ms)
    _remember(world, pod, container, planned)


def _remember(world: World, pod: Obj, container: str, remembered: ContainerMemory) -> None:
    """And have the kubelet look."""
    meta = pod["metadata"]
    memory = load(world, pod)
    assert memory is not None  # the callers saw it
    world.state[key(meta["uid"])] = replace(memory, containers={**memory.containers, container: remembered})
    world.wake(Kubelet.name, "pods", (meta["namespace"], meta["name"]))
