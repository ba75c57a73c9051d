"""What happens in any cluster on any morning, and is no fault: an old restart, a rollout, a warning or two.

Every world has some of it by seed, with a fault to come or without, so that neither a recent change nor a warning
event nor a restarted container proves anything.
"""

import random
from dataclasses import replace

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.network import is_ready, main_container
from kubeworld.kinds import events
from kubeworld.kubelet import control, memory
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World

MINUTE_MS = 60_000
OLD_MS = 25 * MINUTE_MS
"""Since when an event is history, for whoever looks no earlier than this."""
_NAMESERVERS = (
    "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
    "10.96.0.10 10.0.0.2 10.0.0.3"
)


def happen(world: World, application: Application, rng: random.Random) -> None:
    """The last forty minutes to two hours before anybody looks. Leaves the world settled and healthy."""
    programs = [c.name for c in application.components if c.kind in ("service", "gateway")]
    marks = application.furniture
    if marks.evicted or marks.past or marks.restarted:
        _leave_marks(world, application)
        world.advance(OLD_MS)
    if rng.random() < 0.4:
        _crash(world, application, _pod(world, application, rng.choice(programs)))
        world.advance(rng.randint(20, 50) * MINUTE_MS)
    if rng.random() < 0.5:
        _restart(world, application, rng.choice(programs))
        world.advance(rng.randint(8, 35) * MINUTE_MS)
    if rng.random() < 0.5:
        _warn(world, application, _pod(world, application, rng.choice(programs)), rng)
    world.advance(rng.randint(12, 35) * MINUTE_MS + rng.randint(0, 59_999))


def _leave_marks(world: World, application: Application) -> None:
    """What once went wrong and has long been right: it is written down still, and tells nothing of today."""
    furniture = application.furniture
    if furniture.past:
        pod = _pod(world, application, furniture.past)
        message = "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available."
        events.record(world, "pods", pod, "FailedScheduling", message, component="default-scheduler", type_="Warning")
    for name, times in furniture.restarted:
        _crash(world, application, _pod(world, application, name), times - 1)
    # What was restarted a moment ago is not ready, and has no pod that could be evicted.
    if furniture.evicted and furniture.evicted not in {name for name, _ in furniture.restarted}:
        message = "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. "
        control.evict(world, _pod(world, application, furniture.evicted), message)
    world.settle()


def _pod(world: World, application: Application, component: str) -> Obj:
    """A ready pod of a component."""
    return next(
        pod
        for pod in world.store.objects("pods", application.namespace)
        if (owner := application.component_of(pod)) is not None and owner.name == component and is_ready(pod)
    )


def _crash(world: World, application: Application, pod: Obj, earlier: int = 0) -> None:
    """One container ends with an error and is restarted; as it was `earlier` times before."""
    known = memory.load(world, pod)
    assert known is not None
    name = main_container(application, pod)["name"]
    running = known.containers[name]
    attempt = running.attempt + earlier
    ended = replace(running, attempt=attempt, exit_ms=world.clock.now_ms, exit_code=1, exit_reason="Error")
    world.state[memory.key(pod["metadata"]["uid"])] = replace(known, containers={**known.containers, name: ended})
    world.wake("kubelet", "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))
    world.settle()


def _restart(world: World, application: Application, component: str) -> None:
    """Somebody ran `kubectl rollout restart`."""
    spec = application.by_name[component]
    stored = world.store.get(spec.resource, application.namespace_of(spec), spec.workload)
    assert stored is not None
    updated, annotations = fork(stored, "spec", "template", "metadata", "annotations")
    annotations["kubectl.kubernetes.io/restartedAt"] = world.clock.rfc3339()
    world.store.update(spec.resource, updated, spec_changed=True)
    world.settle()


def _warn(world: World, application: Application, pod: Obj, rng: random.Random) -> None:
    """A warning event that nobody needs to act on."""
    container = main_container(application, pod)
    reason, message, path = "DNSConfigForming", _NAMESERVERS, ""
    if "readinessProbe" in container and rng.random() < 0.6:
        address = f"{pod['status']['podIP']}:{container['ports'][0]['containerPort']}"
        reason, path = "Unhealthy", f"spec.containers{{{container['name']}}}"
        message = f"Readiness probe failed: dial tcp {address}: i/o timeout"
    host = pod["spec"]["nodeName"]
    events.record(world, "pods", pod, reason, message, component="kubelet", type_="Warning", host=host, field_path=path)
    world.settle()
