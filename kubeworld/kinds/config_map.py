"""ConfigMaps."""

from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.data import data_errors
from kubeworld.machine.store import Obj


def _cells(obj: Obj, now: int) -> list[Any]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], count, created(obj, now)]


CONFIG_MAP = Kind(
    group="",
    version="v1",
    kind="ConfigMap",
    plural="configmaps",
    short=("cm",),
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Data, Age"), _cells),
    check=data_errors,
    usage=lambda _: {"configmaps": 1},
)
