"""Puts behaviours into force in a world, and brings what is different to running containers and to nodes."""

from kubeworld.behaviours.entries import Behaviours
from kubeworld.behaviours.runtime import DescribedRuntime, described_exit
from kubeworld.controllers import nodes
from kubeworld.controllers.api_services import ApiServices
from kubeworld.kinds.api_service import API_SERVICE
from kubeworld.kubelet import Kubelet, replan_exit, running_containers
from kubeworld.machine.store import Change, Obj
from kubeworld.machine.world import World


def apply(world: World, behaviours: Behaviours) -> None:
    """From this instant the world behaves so. Only the thread that serves a world may call it.

    Probes, usage and logs of running containers follow at once. An exit that is new or different for a running
    container is counted from now; without one it goes on as it would have without an entry. What waits, for a back-off
    or a pull, sees it at its next attempt.
    """
    runtime = _described(world)
    former = runtime.current
    runtime.change(behaviours, world.clock.now_ms)
    world.outside = behaviours.outside
    for service in world.store.objects(API_SERVICE.table):
        world.wake(ApiServices.name, API_SERVICE.table, ("", service["metadata"]["name"]))
    for node in world.store.objects("nodes"):
        _sync_node(world, runtime, node["metadata"]["name"])
    for pod in list(world.store.objects("pods")):
        if pod["spec"].get("nodeName"):
            _replan(world, runtime, former, pod)
            # Its probes are asked again: an answer that passed is not asked for otherwise.
            world.wake(Kubelet.name, "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))
    world.settle()


def _described(world: World) -> DescribedRuntime:
    if isinstance(world.runtime, DescribedRuntime):
        return world.runtime
    runtime = world.runtime = DescribedRuntime(world.runtime)

    def join(change: Change) -> None:
        if change.resource == "nodes" and change.verb == "ADDED":
            _sync_node(world, runtime, change.name[1])

    world.store.subscribers.append(join)
    return runtime


def _sync_node(world: World, runtime: DescribedRuntime, name: str) -> None:
    """Stop or start one kubelet. What nobody describes starts again only if it was an entry that stopped it."""
    ready = runtime.current.is_ready(name)
    if ready is False and name not in runtime.stopped:
        runtime.stopped |= {name}
        nodes.fail(world, name)
    elif ready or (ready is None and name in runtime.stopped):
        runtime.stopped -= {name}
        nodes.restore(world, name)


def _replan(world: World, runtime: DescribedRuntime, former: Behaviours, pod: Obj) -> None:
    for container, memory in running_containers(world, pod):
        before = described_exit(world, pod, former.of(pod, container), memory.attempt)
        after = described_exit(world, pod, runtime.current.of(pod, container), memory.attempt)
        if before != after:
            replan_exit(world, pod, container["name"], runtime.plan(world, pod, container, memory.attempt).exit)
