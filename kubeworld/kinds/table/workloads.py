"""Printers of pods and of what makes pods."""

from typing import Any

from kubeworld.kinds.table.columns import (
    NONE,
    UNKNOWN,
    Printer,
    age,
    columns,
    containers_and_images,
    created,
    human_duration,
    pairs,
    parse_time,
    template_cells,
)
from kubeworld.machine.store import Obj


def pod_reason(pod: Obj) -> tuple[str, int, int]:
    """(STATUS, ready containers, restarts) as kubectl shows them. Source: printPod of the Kubernetes printers."""
    status = pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or "Unknown"
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    init_reason, restarts = _init_reason(pod)
    reason = init_reason or reason
    ready = 0
    if not init_reason or (conditions.get("Initialized") or {}).get("status") == "True":
        reason, ready, restarts = _container_reason(pod, reason, conditions)
    beside = sidecars(pod)
    started = [item for item in status.get("initContainerStatuses") or () if item.get("name") in beside]
    ready += sum(bool(item.get("started") and item.get("ready")) for item in started)
    restarts += sum(item.get("restartCount", 0) for item in started) if not init_reason else 0
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return reason, ready, restarts


def sidecars(pod: Obj) -> set[str]:
    """Names of the init containers that keep running beside the others; they count as containers."""
    return {one["name"] for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"}


def _init_reason(pod: Obj) -> tuple[str, int]:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    total = len(pod["spec"].get("initContainers") or ())
    restarts, beside = 0, sidecars(pod)
    for at, item in enumerate(statuses):
        state = item.get("state") or {}
        restarts += item.get("restartCount", 0)
        ended, waiting = state.get("terminated"), state.get("waiting")
        if (ended is not None and ended.get("exitCode") == 0) or (item.get("name") in beside and item.get("started")):
            continue
        if ended is not None:
            return "Init:" + (ended.get("reason") or _exit_text(ended)), restarts
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", restarts
        return f"Init:{at}/{total}", restarts
    return "", restarts


def _container_reason(pod: Obj, reason: str, conditions: dict[str, Obj]) -> tuple[str, int, int]:
    ready, restarts, has_running = 0, 0, False
    for item in reversed((pod.get("status") or {}).get("containerStatuses") or ()):
        restarts += item.get("restartCount", 0)
        state = item.get("state") or {}
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            reason = ended.get("reason") or _exit_text(ended)
        elif item.get("ready") and "running" in state:
            has_running = True
            ready += 1
    if reason == "Completed" and has_running:
        reason = "Running" if (conditions.get("Ready") or {}).get("status") == "True" else "NotReady"
    return reason, ready, restarts


def _exit_text(ended: Obj) -> str:
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _pod(pod: Obj, now: int) -> list[Any]:
    spec, status = pod["spec"], pod.get("status") or {}
    reason, ready, restarts = pod_reason(pod)
    shown: Any = str(restarts)
    last = [
        ended["finishedAt"]
        for item in status.get("initContainerStatuses" if reason.startswith("Init:") else "containerStatuses") or ()
        if (ended := (item.get("lastState") or {}).get("terminated")) and ended.get("finishedAt")
    ]
    if restarts and last:
        shown = f"{restarts} ({human_duration((now - max(map(parse_time, last))) // 1000)} ago)"
    gates = spec.get("readinessGates") or ()
    passed = [
        gate
        for gate in gates
        if any(
            item["type"] == gate["conditionType"] and item["status"] == "True"
            for item in status.get("conditions") or ()
        )
    ]
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(spec.get('containers') or ()) + len(sidecars(pod))}",
        reason,
        shown,
        created(pod, now),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{len(passed)}/{len(gates)}" if gates else NONE,
    ]


def _deployment(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        created(obj, now),
        *template_cells(obj),
    ]


def _replica_set(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    counts = [obj["spec"].get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [obj["metadata"]["name"], *counts, created(obj, now), *template_cells(obj)]


def _stateful_set(obj: Obj, now: int) -> list[Any]:
    ready = f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"
    return [obj["metadata"]["name"], ready, created(obj, now), *template_cells(obj)[:2]]


_DAEMON_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _daemon_set(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    counts = [status.get(field, 0) for field in _DAEMON_COUNTS]
    selector = pairs(obj["spec"]["template"]["spec"].get("nodeSelector"))
    return [obj["metadata"]["name"], *counts, selector, created(obj, now), *template_cells(obj)]


def _job(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    conditions = {item["type"] for item in status.get("conditions") or () if item.get("status") == "True"}
    if obj["metadata"].get("deletionTimestamp"):
        state = "Terminating"
    else:
        state = next((name for name in ("Complete", "Failed", "Suspended") if name in conditions), "Running")
        state = "FailureTarget" if state == "Running" and "FailureTarget" in conditions else state
    if "completions" in spec:
        completions = f"{status.get('succeeded', 0)}/{spec['completions']}"
    else:
        parallel = spec.get("parallelism", 0)
        total = f"1 of {parallel}" if parallel > 1 else "1"
        completions = f"{status.get('succeeded', 0)}/{total}"
    return [
        obj["metadata"]["name"],
        state,
        completions,
        _job_duration(status, now),
        created(obj, now),
        *template_cells(obj),
    ]


def _job_duration(status: Obj, now: int) -> str:
    start = status.get("startTime")
    if not start:
        return ""
    end = status.get("completionTime")
    return human_duration(((parse_time(end) if end else now) - parse_time(start)) // 1000)


def _cron_job(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    last = status.get("lastScheduleTime")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(bool(spec.get("suspend"))),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        created(obj, now),
        *containers_and_images(pod),
        NONE,
    ]


def _autoscaler(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    reference = spec["scaleTargetRef"]
    return [
        obj["metadata"]["name"],
        f"{reference.get('kind', '')}/{reference['name']}",
        _targets(spec, status),
        str(spec.get("minReplicas") or UNSET_MINIMUM),
        spec["maxReplicas"],
        status.get("currentReplicas", 0),
        created(obj, now),
    ]


UNSET_MINIMUM = "<unset>"


def _targets(spec: Obj, status: Obj) -> str:
    current = {
        (item.get("resource") or {}).get("name"): (item.get("resource") or {}).get("current") or {}
        for item in status.get("currentMetrics") or ()
    }
    shown = []
    for metric in spec.get("metrics") or ():
        resource = metric.get("resource")
        if resource is None:
            shown.append(f"{UNKNOWN}/{UNKNOWN}")
            continue
        target, name = resource.get("target") or {}, resource["name"]
        now = current.get(name) or {}
        if "averageUtilization" in target:
            used = f"{now['averageUtilization']}%" if "averageUtilization" in now else UNKNOWN
            shown.append(f"{name}: {used}/{target['averageUtilization']}%")
        else:
            shown.append(f"{name}: {now.get('averageValue', UNKNOWN)}/{target.get('averageValue', UNKNOWN)}")
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return (", ".join(shown[:2]) + more) or NONE


def _disruption_budget(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    return [
        obj["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        (obj.get("status") or {}).get("disruptionsAllowed", 0),
        created(obj, now),
    ]


def _revision(obj: Obj, now: int) -> list[Any]:
    owner = next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)
    name = NONE
    if owner:
        group = owner["apiVersion"].partition("/")[0] if "/" in owner["apiVersion"] else ""
        name = f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return [obj["metadata"]["name"], name, obj.get("revision", 0), created(obj, now)]


_TEMPLATE = "Containers/1, Images/1, Selector/1"
PRINTERS = {
    "pods": Printer(
        columns("Name, Ready, Status, Restarts, Age, IP/1, Node/1, Nominated Node/1, Readiness Gates/1"), _pod
    ),
    "deployments.apps": Printer(
        columns(f"Name, Ready, Up-to-date:integer, Available:integer, Age, {_TEMPLATE}"), _deployment
    ),
    "replicasets.apps": Printer(
        columns(f"Name, Desired:integer, Current:integer, Ready:integer, Age, {_TEMPLATE}"), _replica_set
    ),
    "statefulsets.apps": Printer(columns("Name, Ready, Age, Containers/1, Images/1"), _stateful_set),
    "daemonsets.apps": Printer(
        columns(
            "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, "
            f"Node Selector, Age, {_TEMPLATE}"
        ),
        _daemon_set,
    ),
    "controllerrevisions.apps": Printer(columns("Name, Controller, Revision:integer, Age"), _revision),
    "jobs.batch": Printer(columns(f"Name, Status, Completions, Duration, Age, {_TEMPLATE}"), _job),
    "cronjobs.batch": Printer(
        columns(f"Name, Schedule, Timezone, Suspend, Active:integer, Last Schedule, Age, {_TEMPLATE}"), _cron_job
    ),
    "horizontalpodautoscalers.autoscaling": Printer(
        columns("Name, Reference, Targets, MinPods, MaxPods:integer, Replicas:integer, Age"), _autoscaler
    ),
    "poddisruptionbudgets.policy": Printer(
        columns("Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age"), _disruption_budget
    ),
}
