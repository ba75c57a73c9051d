"""Pods, and what controllers, kubelets and clients read off them."""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds import conditions
from kubeworld.kinds.field_errors import FieldError, forbidden_field
from kubeworld.kinds.kind import METADATA_FIELDS, Kind, Subresource
from kubeworld.kinds.shared.columns import NONE, Printer, columns, created, human_duration, parse_time
from kubeworld.kinds.shared.pod_checks import pod_spec_errors
from kubeworld.kinds.shared.pod_defaults import pod_spec, qos_class
from kubeworld.kinds.shared.updates import closed
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def is_active(pod: Obj) -> bool:
    """Counts towards its controller's replicas: neither ended nor marked for deletion."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Obj) -> bool:
    """Its Ready condition is True."""
    return conditions.is_true(pod, "Ready")


def ready_since_ms(world: World, pod: Obj) -> int | None:
    """World time since which it has been Ready, or None."""
    condition = conditions.find((pod.get("status") or {}).get("conditions"), "Ready")
    if condition is None or condition["status"] != "True":
        return None
    return world.clock.at_ms(condition["lastTransitionTime"])


def available_in_ms(world: World, pod: Obj, min_ready_s: int) -> int | None:
    """0 if the pod is available, else how long until it may be, or None if it is not Ready at all."""
    since_ms = ready_since_ms(world, pod)
    if since_ms is None:
        return None
    return max(0, since_ms + min_ready_s * 1000 - world.clock.now_ms)


def claims(pod: Obj) -> list[str]:
    """Names of the PersistentVolumeClaims that the pod mounts."""
    names: list[str] = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            names.append(f"{pod['metadata']['name']}-{volume['name']}")
    return names


def _default(world: World, obj: Obj) -> Obj:
    spec = pod_spec(obj.get("spec") or {}, is_pod=True)
    status = obj.get("status") or {"phase": "Pending", "qosClass": qos_class(spec)}
    return {**obj, "spec": spec, "status": status}


_FROZEN_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from pod_spec_errors(new.get("spec") or {}, "spec")
    if old and _frozen(new["spec"]) != _frozen(old["spec"]):
        yield forbidden_field("spec", _FROZEN_TEXT)


def _frozen(spec: Obj) -> Obj:
    """The part of a pod's spec that an update may not touch. Ephemeral containers have their own subresource."""
    rest = closed(spec, ("activeDeadlineSeconds", "tolerations", "schedulingGates", "ephemeralContainers"))
    for field in ("containers", "initContainers"):
        rest[field] = [closed(item, ("image", "imagePullPolicy")) for item in spec.get(field) or ()]
    return rest


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
    return {item["name"] for item in pod["spec"].get("initContainers") or () if item.get("restartPolicy") == "Always"}


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


def _cells(pod: Obj, now: int) -> list[Any]:
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


COMPUTE = ("cpu", "memory", "ephemeral-storage")
"""What a quota on pods limits under its bare name, too: the requests of all of them."""


def _usage(pod: Obj) -> dict[str, int]:
    """Nothing for a pod that has ended: it holds nothing any more."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {}
    usage = {"pods": 1}
    for name, value in quantities.pod_amounts(pod, "requests").items():
        usage[f"requests.{name}"] = value
        if name in COMPUTE:
            usage[name] = value
    for name, value in quantities.pod_amounts(pod, "limits").items():
        usage[f"limits.{name}"] = value
    return usage


POD = Kind(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    short=("po",),
    categories=("all",),
    subresources={
        "binding": Subresource("", "v1", "Binding", ("create",)),
        "eviction": Subresource("policy", "v1", "Eviction", ("create",)),
        "exec": Subresource("", "v1", "PodExecOptions", ("create", "get")),
        "portforward": Subresource("", "v1", "PodPortForwardOptions", ("create", "get")),
        "log": Subresource("", "v1", "Pod", ("get",)),
        "status": Subresource("", "v1", "Pod"),
    },
    fields=METADATA_FIELDS
    | {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    },
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(
        columns("Name, Ready, Status, Restarts, Age, IP/1, Node/1, Nominated Node/1, Readiness Gates/1"), _cells
    ),
    default=_default,
    check=_errors,
    usage=_usage,
    answers_deleted=True,
)
