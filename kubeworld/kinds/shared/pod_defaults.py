"""Defaults of pod specs, as the API server fills them in (v1.32)."""

from collections.abc import Sequence
from typing import Any

from kubeworld.machine import quantities
from kubeworld.machine.store import Obj

_VOLUME_MODES = ("configMap", "secret", "downwardAPI", "projected")


def pod_spec(spec: Obj, *, is_pod: bool = False) -> Obj:
    """`spec` with defaults. `is_pod`: also what only real pods get, not templates."""
    new: Obj = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **spec,
    }
    for field in ("containers", "initContainers"):
        if field in spec:
            new[field] = [container(item, is_pod=is_pod) for item in spec[field]]
            if spec.get("hostNetwork"):
                new[field] = [_on_host(item) for item in new[field]]
    if "volumes" in spec:
        new["volumes"] = [_volume(item) for item in spec["volumes"]]
    if new.get("serviceAccountName"):
        new["serviceAccount"] = new["serviceAccountName"]
    elif new.get("serviceAccount"):
        new["serviceAccountName"] = new["serviceAccount"]
    for constraint in new.get("topologySpreadConstraints") or ():
        constraint.setdefault("whenUnsatisfiable", "DoNotSchedule")
    return _only_pod(new) if is_pod else new


def _only_pod(spec: Obj) -> Obj:
    """Defaulting and admission of pods themselves."""
    return {
        "enableServiceLinks": True,
        "serviceAccountName": "default",
        "serviceAccount": spec.get("serviceAccountName", "default"),
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        **spec,
        "tolerations": _with_node_tolerations(spec.get("tolerations") or ()),
    }


def _with_node_tolerations(tolerations: Sequence[Obj]) -> list[Obj]:
    """Every pod stays five minutes on a node that is lost, unless it says otherwise (DefaultTolerationSeconds).

    Only a toleration of NoExecute says otherwise: one of NoSchedule does not keep a pod where it is.
    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
    """
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(
            (item.get("key") or key) == key and (item.get("effect") or "NoExecute") == "NoExecute"
            for item in tolerations
        )
    ]
    return [*tolerations, *added]


def container(spec: Obj, *, is_pod: bool = False) -> Obj:
    """One container with defaults."""
    image = spec.get("image", "")
    untagged = ":" not in image.rsplit("/", 1)[-1] and "@" not in image
    new: Obj = {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if untagged or image.endswith(":latest") else "IfNotPresent",
        **spec,
    }
    if "ports" in spec:
        new["ports"] = [{"protocol": "TCP", **port} for port in spec["ports"]]
    if "env" in spec:
        new["env"] = [_env(item) for item in spec["env"]]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in spec:
            new[probe] = _probe(spec[probe])
    limits = new["resources"].get("limits")
    if is_pod and limits:
        new["resources"] = {**new["resources"], "requests": {**limits, **(new["resources"].get("requests") or {})}}
    return new


def _on_host(spec: Obj) -> Obj:
    """Ports of a container in its node's network are the node's."""
    if "ports" not in spec:
        return spec
    return {**spec, "ports": [{"hostPort": port.get("containerPort"), **port} for port in spec["ports"]]}


def _env(item: Obj) -> Obj:
    reference = (item.get("valueFrom") or {}).get("fieldRef")
    if reference is None:
        return item
    return {**item, "valueFrom": {"fieldRef": {"apiVersion": "v1", **reference}}}


def _probe(spec: Obj) -> Obj:
    new: dict[str, Any] = {
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
        **spec,
    }
    if "httpGet" in spec:
        new["httpGet"] = {"path": "/", "scheme": "HTTP", **spec["httpGet"]}
    if "grpc" in spec:
        new["grpc"] = {"service": "", **spec["grpc"]}
    return new


def _volume(spec: Obj) -> Obj:
    if spec.keys() == {"name"}:
        return {**spec, "emptyDir": {}}
    for source in _VOLUME_MODES:
        if source in spec:
            return {**spec, source: {"defaultMode": 420, **spec[source]}}
    if "hostPath" in spec:
        return {**spec, "hostPath": {"type": "", **spec["hostPath"]}}
    return spec


_QOS_RESOURCES = ("cpu", "memory")


def qos_class(spec: Obj) -> str:
    """BestEffort, Burstable or Guaranteed, from requests and limits of cpu and memory; amounts of zero do not count.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/, and ComputePodQOS
    """
    requests, limits = dict.fromkeys(_QOS_RESOURCES, 0), dict.fromkeys(_QOS_RESOURCES, 0)
    is_limited = True
    for item in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = item.get("resources") or {}
        most, asked = resources.get("limits") or {}, resources.get("requests") or {}
        for name in _QOS_RESOURCES:
            limit = quantities.amount(name, most[name]) if name in most else 0
            limits[name] += limit
            requests[name] += quantities.amount(name, asked[name]) if name in asked else limit
            is_limited = is_limited and limit > 0
    if not any(requests.values()) and not any(limits.values()):
        return "BestEffort"
    return "Guaranteed" if is_limited and requests == limits else "Burstable"
