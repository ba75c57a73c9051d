"""Server-side printing: objects as a meta.k8s.io Table, the columns that `kubectl get` shows."""

from functools import lru_cache
from typing import Any

from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.columns import columns, created
from kubeworld.machine.store import Obj


@lru_cache(maxsize=256)
def wants_table(accept: str) -> bool:
    """Whether the first type that the server speaks is a Table."""
    for media in accept.split(","):
        parts = [part.strip() for part in media.split(";")]
        if parts[0] in ("application/json", "*/*", "application/*"):
            return "as=Table" in parts
    return False


def table_of(
    kind: Kind, objects: list[Obj], meta: dict[str, Any], now_ms: int, include: str = "Metadata"
) -> dict[str, Any]:
    """The Table of stored objects. `now_ms` is simulated time since the Unix epoch."""
    rows = [row_of(kind, obj, now_ms, include) for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": kind.printer.columns,
        "rows": rows,
    }


def scale_table(scale: Obj, now_ms: int) -> dict[str, Any]:
    """The Table of one Scale."""
    cells = [scale["metadata"]["name"], scale["spec"]["replicas"], scale["status"]["replicas"], created(scale, now_ms)]
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": scale["metadata"]}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": scale["metadata"]["resourceVersion"]},
        "columnDefinitions": columns("Name, Desired:integer, Available:integer, Age"),
        "rows": [{"cells": cells, "object": head}],
    }


def row_of(kind: Kind, obj: Obj, now_ms: int, include: str) -> dict[str, Any]:
    """One row; `include` is what `includeObject` asks for: None, Metadata or Object."""
    row: dict[str, Any] = {"cells": kind.printer.cells(obj, now_ms)}
    if include == "Object":
        row["object"] = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    elif include != "None":
        head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        row["object"] = {**head, "metadata": obj["metadata"]}
    return row
