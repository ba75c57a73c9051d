"""What faults, noise and tests do to running pods from outside: ask probes again, kill a container, evict a pod."""

from collections.abc import Iterator
from dataclasses import replace

from kubeworld.kinds import conditions, events
from kubeworld.kubelet.controller import Kubelet, probed_pods
from kubeworld.kubelet.memory import ContainerMemory, key, load, with_exit
from kubeworld.machine.runtime import ExitPlan
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


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


def evict(world: World, pod: Obj, message: str) -> None:
    """The kubelet's own eviction, for a lack of memory or disk: the pod fails and stays as a record.

    `message` is the kubelet's, e.g. "The node was low on resource: ephemeral-storage. ...".
    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
    """
    memory = load(world, pod)
    if memory is None:
        raise KeyError(f"{pod['metadata']['name']} is not on a node")
    now_ms = world.clock.now_ms
    # At once, without a grace period: what a node lacks it lacks now (hard eviction thresholds).
    killed = {
        name: replace(
            container,
            state="terminated",
            due_ms=None,
            exit_code=137,
            exit_reason="Error",
            finished_ms=now_ms,
            ready=False,
        )
        for name, container in memory.containers.items()
    }
    evicted = replace(memory, phase="Failed", reason="Evicted", message=message, containers=killed)
    world.state[key(pod["metadata"]["uid"])] = evicted
    node = pod["spec"]["nodeName"]
    events.record(world, "pods", pod, "Evicted", message, component="kubelet", type_="Warning", host=node)
    status = dict(pod.get("status") or {})
    status["conditions"] = conditions.with_condition(
        status.get("conditions") or [],
        world.clock.rfc3339(),
        type_="DisruptionTarget",
        status="True",
        reason="TerminationByKubelet",
        message=message,
    )
    world.store.update("pods", {**pod, "status": status})
    world.wake(Kubelet.name, "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))
