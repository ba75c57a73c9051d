"""Chaos Mesh's `pod-failure`: the images of the picked pods' containers are replaced by one in which nothing happens.

A kubelet restarts a container whose image changes. Where the pod names a command, the pause image has no such program,
so the container does not start; where it names none, it runs, and does nothing. When the experiment ends the images
come back from the annotations that hold them.
Source: chaos-mesh v2.6.2, `controllers/chaosimpl/podchaos/podfailure/impl.go`
"""

import math

from aoi.worlds.behaviour import chaos
from aoi.worlds.behaviour.experiments import PODS
from kubeworld.kinds import events
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

PAUSE_IMAGE = "gcr.io/google-containers/pause:latest"
PAUSED = "chaos-mesh/paused"
"""Experiments whose pods are paused: name -> (namespace, name) of the pods."""
KEY_CHARACTERS = 63
"""Of the name of an annotation at most."""
Paused = dict[Name, tuple[tuple[str, str], ...]]


class Pausing:
    """The controller of experiments with the action `pod-failure`."""

    name = "chaos-mesh-pod-failure"
    watches = (PODS,)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """What was made, changed or removed."""
        return [(PODS, change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Replace images when an experiment comes into force, and bring them back when it ends."""
        paused: Paused = world.state.get(PAUSED, {})
        experiment = world.store.get(PODS, *name)
        running = next((item for item in chaos.active(world) if item.obj is experiment), None)
        if experiment is not None and running is not None and experiment["spec"].get("action") == "pod-failure":
            if name not in paused:
                places = ((space, pod) for space in chaos.namespaces_of(experiment) for pod in sorted(running.pods))
                pods = tuple(place for place in places if world.store.get("pods", *place) is not None)
                world.state[PAUSED] = {**paused, name: pods}
                for place in pods:
                    _pause(world, experiment, place)
                if (ends_ms := chaos.ends_ms(world, experiment)) < math.inf:
                    world.clock.set_timer(int(ends_ms) - world.clock.now_ms, self.name, PODS, *name)
        elif name in paused:
            world.state[PAUSED] = {key: pods for key, pods in paused.items() if key != name}
            for place in paused[name]:
                _recover(world, name[1], place)


def _pause(world: World, experiment: Obj, place: tuple[str, str]) -> None:
    stored = world.store.get("pods", *place)
    if stored is None or "deletionTimestamp" in stored["metadata"]:
        return
    pod, annotations = fork(stored, "metadata", "annotations")
    pod["spec"] = dict(stored["spec"])
    for field in ("containers", "initContainers"):
        containers = []
        for container in stored["spec"].get(field) or ():
            annotations[_key(experiment["metadata"]["name"], container["name"], field)] = container["image"]
            containers.append({**container, "image": PAUSE_IMAGE})
        if containers:
            pod["spec"][field] = containers
    world.store.update("pods", pod)
    message = f"Successfully apply chaos for {place[0]}/{place[1]}"
    events.record(world, PODS, experiment, "Applied", message, component="records")


def _recover(world: World, experiment: str, place: tuple[str, str]) -> None:
    stored = world.store.get("pods", *place)
    if stored is None or "deletionTimestamp" in stored["metadata"]:
        return
    pod, annotations = fork(stored, "metadata", "annotations")
    pod["spec"] = dict(stored["spec"])
    for field in ("containers", "initContainers"):
        if stored["spec"].get(field):
            pod["spec"][field] = [
                {**container, "image": annotations.pop(_key(experiment, container["name"], field), container["image"])}
                for container in stored["spec"][field]
            ]
    world.store.update("pods", pod)


def _key(experiment: str, container: str, field: str) -> str:
    whose = f"{container}-{'init' if field == 'initContainers' else 'normal'}"
    key = f"chaos-mesh-{experiment}-pod-failure-{whose}-image"
    return key if len(key) <= KEY_CHARACTERS else whose
