"""metrics.k8s.io/v1beta1 out of what the runtime says containers use."""

from dataclasses import replace

from kubeworld.api.pods import container_status
from kubeworld.api.reads import selected
from kubeworld.api.results import Call, json_response
from kubeworld.kinds.errors import ApiError, not_found
from kubeworld.kinds.metrics import NODE_METRICS
from kubeworld.kinds.node import NODE, is_down
from kubeworld.kinds.pod import POD
from kubeworld.kinds.table import table_of, wants_table
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_SYSTEM_MEMORY_BYTES = 600 * 1024 * 1024
_SYSTEM_CPU_MILLICORES = 80
"""What a node's own daemons use beside its pods."""


def metrics(world: World, call: Call) -> Response:
    """GET one or list, of pods or nodes. Raises: ApiError 404."""
    if call.subresource:
        raise ApiError(404, "NotFound", "the server could not find the requested resource", {})
    measured, build = (NODE, _node_metrics) if call.kind is NODE_METRICS else (POD, _pod_metrics)
    objects = selected(world, replace(call, kind=measured))
    items = [item for obj in objects if (item := build(world, obj)) is not None]
    if call.name and not items:
        name = f"{call.namespace}/{call.name}" if call.kind.namespaced else call.name
        raise not_found(replace(call.kind, plural=call.kind.kind.lower()), name)  # as metrics-server words it
    if wants_table(call.headers.get("accept", "")):
        now_ms = world.clock.epoch_ms + world.clock.now_ms
        return json_response(table_of(call.kind, items, {}, now_ms, call.query.get("includeObject", "Metadata")))
    if call.name:
        return json_response(items[0])
    head: Obj = {"kind": f"{call.kind.kind}List", "apiVersion": call.kind.api_version, "metadata": {}}
    return json_response({**head, "items": items})


def _pod_metrics(world: World, pod: Obj) -> Obj | None:
    containers = []
    if is_down(world, pod["spec"].get("nodeName", "")):  # its kubelet is what measures
        return None
    for container in _running(pod):
        usage = world.runtime.usage(world, pod, container)
        amounts = {"cpu": f"{usage.cpu_millicores}m", "memory": f"{usage.memory_bytes // 1024}Ki"}
        containers.append({"name": container["name"], "usage": amounts})
    if not containers:
        return None
    return {**_head(world, "PodMetrics", pod), "containers": containers}


def _node_metrics(world: World, node: Obj) -> Obj | None:
    conditions = (node.get("status") or {}).get("conditions") or ()
    # Nobody answers on a dead node, and metrics-server then has no entry for it.
    if any(condition["type"] == "Ready" and condition["status"] != "True" for condition in conditions):
        return None
    cpu, memory = _SYSTEM_CPU_MILLICORES, _SYSTEM_MEMORY_BYTES
    for pod in world.store.objects("pods"):
        if pod["spec"].get("nodeName") != node["metadata"]["name"]:
            continue
        for container in _running(pod):
            usage = world.runtime.usage(world, pod, container)
            cpu, memory = cpu + usage.cpu_millicores, memory + usage.memory_bytes
    return {**_head(world, "NodeMetrics", node), "usage": {"cpu": f"{cpu}m", "memory": f"{memory // 1024}Ki"}}


def _running(pod: Obj) -> list[Obj]:
    """Whatever runs is measured: also sidecars, and init containers while they work."""
    spec = pod["spec"]
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return [
        container
        for container in containers
        if (container_status(pod, container["name"]).get("state") or {}).get("running")
    ]


def _head(world: World, kind: str, obj: Obj) -> Obj:
    meta = obj["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "creationTimestamp") if key in meta}
    return {
        "kind": kind,
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": kept,
        "timestamp": world.clock.rfc3339(),
        # metrics-server scrapes every 15 seconds (--metric-resolution).
        "window": "15s",
    }
