"""The kinds that CustomResourceDefinitions declare."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubeworld.kinds.errors import ApiError
from kubeworld.kinds.kind import SCALE, Conversion, Kind, Subresource
from kubeworld.kinds.shared.columns import NAME_AND_AGE, Printer, age, columns
from kubeworld.machine.store import Obj


def custom_kinds(definition: Obj) -> Iterator[Kind]:
    """One kind for each version that is served."""
    spec = definition["spec"]
    names = spec["names"]
    for version in spec.get("versions") or ():
        if not version.get("served", True):
            continue
        group, name = spec["group"], version["name"]
        parts = version.get("subresources") or {}
        spoken = {"scale": SCALE, "status": Subresource(group, name, names["kind"])}
        conversion = None if version.get("storage") else _conversion(definition, name)
        yield Kind(
            group,
            name,
            names["kind"],
            names["plural"],
            short=tuple(names.get("shortNames") or ()),
            namespaced=spec.get("scope") != "Cluster",
            categories=tuple(names.get("categories") or ()),
            subresources={part: subresource for part, subresource in spoken.items() if part in parts},
            scale=parts.get("scale"),
            structure=(version.get("schema") or {}).get("openAPIV3Schema"),
            conversion=conversion,
            printer=_printer(version.get("additionalPrinterColumns") or ()),
        )


def _conversion(definition: Obj, version: str) -> Conversion:
    """Between a version and the one that is stored: the same fields, unless a webhook would have to say which."""
    spec = definition["spec"]
    group, names = spec["group"], spec["names"]
    stored = next((item["name"] for item in spec["versions"] if item.get("storage")), version)
    table = f"{names['plural']}.{group}"
    conversion = spec.get("conversion") or {}
    if conversion.get("strategy") != "Webhook":
        return Conversion(table, lambda obj: obj, lambda obj: {**obj, "apiVersion": f"{group}/{stored}"})

    def ask(obj: Obj) -> Obj:
        config = (conversion.get("webhook") or {}).get("clientConfig") or {}
        service = config.get("service") or {}
        where = config.get("url") or f"service {service.get('namespace')}/{service.get('name')}"
        why = f"conversion webhooks are not called, and {where} would have to say how to convert it to {stored}"
        what = f"conversion webhook for {group}/{version}, Kind={names['kind']} failed: {why}"
        raise ApiError(500, "InternalError", f"Internal error occurred: {what}", {"causes": [{"message": what}]})

    return Conversion(table, ask, ask)


def _printer(wanted: Sequence[Mapping[str, Any]]) -> Printer:
    """The columns that a definition lists; name and age if it lists none."""
    if not wanted:
        return NAME_AND_AGE

    def cells(obj: Obj, now_ms: int) -> list[Any]:
        values = [_cell(obj, column["jsonPath"], column["type"], now_ms) for column in wanted]
        return [obj["metadata"]["name"], *values]

    return Printer((*columns("Name"), *(_definition(column) for column in wanted)), cells)


def _definition(column: Mapping[str, Any]) -> dict[str, Any]:
    """kubectl shows columns of a priority above zero with `-o wide` only."""
    blank = {"format": "", "description": "", "priority": 0}
    return {"name": column["name"], "type": column["type"], **{key: column.get(key, blank[key]) for key in blank}}


def _cell(obj: Obj, path: str, type_: str, now_ms: int) -> Any:
    node: Any = obj
    for part in path.strip(".").split("."):
        node = node.get(part) if isinstance(node, dict) else None
    if type_ == "date":
        return age(node, now_ms) if isinstance(node, str) else ""
    return "" if node is None else node
