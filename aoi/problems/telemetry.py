"""What can be seen of a world, as a set of features: the automatic diff that a fault must show up in.

Features are coarse on purpose (a reason, a kind of log line, an alert), so that names of pods, times and counts do
not count as change. Used to admit problems, never by agents.
"""

import re
from collections.abc import Iterator

from aoi.problems.alerts import alerts_of
from aoi.worlds.applications.spec import Application
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Feature = tuple[str, str, str]
"""(channel, component, what is seen)."""

LOG_LINES = 60
_VOLATILE = re.compile(r"[0-9a-f]{8,}|\b[a-z0-9]{5,10}-[a-z0-9]{5}\b|\d+")
_QUOTED = re.compile(r"\"[^\"]*\"|[a-z]+ [\w.-]+/[\w.-]+", re.IGNORECASE)
_TROUBLE = re.compile(
    r"error|fail|panic|fatal|exception|terminate called|refused|"
    r"time(?:d )?out|deadline|denied|unauthor|unimplemented|unavailable|no such|reset",
    re.IGNORECASE,
)


def features(world: World, application: Application) -> frozenset[Feature]:
    """Everything that telemetry and status show now."""
    seen: set[Feature] = {("alerts", alert.component, alert.word) for alert in alerts_of(world, application)}
    names = {component.name for component in application.components}
    for pod in world.store.objects("pods", application.namespace):
        component = application.component_of(pod)
        if component is not None:
            seen.update(("pods", component.name, fact) for fact in _pod(pod))
            seen.update(("logs", component.name, line) for line in _log(world, pod))
    for event in world.store.objects("events", application.namespace):
        if event.get("type") == "Warning":
            seen.add(("events", _owner(event, application), _told(event)))
    for name in sorted(names):
        seen.update(("workload", name, fact) for fact in _workload(world, application, name))
    for resource in ("networkchaos.chaos-mesh.org", "podchaos.chaos-mesh.org"):
        for chaos in world.store.objects(resource, application.namespace):
            labels = chaos["spec"].get("selector", {}).get("labelSelectors", {})
            hit = application.component_of({"metadata": {"labels": labels}})
            seen.add(("network", hit.name if hit else "", chaos["spec"].get("action", "")))
    return frozenset(seen)


def releases(world: World, application: Application) -> frozenset[Feature]:
    """Fields of containers that the newest recorded template of each workload changed: what tells some causes apart
    that show alike, and no symptom."""
    changed: set[Feature] = set()
    for made in world.store.objects("replicasets.apps", application.namespace):
        owner = (made["metadata"].get("ownerReferences") or [{}])[0].get("name", "")
        component = application.by_workload.get(("deployments.apps", owner))
        current = world.store.get("deployments.apps", application.namespace, owner) if component else None
        if component is None or current is None:
            continue
        new, old = (obj["spec"]["template"]["spec"]["containers"] for obj in (current, made))
        changed.update(("release", component.name, field) for field in _differing(new, old))
    return frozenset(changed)


def _differing(new: list[Obj], old: list[Obj]) -> Iterator[str]:
    for ours, theirs in zip(new, old, strict=False):
        yield from (field for field in {*ours, *theirs} if ours.get(field) != theirs.get(field))


def _pod(pod: Obj) -> Iterator[str]:
    status = pod.get("status", {})
    yield f"phase {status.get('phase')}"
    for entry in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        for part in ("state", "lastState"):
            for what, detail in entry.get(part, {}).items():
                if what != "running":
                    code = detail.get("exitCode", "")
                    yield f"{part} {what} {detail.get('reason', '')} {code}: {_gist(detail.get('message', ''))}"
        if not entry.get("ready"):
            yield "not ready"
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"unscheduled {condition.get('message', '')[:200]}"


def _log(world: World, pod: Obj) -> Iterator[str]:
    for container in pod["spec"]["containers"]:
        for previous in (False, True):
            for line in world.runtime.log(world, pod, container["name"], previous=previous)[-LOG_LINES:]:
                if _TROUBLE.search(line.text):
                    yield _VOLATILE.sub("#", line.text)


def _told(event: Obj) -> str:
    """Its reason; of a probe also how it fails, since a wrong port is refused and a wrong program answers.

    What cannot be pulled, mounted, created or placed says why at the end of its message.
    """
    if event["reason"] in ("Failed", "FailedMount", "FailedCreate"):
        return f"{event['reason']} {_gist(event.get('message', ''))}"
    if event["reason"] != "Unhealthy":
        return event["reason"]
    return f"Unhealthy {_VOLATILE.sub('#', event.get('message', ''))}"


def _gist(message: str) -> str:
    """The last clause of a message, which says why, without the names in it."""
    return _VOLATILE.sub("#", _QUOTED.sub("#", message.removesuffix(": unknown")).rpartition(": ")[2])[:120]


def _owner(event: Obj, application: Application) -> str:
    """The component that an event is about, by the longest name that its object's name starts with."""
    subject = event["involvedObject"].get("name", "")
    names = {name: c.name for c in application.components for name in (c.name, c.workload)}
    fitting = [name for name in names if subject == name or subject.startswith(f"{name}-")]
    return names[max(fitting, key=len)] if fitting else ""


def _workload(world: World, application: Application, name: str) -> Iterator[str]:
    component = application.by_name[name]
    workload = world.store.get(component.resource, application.namespace_of(component), component.workload)
    if workload is None:
        yield "no workload"
        return
    if workload["spec"].get("replicas", 1) == 0:
        yield "asks for no pods"
    yield from _probes(workload)
    for service in (item for item in application.services if item.component == name):
        endpoints = world.store.get("endpoints", application.namespace_of(component), service.name)
        subsets = (endpoints or {}).get("subsets") or ()
        if not any(subset.get("addresses") for subset in subsets):
            yield f"{service.name}: no endpoints"
        ports = {port["port"] for subset in subsets for port in subset.get("ports", ())}
        listening = {
            port["containerPort"]
            for container in workload["spec"]["template"]["spec"]["containers"]
            for port in container.get("ports", ())
        }
        if ports - listening:
            yield f"{service.name}: endpoints at a port of no container"


def _probes(workload: Obj) -> Iterator[str]:
    """Probes that knock where no container of the template listens by its own word."""
    for container in workload["spec"]["template"]["spec"]["containers"]:
        declared = {port["containerPort"] for port in container.get("ports", ())}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            handlers = container.get(kind, {})
            asked = {handlers[how].get("port") for how in ("httpGet", "tcpSocket", "grpc") if how in handlers}
            if declared and any(isinstance(port, int) and port not in declared for port in asked):
                yield f"{kind} asks at a port of no container"
