"""Objects as a meta.k8s.io Table."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kubeworld.kinds.resources import ResourceType
from kubeworld.kinds.table import cluster, workloads
from kubeworld.kinds.table.columns import Printer, age, columns, created
from kubeworld.machine.store import Obj

PRINTERS: dict[str, Printer] = {**workloads.PRINTERS, **cluster.PRINTERS}
TABLE_TYPE = "application/json"


@lru_cache(maxsize=256)
def wants_table(accept: str) -> bool:
    """Whether the first type that the server speaks is a Table."""
    for media in accept.split(","):
        parts = [part.strip() for part in media.split(";")]
        if parts[0] in ("application/json", "*/*", "application/*"):
            return "as=Table" in parts
    return False


def table_of(
    kind: ResourceType, objects: list[Obj], meta: dict[str, Any], now_ms: int, include: str = "Metadata"
) -> dict[str, Any]:
    """The Table of stored objects. `now_ms` is simulated time since the Unix epoch."""
    printer = printer_of(kind)
    rows = [row_of(kind, printer, obj, now_ms, include) for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": printer.columns,
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


def row_of(kind: ResourceType, printer: Printer, obj: Obj, now_ms: int, include: str) -> dict[str, Any]:
    """One row; `include` is what `includeObject` asks for: None, Metadata or Object."""
    row: dict[str, Any] = {"cells": printer.cells(obj, now_ms)}
    if include == "Object":
        row["object"] = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    elif include != "None":
        head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        row["object"] = {**head, "metadata": obj["metadata"]}
    return row


def printer_of(kind: ResourceType) -> Printer:
    """The printer of a kind; custom resources get the columns that their definition lists, or name and age."""
    known = PRINTERS.get(kind.table)
    return known or _custom_printer(kind)


@lru_cache(maxsize=256)
def _custom_printer(kind: ResourceType) -> Printer:
    if not kind.columns:
        return Printer(columns("Name, Age"), lambda obj, now: [obj["metadata"]["name"], created(obj, now)])
    definitions = (*columns("Name"), *(_definition(column) for column in kind.columns))

    def cells(obj: Obj, now: int) -> list[Any]:
        found = [_cell(obj, column["jsonPath"], column["type"], now) for column in kind.columns]
        return [obj["metadata"]["name"], *found]

    return Printer(definitions, cells)


def _definition(column: Mapping[str, Any]) -> dict[str, Any]:
    """kubectl shows columns of a priority above zero with `-o wide` only."""
    blank = {"format": "", "description": "", "priority": 0}
    return {"name": column["name"], "type": column["type"], **{key: column.get(key, blank[key]) for key in blank}}


def _cell(obj: Obj, path: str, type_: str, now: int) -> Any:
    node: Any = obj
    for part in path.strip(".").split("."):
        node = node.get(part) if isinstance(node, dict) else None
    if type_ == "date":
        return age(node, now) if isinstance(node, str) else ""
    return "" if node is None else node
