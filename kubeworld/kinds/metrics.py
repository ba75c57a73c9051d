"""metrics.k8s.io: what the runtime says containers use. Computed for each request, never stored."""

from typing import Any

from kubeworld.kinds.kind import READ_VERBS, Kind
from kubeworld.kinds.shared.columns import Printer, columns
from kubeworld.machine.store import Obj


def _pod_cells(obj: Obj, now: int) -> list[Any]:
    usages = [item["usage"] for item in obj["containers"]]
    cpu = sum(int(usage["cpu"].removesuffix("m")) for usage in usages)
    memory = sum(int(usage["memory"].removesuffix("Ki")) for usage in usages)
    return [obj["metadata"]["name"], f"{cpu}m", f"{memory}Ki", obj["window"]]


def _node_cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], obj["usage"]["cpu"], obj["usage"]["memory"], obj["window"]]


_VERSION = ("metrics.k8s.io", "v1beta1")
_COLUMNS = columns("Name, cpu, memory, window")
NODE_METRICS = Kind(
    *_VERSION, "NodeMetrics", "nodes", namespaced=False, verbs=READ_VERBS, printer=Printer(_COLUMNS, _node_cells)
)
POD_METRICS = Kind(*_VERSION, "PodMetrics", "pods", verbs=READ_VERBS, printer=Printer(_COLUMNS, _pod_cells))

METRICS = (NODE_METRICS, POD_METRICS)
