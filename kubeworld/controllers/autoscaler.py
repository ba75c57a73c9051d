"""HorizontalPodAutoscaler: sizes a workload by the use of its pods.

Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ and pkg/controller/podautoscaler.
"""

import math
from dataclasses import dataclass

from kubeworld.kinds import conditions, events
from kubeworld.kinds.owners import resource_of
from kubeworld.kinds.pod import is_active, is_ready
from kubeworld.machine import quantities, selectors
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "horizontalpodautoscalers.autoscaling"
COMPONENT = "horizontal-pod-autoscaler"
# Defaults of kube-controller-manager: --horizontal-pod-autoscaler-{sync-period,tolerance,downscale-stabilization}.
PERIOD_MS = 15_000
TOLERANCE = 0.1
"""A ratio of use to target this close to 1 changes nothing."""
STABILIZATION_MS = 300_000
"""A scale-down uses the highest recommendation of this window."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for."""

    replicas: int
    name: str
    current: Obj
    """The entry of status.currentMetrics."""


class MetricError(Exception):
    """A metric could not be computed. `str()` is the event's message."""

    def __init__(self, message: str, kind: str, label: str) -> None:
        super().__init__(message)
        self.kind = kind
        """Of the metric: Resource, Pods, Object, External, ContainerResource."""
        self.label = label
        """What could not be had, in the words of the error that counts the invalid metrics."""


class HorizontalAutoscaler:
    """Looks every 15 seconds, as use changes without any change of an object; only worlds with an HPA pay for it."""

    name = "horizontal-autoscaler"
    watches = (RESOURCE,)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """A new or respecified autoscaler."""
        if change.verb == "DELETED":
            return []
        # Its own status write leaves the spec the same object (store.fork), and needs no look before the period is
        # over.
        if change.previous is not None and change.obj["spec"] is change.previous["spec"]:
            return []
        return [(RESOURCE, change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Measure, recommend, scale, report."""
        autoscaler = world.store.get(RESOURCE, *name)
        if autoscaler is None:
            return
        key = f"autoscaler-timer/{autoscaler['metadata']['uid']}"
        # A change of the spec comes between two periods: it must not start a second chain of timers.
        if world.state.get(key, 0) <= world.clock.now_ms:
            world.state[key] = world.clock.now_ms + PERIOD_MS
            world.clock.set_timer(PERIOD_MS, self.name, RESOURCE, *name)
        self._sync(world, autoscaler)

    def _sync(self, world: World, autoscaler: Obj) -> None:
        report = _Report(world, autoscaler)
        reference = autoscaler["spec"]["scaleTargetRef"]
        resource = resource_of(reference.get("apiVersion", ""), reference["kind"])
        target = world.store.get(resource, autoscaler["metadata"]["namespace"], reference["name"])
        if target is None:
            report.no_target(f'{resource} "{reference["name"]}" not found')
            return
        report.set(
            "AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale"
        )
        current = target["spec"].get("replicas", 1)
        # Scaled to zero by hand means switched off: the autoscaler does not wake the workload (reconcileAutoscaler).
        if current == 0:
            message = "scaling is disabled since the replica count of the target is zero"
            report.set("ScalingActive", "False", "ScalingDisabled", message)
            report.write({"currentReplicas": 0, "desiredReplicas": 0})
            return
        if (bound := _out_of_bounds(autoscaler, current)) is not None:
            # Whatever the metrics say, and if they cannot be had.
            _scale(world, resource, target, bound[0])
            report.rescaled(bound[0], bound[1])
            now = world.clock.rfc3339()
            report.write({"currentReplicas": current, "desiredReplicas": bound[0], "lastScaleTime": now})
            return
        proposals: list[Proposal] = []
        problems: list[MetricError] = []
        for metric in _metrics(autoscaler):
            try:
                proposals.append(_propose(world, autoscaler, target, metric))
            except MetricError as error:
                problems.append(error)
        # What cannot be measured keeps the size from shrinking, not from growing (computeReplicasForMetrics).
        highest = max((proposal.replicas for proposal in proposals), default=0)
        report.no_metrics(problems)
        if problems and (not proposals or highest < current):
            report.not_computed(problems, len(proposals) + len(problems), current)
            return
        # The metric that asks for most decides, so that none is starved (computeReplicasForMetrics).
        best = max(proposals, key=lambda proposal: proposal.replicas)
        message = f"the HPA was able to successfully calculate a replica count from {best.name}"
        report.set("ScalingActive", "True", "ValidMetricFound", message)
        desired = _bounded(report, autoscaler, current, _stabilized(world, autoscaler, current, best.replicas))
        if desired != current:
            _scale(world, resource, target, desired)
            report.rescaled(desired, f"{best.name} above target" if desired > current else "All metrics below target")
        else:
            report.set("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
        numbers: Obj = {"currentReplicas": current, "desiredReplicas": desired}
        numbers["currentMetrics"] = [proposal.current for proposal in proposals]
        if desired != current:
            numbers["lastScaleTime"] = world.clock.rfc3339()
        report.write(numbers)


class _Report:
    """Collects the status of one pass."""

    def __init__(self, world: World, autoscaler: Obj) -> None:
        self.world = world
        self.autoscaler = autoscaler
        self.conditions = list((autoscaler.get("status") or {}).get("conditions") or [])

    def set(self, type_: str, status: str, reason: str, message: str) -> None:
        now = self.world.clock.rfc3339()
        self.conditions = conditions.with_condition(
            self.conditions, now, type_=type_, status=status, reason=reason, message=message
        )

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        type_ = "Warning" if warning else "Normal"
        events.record(self.world, RESOURCE, self.autoscaler, reason, message, component=COMPONENT, type_=type_)

    def no_target(self, problem: str) -> None:
        """The scale cannot be read."""
        self.event("FailedGetScale", problem, warning=True)
        message = f"the HPA controller was unable to get the target's current scale: {problem}"
        self.set("AbleToScale", "False", "FailedGetScale", message)
        self.write({})

    def no_metrics(self, problems: list[MetricError]) -> None:
        """An event for each metric that cannot be had."""
        for problem in problems:
            self.event(f"FailedGet{problem.kind}Metric", str(problem), warning=True)

    def not_computed(self, problems: list[MetricError], metrics: int, current: int) -> None:
        """The size stays as it is while use cannot be measured."""
        first = problems[0]
        error = f"failed to get {first.label}: {first}"
        message = f"invalid metrics ({len(problems)} invalid out of {metrics}), first error is: {error}"
        self.event("FailedComputeMetricsReplicas", message, warning=True)
        explained = f"the HPA was unable to compute the replica count: {first}"
        self.set("ScalingActive", "False", f"FailedGet{first.kind}Metric", explained)
        self.write({"currentReplicas": current, "desiredReplicas": current})

    def rescaled(self, desired: int, reason: str) -> None:
        """The target was given another size."""
        self.event("SuccessfulRescale", f"New size: {desired}; reason: {reason}")
        message = f"the HPA controller was able to update the target scale to {desired}"
        self.set("AbleToScale", "True", "SucceededRescale", message)

    def write(self, numbers: Obj) -> None:
        old = self.autoscaler.get("status") or {}
        status = {**numbers, "conditions": self.conditions}
        if "lastScaleTime" in old:
            status.setdefault("lastScaleTime", old["lastScaleTime"])
        if status != old:
            self.world.store.update(RESOURCE, {**self.autoscaler, "status": status})


def _out_of_bounds(autoscaler: Obj, current: int) -> tuple[int, str] | None:
    """The bound that the present size is beyond, and why it is changed; None within both."""
    spec = autoscaler["spec"]
    if current > spec["maxReplicas"]:
        return spec["maxReplicas"], "Current number of replicas above Spec.MaxReplicas"
    if current < spec.get("minReplicas", 1):
        return spec.get("minReplicas", 1), "Current number of replicas below Spec.MinReplicas"
    return None


def _scale(world: World, resource: str, target: Obj, replicas: int) -> None:
    scaled, spec = fork(target, "spec")
    spec["replicas"] = replicas
    world.store.update(resource, scaled, spec_changed=True)


def _metrics(autoscaler: Obj) -> list[Obj]:
    spec = autoscaler["spec"]
    if spec.get("metrics"):
        return spec["metrics"]
    # 80 % of the requests is what autoscaling/v1 aims at when nothing is said (DefaultCPUUtilization).
    target = {"type": "Utilization", "averageUtilization": spec.get("targetCPUUtilizationPercentage", 80)}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _propose(world: World, autoscaler: Obj, target: Obj, metric: Obj) -> Proposal:
    """Replicas that bring the average of the ready pods to the target. Raises: MetricError."""
    namespace = autoscaler["metadata"]["namespace"]
    if metric["type"] != "Resource":
        raise _unserved(metric, namespace)
    name, goal = metric["resource"]["name"], metric["resource"]["target"]
    owned = [
        pod
        for pod in world.store.objects("pods", namespace)
        if is_active(pod) and selectors.matches(target["spec"].get("selector"), pod["metadata"].get("labels"))
    ]
    ready = [pod for pod in owned if is_ready(pod)]
    if not ready:
        raise _unmeasured(name, "did not receive metrics for targeted pods (pods might be unready)")
    used = sum(_used(world, pod, name) for pod in ready)
    if goal["type"] == "Utilization":
        asked = sum(_requested(pod, name) for pod in ready)
        # A whole percentage before anything is compared, as in GetResourceUtilizationRatio.
        percent = used * 100 // asked
        ratio = percent / goal["averageUtilization"]
        current = {"averageUtilization": percent, "averageValue": quantities.write(name, used // len(ready))}
        label = f"{name} resource utilization (percentage of request)"
    else:
        wanted = quantities.amount(name, goal["averageValue"])
        ratio = used / len(ready) / wanted
        current = {"averageValue": quantities.write(name, used // len(ready))}
        label = f"{name} resource"
    replicas = target["spec"].get("replicas", 1)
    # Without the dead band the size would flap around the target.
    if abs(ratio - 1) > TOLERANCE:
        replicas = math.ceil(ratio * len(ready))
    entry = {"type": "Resource", "resource": {"name": name, "current": current}}
    return Proposal(replicas, label, entry)


def _unmeasured(name: str, why: str) -> MetricError:
    return MetricError(f"failed to get {name} utilization: {why}", "Resource", f"{name} resource metric value")


def _unserved(metric: Obj, namespace: str) -> MetricError:
    """No adapter serves any other metric here, as on a cluster where nobody installed one."""
    kind = metric["type"]
    field = kind[0].lower() + kind[1:]
    name = ((metric.get(field) or {}).get("metric") or {}).get("name") or (metric.get(field) or {}).get("name", "")
    if kind == "External":
        api = f"the server could not find the requested resource (get {name}.external.metrics.k8s.io)"
        why = f"unable to get external metric {namespace}/{name}/nil: unable to fetch metrics from external metrics API"
        return MetricError(f"{why}: {api}", kind, f"{name} external metric value")
    api = "no custom metrics API (custom.metrics.k8s.io) registered"
    why = f"unable to get metric {name}: unable to fetch metrics from custom metrics API: {api}"
    return MetricError(why, kind, f"{field} metric value")


def _used(world: World, pod: Obj, name: str) -> int:
    usages = [world.runtime.usage(world, pod, container) for container in pod["spec"]["containers"]]
    return sum(usage.cpu_millicores if name == "cpu" else usage.memory_bytes for usage in usages)


def _requested(pod: Obj, name: str) -> int:
    for container in pod["spec"]["containers"]:
        if name not in quantities.container_amounts(container, "requests"):
            where = f"container {container['name']} of Pod {pod['metadata']['name']}"
            raise _unmeasured(name, f"missing request for {name} in {where}")
    return quantities.pod_amounts(pod, "requests")[name]


def _stabilized(world: World, autoscaler: Obj, current: int, wanted: int) -> int:
    """Scale down only to the highest recommendation of the last five minutes."""
    key = f"autoscaler-history/{autoscaler['metadata']['uid']}"
    now_ms = world.clock.now_ms
    behavior = (autoscaler["spec"].get("behavior") or {}).get("scaleDown") or {}
    window_ms = behavior.get("stabilizationWindowSeconds", STABILIZATION_MS // 1000) * 1000
    oldest_ms = now_ms - max(window_ms, 1)
    # The size at the first look counts as the first recommendation (recordInitialRecommendation): a new autoscaler
    # does not shrink what it has just met.
    former = world.state.get(key, ((now_ms, current),))
    history = tuple((at_ms, size) for at_ms, size in former if at_ms > oldest_ms)
    world.state[key] = (*history, (now_ms, wanted))
    if wanted >= current:
        return wanted
    return min(current, max((size for _, size in history), default=wanted) if history else wanted)


def _bounded(report: _Report, autoscaler: Obj, current: int, wanted: int) -> int:
    low, high = autoscaler["spec"].get("minReplicas", 1), autoscaler["spec"]["maxReplicas"]
    # One period may double the size or add four pods, whichever is more: the default scaleUp policies.
    fastest = max(2 * current, current + 4)
    if wanted > high:
        message = "the desired replica count is more than the maximum replica count"
        report.set("ScalingLimited", "True", "TooManyReplicas", message)
    elif wanted < low:
        message = "the desired replica count is less than the minimum replica count"
        report.set("ScalingLimited", "True", "TooFewReplicas", message)
    else:
        report.set("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range")
    return max(low, min(wanted, high, fastest))
