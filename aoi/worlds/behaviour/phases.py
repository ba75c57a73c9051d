"""What Chaos Mesh writes of an experiment: whom it picked, and whether it acts, is paused or is over.

An experiment stays where it is when its duration is over; only its status says that nothing is injected any more.
Source: chaos-mesh v2.6.2, `api/v1alpha1/common_types.go`, `controllers/common/desiredphase`
"""

import math
from typing import Any

from aoi.worlds.behaviour import chaos
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World


class Phases:
    """The controllers of Chaos Mesh that keep the status of experiments."""

    name = "chaos-mesh-phases"
    watches = chaos.RESOURCES

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """What was made or changed."""
        return [] if change.verb == "DELETED" else [(change.resource, change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Write the status of an experiment as it is now, and come back when its time is up."""
        experiment = world.store.get(resource, *name)
        if experiment is None or "deletionTimestamp" in experiment["metadata"]:
            return
        status = _status(world, experiment)
        if experiment.get("status") == status:
            return
        world.store.update(resource, {**experiment, "status": status}, spec_changed=False)
        left_ms = chaos.ends_ms(world, experiment) - world.clock.now_ms
        if 0 < left_ms < math.inf:
            world.clock.set_timer(int(left_ms), self.name, resource, *name)


def _status(world: World, experiment: Obj) -> dict[str, Any]:
    is_paused, is_over = chaos.is_paused(experiment), chaos.is_over(world, experiment)
    runs = not is_paused and not is_over
    picked = _picked(world, experiment)
    conditions = {"Selected": bool(picked), "AllInjected": runs, "AllRecovered": not runs, "Paused": is_paused}
    return {
        "conditions": [{"type": type_, "status": str(holds)} for type_, holds in conditions.items()],
        "experiment": {
            "containerRecords": [_record(pod, runs) for pod in picked],
            "desiredPhase": "Run" if runs else "Stop",
        },
    }


def _picked(world: World, experiment: Obj) -> list[str]:
    """namespace/name of the pods that it picked when it was made; pods that come later are not looked at again."""
    records = ((experiment.get("status") or {}).get("experiment") or {}).get("containerRecords")
    if records is not None:
        return [record["id"] for record in records]
    pods = sorted(chaos.picked(world, experiment))
    places = [(space, pod) for space in chaos.namespaces_of(experiment) for pod in pods]
    return [f"{space}/{pod}" for space, pod in places if world.store.get("pods", space, pod) is not None]


def _record(pod: str, runs: bool) -> dict[str, Any]:
    return {
        "id": pod,
        "injectedCount": 1,
        "phase": "Injected" if runs else "Not Injected",
        "recoveredCount": int(not runs),
        "selectorKey": ".",
    }
