"""What can be seen of a world, as a set of features: the automatic diff that a fault must show up in.

Features are coarse on purpose (a reason, a kind of log line, an alert), so that names of pods, times and counts do
not count as change. Used to admit problems, never by agents.
"""

import re
from collections.abc import Iterator

from aoi.estate.selectors import selects
from aoi.problems.alerts import alerts_of
from aoi.problems.inventory import RECORDED
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.chaos import scheduled_spec
from aoi.worlds.behaviour.network import is_ready, main_container
from aoi.worlds.behaviour.traffic import cpu_millicores, evaluate
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry.alerts import healthy
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Feature = tuple[str, str, str]
"""(channel, component, what is seen)."""

OBJECTS = "objects"
"""Channel of what is written in objects beside workloads: it tells faults apart, and shows nobody suffering."""
CHURN_MS = 600_000
CHURN = 2
"""New pods for each that there should be, and one more, in that time: above it they do not last."""
LOG_LINES = 60
MORE = 3.0
"""Times the usual rate of requests, or the usual CPU."""
BURNT_M = 500
"""Millicores above that, below which nobody would look."""
GROWN = 1.4
"""Times the steady working set."""
_VOLATILE = re.compile(r"[0-9a-f]{8,}|\b[a-z0-9]{5,10}-[a-z0-9]{5}\b|\d+")
_QUOTED = re.compile(r"\"[^\"]*\"|[a-z]+ [\w.-]+/[\w.-]+", re.IGNORECASE)
_TROUBLE = re.compile(
    r"error|fail|panic|fatal|exception|terminate called|refused|"
    r"manual gc|time(?:d )?out|deadline|denied|unauthor|unimplemented|unavailable|no such|reset",
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
    seen.update(("events", name, "new pods again and again") for name in _churning(world, application))
    seen.update(("metrics", name, fact) for name, fact in _metrics(world, application))
    for name in sorted(names):
        seen.update(("workload", name, fact) for fact in _workload(world, application, name))
        seen.update((OBJECTS, name, fact) for fact in _services(world, application, name))
    seen.update((OBJECTS, "", fact) for fact in _storage(world, application.namespace))
    seen.update(_experiments(world, application))
    for policy in world.store.objects("networkpolicies.networking.k8s.io", application.namespace):
        for component in _chosen(policy["spec"].get("podSelector") or {}, application):
            kinds = policy["spec"].get("policyTypes") or ("Ingress",)
            seen.update((OBJECTS, component, f"{kind} {_rules(policy['spec'], kind)}") for kind in kinds)
    return frozenset(seen)


def _storage(world: World, namespace: str) -> Iterator[str]:
    """Claims that have no volume, and volumes that still wait for what a former claim left on them."""
    for claim in world.store.objects("persistentvolumeclaims", namespace):
        phase = claim.get("status", {}).get("phase")
        if phase != "Bound":
            yield f"claim {phase}"
    for volume in world.store.objects("persistentvolumes"):
        phase = volume.get("status", {}).get("phase")
        if phase in ("Released", "Failed") and volume["spec"].get("claimRef", {}).get("namespace") == namespace:
            yield f"volume {phase}"


def _experiments(world: World, application: Application) -> Iterator[Feature]:
    """Chaos objects by whom they hit and what they do to them; of a schedule, what it does again and again."""
    for resource in (key for key in RECORDED if key.endswith(".chaos-mesh.org")):
        for chaos in world.store.objects(resource, application.namespace):
            kind, spec = chaos["kind"], chaos["spec"]
            if kind == "Schedule":
                kind, spec = f"scheduled {spec.get('type')}", scheduled_spec(spec)
            hit = application.component_of({"metadata": {"labels": spec.get("selector", {}).get("labelSelectors", {})}})
            action = spec.get("action", "") or next((field for field in ("abort", "delay") if field in spec), "")
            yield OBJECTS, hit.name if hit else "", f"{kind} {action}{_strength(spec)}"


def _strength(spec: Obj) -> str:
    """How much of the traffic an experiment takes, roughly: some of it is another thing than nearly all."""
    share = (spec.get(spec.get("action", "")) or {}).get("loss") if spec.get("action") == "loss" else None
    return "" if share is None else " of some" if float(share) < 80 else " of nearly all"


def _chosen(selector: Obj, application: Application) -> Iterator[str]:
    for component in application.components:
        if not component.namespace and selects(selector, application.labels_of(component)):
            yield component.name


def _rules(spec: Obj, direction: str) -> str:
    """How many rules, and whether names may be asked for: what `kubectl describe networkpolicy` tells at a glance."""
    rules = spec.get(direction.lower()) or ()
    asks = any(port.get("port") == 53 for rule in rules for port in rule.get("ports") or ())
    return f"{len(rules)} rules{', names' if asks else ''}"


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


def _churning(world: World, application: Application) -> Iterator[str]:
    """Components that got many more new pods in the last minutes than a rollout or two bring."""
    new: dict[str, int] = {}
    for event in world.store.objects("events", application.namespace):
        recent = world.clock.now_ms - world.clock.at_ms(event["lastTimestamp"]) <= CHURN_MS
        if event["reason"] == "Scheduled" and recent:
            owner = _owner(event, application)
            new[owner] = new.get(owner, 0) + 1
    for name, count in new.items():
        replicas = application.by_name[name].replicas if name in application.by_name else 0
        if replicas and count > CHURN * (replicas + 1):
            yield name


def _metrics(world: World, application: Application) -> Iterator[tuple[str, str]]:
    """(component, what its graphs show that they usually do not): requests, CPU, memory."""
    now, usual = traffic(world), evaluate(application, healthy(application))
    for name, load in now.components.items():
        if load.rate >= MORE * usual.components[name].rate > 0:
            yield name, "many more requests"
        if now.saturated.get(name, 0.0) >= 1.0:
            yield name, "held back at its CPU limit"
        costs = now.application.by_name[name].demand.cpu_ms_per_request
        if costs > MORE * application.by_name[name].demand.cpu_ms_per_request:
            yield name, "a request takes more CPU"
    for pod in world.store.objects("pods", application.namespace):
        component = application.component_of(pod)
        if component is None or not is_ready(pod):
            continue
        used = world.runtime.usage(world, pod, main_container(application, pod))
        wanted = cpu_millicores(component, usual.components[component.name].rate)
        if used.cpu_millicores >= MORE * wanted + BURNT_M:
            yield component.name, "CPU far above usual"
        if used.memory_bytes >= GROWN * component.demand.memory_bytes:
            yield component.name, "memory above usual"


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


def _services(world: World, application: Application, name: str) -> Iterator[str]:
    """What `kubectl get services` tells of a component."""
    for service in (item for item in application.services if item.component == name):
        component = application.by_name[name]
        found = world.store.get("services", application.namespace_of(component), service.name)
        spec = found["spec"] if found else {}
        yield f"{service.name}: {spec.get('type', 'no Service')} {spec.get('internalTrafficPolicy', '')}"
        for port in spec.get("ports") or ():
            yield f"{service.name}: {port['port']}/{port.get('protocol', 'TCP')} to {port.get('targetPort')}"


def _workload(world: World, application: Application, name: str) -> Iterator[str]:
    component = application.by_name[name]
    workload = world.store.get(component.resource, application.namespace_of(component), component.workload)
    if workload is None:
        yield "no workload"
        return
    if workload["spec"].get("replicas", 1) == 0:
        yield "asks for no pods"
    spec = workload["spec"]["template"]["spec"]
    if spec.get("nodeSelector"):
        yield "asks for nodes by a selector"
    if (spec.get("affinity") or {}).get("nodeAffinity"):
        yield "asks for nodes by affinity"
    yield from _probes(workload)
    yield from _wishes(workload)
    for service in (item for item in application.services if item.component == name):
        endpoints = world.store.get("endpoints", application.namespace_of(component), service.name)
        subsets = (endpoints or {}).get("subsets") or ()
        if not any(subset.get("addresses") for subset in subsets):
            yield f"{service.name}: no endpoints"
        behind = (a.get("targetRef", {}).get("name", "") for subset in subsets for a in subset.get("addresses") or ())
        if any(_is_foreign(world, application, component, pod) for pod in behind):
            yield f"{service.name}: pods of others behind it"
        ports = {port["port"] for subset in subsets for port in subset.get("ports", ())}
        listening = {
            port["containerPort"]
            for container in workload["spec"]["template"]["spec"]["containers"]
            for port in container.get("ports", ())
        }
        if ports - listening:
            yield f"{service.name}: endpoints at a port of no container"


def _is_foreign(world: World, application: Application, component: Component, name: str) -> bool:
    pod = world.store.get("pods", application.namespace_of(component), name)
    return pod is not None and application.component_of(pod) is not component


def _wishes(workload: Obj) -> Iterator[str]:
    """Where the template wants its pods: the scheduler refuses several wishes in the same words."""
    spec = workload["spec"]["template"]["spec"]
    for field, wanted in (("nodeSelector", spec.get("nodeSelector")), *spec.get("affinity", {}).items()):
        if wanted:
            yield f"wishes by {field}"


def _probes(workload: Obj) -> Iterator[str]:
    """Probes that knock where no container of the template listens by its own word."""
    for container in workload["spec"]["template"]["spec"]["containers"]:
        declared = {port["containerPort"] for port in container.get("ports", ())}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            handlers = container.get(kind, {})
            asked = {handlers[how].get("port") for how in ("httpGet", "tcpSocket", "grpc") if how in handlers}
            if declared and any(isinstance(port, int) and port not in declared for port in asked):
                yield f"{kind} asks at a port of no container"
