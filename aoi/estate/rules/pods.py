"""Pods: placed or not, started or not, running and ready or not.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Iterator

from aoi.estate.components import Component
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import (
    Obj,
    condition,
    containers,
    entries,
    is_over,
    is_ready,
    labels,
    name,
    namespace,
    part,
    spell,
    text,
)
from aoi.estate.rules import containers as container_rules
from aoi.estate.rules.refusals import Obstacle, obstacles
from aoi.estate.selectors import selects

STUCK_S = 60.0
"""A pod whose grace period ended longer ago than this hangs."""
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
RECENT_S, SEVERAL = 600.0, 3
"""Evictions of one component within this time that are no accident."""
PATIENCE_S = 30.0
"""What a pod may take to be placed or created before anybody worries."""
_DESTROYED = ("Evicted", "Preempting", "Shutdown", "NodeShutdown", "NodeLost", "UnexpectedAdmissionError")


def pods(estate: Estate) -> Iterator[Finding]:
    """Findings about every pod that should run now."""
    for component in estate.components:
        if component.kind in ("Job", "CronJob"):
            alive = [pod for pod in component.pods if not is_over(pod)]
        else:
            alive = list(component.pods)
        for pod in alive:
            for finding in _pod(estate, component, pod):
                yield finding.having(is_of_pod=True)


def _pod(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    phase = text(pod, "status", "phase")
    if text(pod, "metadata", "deletionTimestamp"):
        yield from _terminating(estate, component, pod)
    elif phase == "Failed":
        yield from _failed(estate, component, pod)
    elif phase == "Succeeded":
        return
    elif not text(pod, "spec", "nodeName"):
        yield from _unplaced(estate, component, pod)
    else:
        explained = list(container_rules.containers_of(estate, component, pod))
        yield from explained
        if not explained and not _has_started(pod):
            yield from _uncreated(estate, component, pod)
        elif not explained:
            yield from _gated(estate, component, pod)


def _terminating(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    """The deletion timestamp is the end of the grace period."""
    overdue = estate.age_s(text(pod, "metadata", "deletionTimestamp"))
    if overdue is None or overdue < STUCK_S:
        return
    finalizers = part(pod, "metadata").get("finalizers")
    why = (
        f"; finalizers {', '.join(map(str, finalizers))} hold it" if isinstance(finalizers, list) and finalizers else ""
    )
    node = text(pod, "spec", "nodeName")
    yield Finding(
        "terminating",
        component.identity,
        sentence(
            f"{_called(component, pod)} should have been gone {spell(overdue)} ago and is still"
            f" Terminating on node {node or '-'}{why}"
        ),
        Tier.STATED if why else Tier.ENDED,
        next=(
            f"kubectl get pod {name(pod)} -n {namespace(pod)} -o jsonpath='{{.metadata.finalizers}}'",
            f"kubectl describe node {node}",
        ),
        sightings=(estate.witness.of(pod, "deletionTimestamp"),),
    )


def _failed(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    reason, message = text(pod, "status", "reason"), text(pod, "status", "message")
    if is_replaced(component, pod) and not _recurs(estate, component, reason):
        return  # a leftover beside healthy pods
    word = "evicted" if reason == "Evicted" else "preempted" if reason == "Preempting" else "unclassified"
    if reason in _DESTROYED or reason:
        yield Finding(
            word,
            component.identity,
            sentence(f"{_called(component, pod)} failed: {reason}: {message or 'no message'}"),
            Tier.STATED,
            next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}", "kubectl describe nodes"),
            sightings=(estate.witness.of(pod, f'"reason": "{reason}"'),),
        )
        return
    yield from container_rules.ended(estate, component, pod)


def _recurs(estate: Estate, component: Component, reason: str) -> bool:
    """Whether pod after pod of it was evicted a moment ago: the one that runs now will be the next."""
    ages = [
        estate.age_s(text(condition(pod, "DisruptionTarget"), "lastTransitionTime"))
        for pod in component.pods
        if text(pod, "status", "phase") == "Failed" and text(pod, "status", "reason") == reason == "Evicted"
    ]
    return sum(age is not None and age < RECENT_S for age in ages) >= SEVERAL


def is_replaced(component: Component, pod: Obj) -> bool:
    """Whether the component has the pods that it wants without this one."""
    if component.kind == "Pod":
        return False
    healthy = sum(1 for other in component.pods if other is not pod and is_ready(other))
    return healthy >= (component.wanted if component.wanted is not None else 1)


def _unplaced(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    scheduled = condition(pod, "PodScheduled")
    waited = estate.age_s(text(pod, "metadata", "creationTimestamp"))
    gates = entries(pod, "spec", "schedulingGates")
    if gates:
        held = ", ".join(text(gate, "name") for gate in gates)
        yield _not_placed(estate, component, pod, "pending", f"scheduling gates {held} are not removed", waited)
    elif text(scheduled, "reason") == "Unschedulable":
        message = text(scheduled, "message")
        known = _deciding(estate, pod, obstacles(message))
        yield _not_placed(estate, component, pod, known[0].word if known else "pending", message, waited)
    elif waited is not None and waited > STUCK_S:
        scheduler = text(pod, "spec", "schedulerName")
        named = f": no scheduler has looked at it; it asks for {scheduler!r}" if scheduler else ""
        yield _not_placed(estate, component, pod, "pending", f"no node was chosen{named}", waited)


def _deciding(estate: Estate, pod: Obj, known: list[Obstacle]) -> list[Obstacle]:
    """What keeps a pod from the nodes that it asks for comes before what keeps it from the others.

    A selector that some node fulfils does its work on the rest; one that none does is what is wrong.
    """
    nodes = estate.of("nodes")
    others = [obstacle for obstacle in known if obstacle.word != "nodeselector"]
    if not others or len(others) == len(known) or not estate.shows_absence("nodes"):
        return known
    if any(_is_asked_for(node, pod) for node in nodes):
        return [*others, *(obstacle for obstacle in known if obstacle.word == "nodeselector")]
    return sorted(known, key=lambda obstacle: obstacle.word != "nodeselector")


def _is_asked_for(node: Obj, pod: Obj) -> bool:
    """Whether a node fulfils the pod's node selector and required node affinity."""
    spec, own = part(pod, "spec"), labels(node)
    wanted = part(spec, "nodeSelector")
    terms = entries(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms")
    fits = not terms or any(_fulfils(own, term) for term in terms)
    return fits and all(own.get(str(key)) == str(value) for key, value in wanted.items())


def _fulfils(own: dict[str, str], term: Obj) -> bool:
    """One term: fields such as the node's name are taken to fit."""
    return selects({"matchExpressions": term.get("matchExpressions") or []}, own)


def _not_placed(
    estate: Estate, component: Component, pod: Obj, word: str, message: str, waited: float | None
) -> Finding:
    # A cluster that can grow needs a moment for a node; what a pod asks for stays wrong for longer.
    is_early = waited is not None and waited < PATIENCE_S
    asks = _asks(pod, word)
    return Finding(
        word,
        component.identity,
        sentence(f"{_called(component, pod)} has been Pending for {spell(waited)}{asks}: {message}"),
        Tier.ENDED if word == "unbound" else Tier.STATED,  # the claim itself says why
        "suspect" if is_early else "failing",
        next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}", "kubectl get nodes -o wide"),
        sightings=(estate.witness.of(pod, message[:60]),),
    )


def _called(component: Component, pod: Obj) -> str:
    return f"Pod {name(pod)}" if component.kind == "Pod" else f"Pod {name(pod)} of {component.identity}"


def _asks(pod: Obj, word: str) -> str:
    """What of a pod's own wishes the scheduler's words are about."""
    spec = part(pod, "spec")
    if word == "insufficient":
        requests = (part(c, "resources", "requests") for c in entries(pod, "spec", "containers"))
        wishes = [f"{key} {value}" for request in requests for key, value in request.items()]
        return f" (it requests {', '.join(wishes)})" if wishes else ""
    if word == "nodeselector":
        pairs = [f"{key}={value}" for key, value in part(spec, "nodeSelector").items()]
        for term in entries(spec, "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms"):
            for rule in entries(term, "matchExpressions"):
                values = rule.get("values")
                listed = f" ({', '.join(map(str, values))})" if isinstance(values, list) else ""
                pairs.append(f"{text(rule, 'key')} {text(rule, 'operator')}{listed}")
        return f" (it wants nodes with {', '.join(pairs)})" if pairs else ""
    return ""


def _has_started(pod: Obj) -> bool:
    return any(
        part(container.status, "state", "running") or part(container.status, "state", "terminated")
        for container in containers(pod)
    )


def _gated(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    """Its containers are ready and it is not: somebody else's condition is missing (a readiness gate)."""
    ready = condition(pod, "Ready")
    if text(ready, "status") != "False" or not entries(pod, "spec", "readinessGates"):
        return
    since = estate.age_s(text(ready, "lastTransitionTime"))
    if since is not None and since < PATIENCE_S:
        return
    gates = ", ".join(text(gate, "conditionType") for gate in entries(pod, "spec", "readinessGates"))
    words = f"{_called(component, pod)} waits for its readiness gate {gates} since {spell(since)}"
    yield Finding(
        "notready",
        component.identity,
        sentence(f"{words}: {text(ready, 'message') or text(ready, 'reason')}"),
        Tier.STATED,
        next=(f"kubectl get pod {name(pod)} -n {namespace(pod)} -o jsonpath='{{.status.conditions}}'",),
        sightings=(estate.witness.of(pod, '"readinessGates"'),),
    )


def _uncreated(estate: Estate, component: Component, pod: Obj) -> Iterator[Finding]:
    """Placed, but its sandbox or volumes are not there: the kubelet tells in events."""
    troubles = estate.events(
        pod, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume", "NetworkNotReady"
    )
    waited = estate.age_s(text(pod, "metadata", "creationTimestamp"))
    if not troubles and (waited is None or waited < 5 * STUCK_S):
        return
    message = text(troubles[0], "message") if troubles else "no container has been created, and no event says why"
    word = container_rules.missing_word(message) or ("unbound" if "attach" in message.lower() else "unclassified")
    yield Finding(
        word,
        component.identity,
        sentence(f"{_called(component, pod)} has been ContainerCreating for {spell(waited)}: {message}"),
        Tier.STATED if troubles else Tier.ENDED,
        next=(f"kubectl describe pod {name(pod)} -n {namespace(pod)}",),
        sightings=(estate.witness.of_event(troubles[0]) if troubles else estate.witness.of(pod, "ContainerCreating"),),
    )
