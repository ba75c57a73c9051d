"""What Chaos Mesh does by itself: kills pods and containers once, and makes experiments by a schedule.

The experiments that act as long as they are there (`chaos.py`) need no hand. A Schedule makes a new object of its type
at each of its times, owned by it and labelled with its name, and keeps as many ended ones as its `historyLimit` says.
Source: https://chaos-mesh.org/docs/define-scheduling-rules/, https://chaos-mesh.org/docs/simulate-pod-chaos-on-kubernetes/
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from aoi.worlds.behaviour import chaos
from kubeworld.api.server import api_of
from kubeworld.kinds import events
from kubeworld.kinds.owners import owner_reference, resource_of
from kubeworld.kinds.schedule import next_time, parse
from kubeworld.kubelet.control import kill_container, running_containers
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

API_VERSION = "chaos-mesh.org/v1alpha1"
SCHEDULES = chaos.SCHEDULES
PODS = "podchaos.chaos-mesh.org"
MANAGED_BY = "managed-by"
_EVERY = re.compile(r"@every\s+(\S+)")


class Experiments:
    """The controller manager of Chaos Mesh, for what has to be done and not only looked at."""

    name = "chaos-mesh"
    watches = (SCHEDULES, PODS)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """What was made or changed."""
        return [] if change.verb == "DELETED" else [(change.resource, change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Carry out a kill that was not carried out yet; make what a schedule says that it is time for."""
        obj = world.store.get(resource, *name)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return
        if resource == PODS:
            self._carry_out(world, obj)
        else:
            self._follow(world, obj)

    def _carry_out(self, world: World, experiment: Obj) -> None:
        acts: dict[str, Callable[[World, Obj, Obj], None]] = {"pod-kill": _kill_pod, "container-kill": _kill_containers}
        act = acts.get(experiment["spec"].get("action", ""))
        key = f"chaos-mesh/done/{experiment['metadata']['uid']}"
        if act is None or world.state.get(key):
            return
        world.state[key] = True
        for name in sorted(chaos.picked(world, experiment)):
            for namespace in chaos.namespaces_of(experiment):
                pod = world.store.get("pods", namespace, name)
                if pod is not None:
                    act(world, pod, experiment)
                    message = f"Successfully apply chaos for {namespace}/{name}"
                    events.record(world, PODS, experiment, "Applied", message, component="records")

    def _follow(self, world: World, schedule: Obj) -> None:
        meta, spec = schedule["metadata"], schedule["spec"]
        key = f"chaos-mesh/next/{meta['uid']}"
        due = world.state.get(key)
        if due is not None and world.clock.now_ms >= due:
            if not chaos.is_paused(schedule) and not (
                spec.get("concurrencyPolicy") == "Forbid" and self._has_active(world, schedule)
            ):
                self._spawn(world, schedule)
            self._forget(world, schedule)
            due = None
        if due is None:
            due = _next_ms(world, spec.get("schedule", ""))
            if due is not None:
                world.state[key] = due
                world.clock.set_timer(due - world.clock.now_ms, self.name, SCHEDULES, meta["namespace"], meta["name"])

    def _has_active(self, world: World, schedule: Obj) -> bool:
        mine = {child["metadata"]["uid"] for child in _children(world, schedule)}
        return any(item.obj["metadata"]["uid"] in mine for item in chaos.active(world))

    def _spawn(self, world: World, schedule: Obj) -> None:
        meta, spec = schedule["metadata"], schedule["spec"]
        kind = spec["type"]
        resource = resource_of(API_VERSION, kind)
        name = world.store.generated_name(resource, meta["namespace"], f"{meta['name']}-", meta["name"])
        child = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {MANAGED_BY: meta["name"]},
                "ownerReferences": [owner_reference(SCHEDULES, schedule)],
            },
            "spec": chaos.scheduled_spec(spec),
        }
        world.store.create(resource, child)
        events.record(world, SCHEDULES, schedule, "Spawned", f"Create new object: {name}", component="schedule-cron")

    def _forget(self, world: World, schedule: Obj) -> None:
        """Drop the oldest ended runs beyond the history that is kept."""
        running = {item.obj["metadata"]["uid"] for item in chaos.active(world)}
        ended = [child for child in _children(world, schedule) if child["metadata"]["uid"] not in running]
        ended.sort(key=lambda child: (child["metadata"]["creationTimestamp"], child["metadata"]["name"]))
        for child in ended[: max(0, len(ended) - schedule["spec"].get("historyLimit", 1))]:
            resource = resource_of(API_VERSION, child["kind"])
            world.store.delete(resource, child["metadata"]["namespace"], child["metadata"]["name"])


def _children(world: World, schedule: Obj) -> list[Obj]:
    return world.store.owned(resource_of(API_VERSION, schedule["spec"]["type"]), schedule["metadata"]["uid"])


def _next_ms(world: World, text: str) -> int | None:
    """The next time of a schedule: `@every` counts from now, a cron expression by the clock. None if it is neither."""
    now_ms = world.clock.now_ms
    if match := _EVERY.fullmatch(text.strip()):
        return now_ms + max(1000, int(chaos.duration_ms(match[1])))
    try:
        at = next_time(parse(text), datetime.fromtimestamp((world.clock.epoch_ms + now_ms) / 1000, UTC))
    except ValueError:
        return None
    return int(at.timestamp() * 1000) - world.clock.epoch_ms if at else None


def _kill_pod(world: World, pod: Obj, experiment: Obj) -> None:
    """Deleted with the grace period that the experiment gives, none unless it says."""
    meta = pod["metadata"]
    options = {"gracePeriodSeconds": experiment["spec"].get("gracePeriod", 0)}
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
    headers = {"content-type": "application/json"}
    api_of(world).handle("DELETE", path, (), headers, orjson.dumps(options), ADMIN)


def _kill_containers(world: World, pod: Obj, experiment: Obj) -> None:
    """SIGKILL for the named containers; all that run, if none is named."""
    wanted = experiment["spec"].get("containerNames")
    for container, _ in list(running_containers(world, pod)):
        if not wanted or container["name"] in wanted:
            kill_container(world, pod, container["name"])
