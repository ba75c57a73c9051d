"""kube-state-metrics' series of a cluster's objects, and what node exporters say of its nodes.

Values are those of the objects as they are now, from the time when each was created; restarts lie where a container's
status says that it last ended. What `kubectl get` shows and what a query of this moment says are the same.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aoi.worlds.behaviour.noise import unit
from aoi.worlds.telemetry.history import Gauge, Restarts
from aoi.worlds.telemetry.promql import Labels, Matcher, Series
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

JOB = "kube-state-metrics"
PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
SYSTEM_CORES, SYSTEM_BYTES = 0.08, 600 * 1024 * 1024
"""What a node's own daemons use beside its pods."""
_TRUTHS = ("true", "false", "unknown")
Value = tuple[Labels, float]
_DEPLOYMENT = {
    "kube_deployment_status_replicas": "replicas",
    "kube_deployment_status_replicas_ready": "readyReplicas",
    "kube_deployment_status_replicas_updated": "updatedReplicas",
    "kube_deployment_status_replicas_unavailable": "unavailableReplicas",
    "kube_deployment_status_observed_generation": "observedGeneration",
}
_STATEFULSET = {
    "kube_statefulset_status_replicas": "replicas",
    "kube_statefulset_status_replicas_ready": "readyReplicas",
    "kube_statefulset_status_replicas_available": "availableReplicas",
}
_DAEMONSET = {
    "kube_daemonset_status_desired_number_scheduled": "desiredNumberScheduled",
    "kube_daemonset_status_number_ready": "numberReady",
    "kube_daemonset_status_number_unavailable": "numberUnavailable",
}
_JOB = {
    "kube_job_status_active": "active",
    "kube_job_status_failed": "failed",
    "kube_job_status_succeeded": "succeeded",
}


class Objects:
    """Series by metric name."""

    def __init__(self, world: World, replicas_elsewhere: frozenset[tuple[str, str]] = frozenset()) -> None:
        self.world = world
        self._elsewhere = replicas_elsewhere
        """(namespace, Deployment) whose replicas somebody else knows over time."""
        pods, nodes = self._values("pods", "pod"), self._values("nodes", "node", namespaced=False)
        containers = self._containers
        self._makers: dict[str, Callable[[], Iterator[Series]]] = {
            "kube_pod_info": lambda: pods(_pod_info),
            "kube_pod_status_phase": lambda: pods(_phase),
            "kube_pod_status_ready": lambda: pods(lambda pod: _condition(pod, "Ready")),
            "kube_pod_status_scheduled": lambda: pods(lambda pod: _condition(pod, "PodScheduled")),
            "kube_pod_status_reason": lambda: pods(_reason),
            "kube_pod_created": lambda: pods(self._created),
            "kube_pod_owner": lambda: pods(_owner),
            "kube_pod_labels": lambda: pods(_pod_labels),
            "kube_pod_container_info": lambda: containers(lambda c, s: [({"image": c.get("image", "")}, 1.0)]),
            "kube_pod_container_status_ready": lambda: containers(lambda c, s: [({}, float(s.get("ready", False)))]),
            "kube_pod_container_status_running": lambda: containers(_state("running")),
            "kube_pod_container_status_waiting": lambda: containers(_state("waiting")),
            "kube_pod_container_status_waiting_reason": lambda: containers(_why("state", "waiting")),
            "kube_pod_container_status_terminated_reason": lambda: containers(_why("state", "terminated")),
            "kube_pod_container_status_last_terminated_reason": lambda: containers(_why("lastState", "terminated")),
            "kube_pod_container_status_restarts_total": self._restarts,
            "kube_pod_container_resource_requests": lambda: containers(_amounts("requests")),
            "kube_pod_container_resource_limits": lambda: containers(_amounts("limits")),
            "kube_deployment_spec_replicas": lambda: self._deployments("spec"),
            "kube_deployment_status_replicas_available": lambda: self._deployments("status"),
            "kube_namespace_status_phase": lambda: self._values("namespaces", "namespace", namespaced=False)(_active),
            "kube_node_info": lambda: nodes(_node_info),
            "kube_node_spec_unschedulable": lambda: nodes(
                lambda node: [({}, float((node.get("spec") or {}).get("unschedulable", False)))]
            ),
            "kube_node_status_condition": lambda: nodes(_node_conditions),
            "kube_node_status_allocatable": lambda: nodes(_node_amounts("allocatable")),
            "kube_node_status_capacity": lambda: nodes(_node_amounts("capacity")),
            "kube_persistentvolumeclaim_status_phase": lambda: self._values(
                "persistentvolumeclaims", "persistentvolumeclaim"
            )(_claim),
            "machine_cpu_cores": lambda: self._machine("cpu", 0.001),
            "machine_memory_bytes": lambda: self._machine("memory", 1.0),
            "node_load1": self._load,
            "node_memory_MemTotal_bytes": lambda: self._machine("memory", 1.0),
            "node_memory_MemAvailable_bytes": self._available,
        }
        for table, resource, kind in (
            (_DEPLOYMENT, "deployments.apps", "deployment"),
            (_STATEFULSET, "statefulsets.apps", "statefulset"),
            (_DAEMONSET, "daemonsets.apps", "daemonset"),
            (_JOB, "jobs.batch", "job_name"),
        ):
            for name, field in table.items():
                self._makers[name] = self._counts(resource, kind, field)

    @property
    def names(self) -> list[str]:
        """Metric names."""
        return sorted(self._makers)

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> Iterator[Series]:
        """Of one metric; matchers are left to the caller."""
        maker = self._makers.get(name)
        return maker() if maker else iter(())

    def _values(
        self, resource: str, label: str, *, namespaced: bool = True
    ) -> Callable[[Callable[[Obj], Sequence[Value]]], Iterator[Series]]:
        def make(values: Callable[[Obj], Sequence[Value]]) -> Iterator[Series]:
            for obj in self.world.store.objects(resource):
                meta = obj["metadata"]
                named = {label: meta["name"], "instance": JOB, "job": JOB}
                if namespaced:
                    named["namespace"] = meta["namespace"]
                for labels, value in values(obj):
                    yield Gauge({**named, **labels}, self._since(obj, value))

        return make

    def _since(self, obj: Obj, value: float) -> Callable[[int], float | None]:
        born = self.world.clock.at_ms(obj["metadata"]["creationTimestamp"])
        return lambda at: value if at >= born else None

    def _containers(self, values: Callable[[Obj, Obj], Sequence[Value]]) -> Iterator[Series]:
        for pod, container, status, named in self._each_container():
            for labels, value in values(container, status):
                yield Gauge({**named, **labels}, self._since(pod, value))

    def _each_container(self) -> Iterator[tuple[Obj, Obj, Obj, Labels]]:
        for pod in self.world.store.objects("pods"):
            meta = pod["metadata"]
            known = {entry["name"]: entry for entry in (pod.get("status") or {}).get("containerStatuses") or ()}
            for container in pod["spec"]["containers"]:
                named = {"namespace": meta["namespace"], "pod": meta["name"], "container": container["name"]}
                labels = {**named, "instance": JOB, "job": JOB, "uid": meta.get("uid", "")}
                yield pod, container, known.get(container["name"], {}), labels

    def _restarts(self) -> Iterator[Series]:
        for pod, _, status, labels in self._each_container():
            if status:
                yield Restarts(labels, self.world, pod, status)

    def _counts(self, resource: str, kind: str, field: str) -> Callable[[], Iterator[Series]]:
        return lambda: self._values(resource, kind)(
            lambda obj: [({}, float((obj.get("status") or {}).get(field) or 0))]
        )

    def _deployments(self, part: str) -> Iterator[Series]:
        def count(obj: Obj) -> Sequence[Value]:
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) in self._elsewhere:
                return ()
            spec, status = obj.get("spec") or {}, obj.get("status") or {}
            return [({}, float(spec.get("replicas", 1) if part == "spec" else status.get("availableReplicas") or 0))]

        return self._values("deployments.apps", "deployment")(count)

    def _created(self, obj: Obj) -> Sequence[Value]:
        clock = self.world.clock
        return [({}, (clock.epoch_ms + clock.at_ms(obj["metadata"]["creationTimestamp"])) / 1000)]

    # Nodes, as their exporters measure them.

    def _each_node(self, resource: str) -> Iterator[tuple[Obj, Labels, float]]:
        for node in self.world.store.objects("nodes"):
            name = node["metadata"]["name"]
            capacity = quantities.amounts((node.get("status") or {}).get("capacity")).get(resource, 0)
            yield node, {"instance": name, "job": "node-exporter", "node": name}, float(capacity)

    def _machine(self, resource: str, scale: float) -> Iterator[Series]:
        for node, labels, capacity in self._each_node(resource):
            yield Gauge(labels, self._since(node, capacity * scale))

    def _used(self, node: Obj) -> tuple[float, float]:
        """(cores, bytes) that are used on a node now."""
        cores, used = SYSTEM_CORES, float(SYSTEM_BYTES)
        for pod in self.world.store.objects("pods"):
            if pod["spec"].get("nodeName") != node["metadata"]["name"]:
                continue
            for container in pod["spec"]["containers"]:
                usage = self.world.runtime.usage(self.world, pod, container)
                cores, used = cores + usage.cpu_millicores / 1000, used + usage.memory_bytes
        return cores, used

    def _load(self) -> Iterator[Series]:
        for node, labels, _ in self._each_node("cpu"):
            slot = self.world.clock.now_ms // 15_000
            load = self._used(node)[0] * (0.9 + 0.4 * unit(self.world.seed, labels["node"], "load", slot))
            yield Gauge(labels, self._since(node, round(load, 2)))

    def _available(self) -> Iterator[Series]:
        for node, labels, capacity in self._each_node("memory"):
            yield Gauge(labels, self._since(node, max(0.0, capacity - self._used(node)[1])))


def _pod_info(pod: Obj) -> Sequence[Value]:
    status, owners = pod.get("status") or {}, pod["metadata"].get("ownerReferences") or ()
    owner = owners[0] if owners else {}
    labels = {
        "node": pod["spec"].get("nodeName", ""),
        "host_ip": status.get("hostIP", ""),
        "pod_ip": status.get("podIP", ""),
        "created_by_kind": owner.get("kind", ""),
        "created_by_name": owner.get("name", ""),
        "uid": pod["metadata"].get("uid", ""),
    }
    return [(labels, 1.0)]


def _phase(pod: Obj) -> Sequence[Value]:
    phase = (pod.get("status") or {}).get("phase", "Pending")
    return [({"phase": name}, float(name == phase)) for name in PHASES]


def _condition(pod: Obj, type_: str) -> Sequence[Value]:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == type_:
            return [({"condition": truth}, float(condition["status"].lower() == truth)) for truth in _TRUTHS]
    return ()


def _reason(pod: Obj) -> Sequence[Value]:
    reason = (pod.get("status") or {}).get("reason")
    return [({"reason": reason}, 1.0)] if reason else ()


def _owner(pod: Obj) -> Sequence[Value]:
    owners = pod["metadata"].get("ownerReferences") or ()
    return [({"owner_kind": owner["kind"], "owner_name": owner["name"]}, 1.0) for owner in owners]


def _pod_labels(pod: Obj) -> Sequence[Value]:
    labels = pod["metadata"].get("labels") or {}
    return [({f"label_{_legal(key)}": value for key, value in labels.items()}, 1.0)]


def _legal(key: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in key)


def _state(name: str) -> Callable[[Obj, Obj], Sequence[Value]]:
    return lambda container, status: [({}, float(name in (status.get("state") or {})))] if status else ()


def _why(field: str, name: str) -> Callable[[Obj, Obj], Sequence[Value]]:
    def values(container: Obj, status: Obj) -> Sequence[Value]:
        detail = (status.get(field) or {}).get(name) or {}
        return [({"reason": detail["reason"]}, 1.0)] if detail.get("reason") else ()

    return values


_UNITS = {"cpu": ("core", 0.001), "memory": ("byte", 1.0), "ephemeral-storage": ("byte", 1.0), "pods": ("integer", 1.0)}


def _measured(amounts: Any) -> Sequence[Value]:
    known = quantities.amounts(amounts)
    return [
        ({"resource": name.replace("-", "_"), "unit": _UNITS[name][0]}, known[name] * _UNITS[name][1])
        for name in sorted(known)
        if name in _UNITS
    ]


def _amounts(which: str) -> Callable[[Obj, Obj], Sequence[Value]]:
    return lambda container, status: _measured((container.get("resources") or {}).get(which))


def _node_amounts(which: str) -> Callable[[Obj], Sequence[Value]]:
    return lambda node: _measured((node.get("status") or {}).get(which))


def _active(namespace: Obj) -> Sequence[Value]:
    phase = (namespace.get("status") or {}).get("phase", "Active")
    return [({"phase": name}, float(name == phase)) for name in ("Active", "Terminating")]


def _claim(claim: Obj) -> Sequence[Value]:
    phase = (claim.get("status") or {}).get("phase", "Pending")
    return [({"phase": name}, float(name == phase)) for name in ("Bound", "Lost", "Pending")]


def _node_info(node: Obj) -> Sequence[Value]:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    labels = {
        "kubelet_version": info.get("kubeletVersion", ""),
        "container_runtime_version": info.get("containerRuntimeVersion", ""),
        "kernel_version": info.get("kernelVersion", ""),
        "os_image": info.get("osImage", ""),
    }
    return [(labels, 1.0)]


def _node_conditions(node: Obj) -> Sequence[Value]:
    return [
        ({"condition": condition["type"], "status": truth}, float(condition["status"].lower() == truth))
        for condition in (node.get("status") or {}).get("conditions") or ()
        for truth in _TRUTHS
    ]
