"""Field sets: which fields of an object a manager owns, as paths and as FieldsV1.

A path is a tuple of FieldsV1 elements: `f:spec`, `k:{"name":"web"}`, `v:"a"`. Source: structured-merge-diff v4.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from kubeworld.machine.schema.definitions import ANY, Schema

Path = tuple[str, ...]
Leaves = dict[Path, Any]
"""Owned path -> value there; list items and non-empty maps own their existence (value None)."""

_KEY_DEFAULTS = {"protocol": "TCP"}
"""Values that a list key has when the item does not say: the API server defaults them before merging."""
IDENTITY = frozenset(
    {("f:apiVersion",), ("f:kind",)}
    | {("f:metadata", f"f:{name}") for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    | {("f:metadata", f"f:{name}") for name in ("generation", "managedFields", "selfLink", "deletionTimestamp")}
    | {("f:metadata", "f:deletionGracePeriodSeconds")}
)
"""Paths that nobody owns (managedfields/internal/stripmeta.go)."""


def leaves(value: Any, schema: Schema) -> Leaves:
    """Every path that `value` sets, except those that nobody owns."""
    owned: Leaves = {}
    _collect(value, schema, (), owned)
    return {path: leaf for path, leaf in owned.items() if path[:2] not in IDENTITY and path[:1] not in IDENTITY}


def _collect(value: Any, schema: Schema, path: Path, owned: Leaves) -> None:
    if isinstance(value, dict) and not _is_atomic_map(schema):
        # An empty map is somebody's too: without an owner nobody could take it away again.
        if path and (schema.type == "map" or not value):
            owned[path] = None if value else {}
        for key, item in value.items():
            if item is not None:
                _collect(item, child(schema, key), (*path, f"f:{key}"), owned)
    elif isinstance(value, list) and schema.list_type == "map" and schema.type == "list":
        for item in value:
            here = (*path, element_key(item, schema))
            owned[here] = None
            _collect(item, schema.items, here, owned)
    elif isinstance(value, list) and schema.list_type == "set" and schema.type == "list":
        for item in value:
            owned[(*path, "v:" + orjson.dumps(item).decode())] = item
    elif path:
        owned[path] = value


def _is_atomic_map(schema: Schema) -> bool:
    return schema.type in ("object", "map") and schema.is_atomic


def child(schema: Schema, key: str) -> Schema:
    """Schema of a field of an object or of a value of a map."""
    if schema.type == "object":
        return schema.fields.get(key, ANY)
    return schema.items if schema.type == "map" else ANY


def element_key(item: Any, schema: Schema) -> str:
    """`k:{...}` of one item of a list that merges by keys."""
    keys = {}
    for name in schema.map_keys:
        value = item.get(name, _KEY_DEFAULTS.get(name)) if isinstance(item, dict) else None
        if value is not None:
            keys[name] = value
    return "k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()


def to_fields(paths: Iterable[Path]) -> dict[str, Any]:
    """FieldsV1 of a set of paths; a path that has others below it is marked by `.`."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_leaf_dots(root)


def _without_leaf_dots(node: dict[str, Any]) -> dict[str, Any]:
    if node.keys() == {"."}:
        return {}
    return {key: value if key == "." else _without_leaf_dots(value) for key, value in node.items()}


def from_fields(fields: dict[str, Any], prefix: Path = ()) -> set[Path]:
    """Paths of a FieldsV1."""
    paths: set[Path] = set()
    for key, value in fields.items():
        if key == ".":
            paths.add(prefix)
        elif not value:
            paths.add((*prefix, key))
        else:
            paths |= from_fields(value, (*prefix, key))
    return paths


def readable(path: Path) -> str:
    """A path as conflicts name it: `.spec.template.spec.containers[name="web"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += "." + rest
        elif kind == "k":
            pairs = orjson.loads(rest)
            text += "[" + ",".join(f"{key}={orjson.dumps(pairs[key]).decode()}" for key in sorted(pairs)) + "]"
        else:
            text += f"[={rest}]"
    return text


def merge(live: Any, applied: Any, schema: Schema) -> Any:
    """`live` with `applied` merged into it by the schema's list types; nothing is mutated."""
    if isinstance(live, dict) and isinstance(applied, dict) and not _is_atomic_map(schema):
        merged = dict(live)
        for key, value in applied.items():
            merged[key] = merge(live[key], value, child(schema, key)) if key in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list) and schema.type == "list":
        if schema.list_type == "set":
            # What the applier lists comes first, in its order.
            return applied + [item for item in live if item not in applied]
        if schema.list_type == "map":
            return _merge_items(live, applied, schema)
    return applied


def _merge_items(live: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    """Live items keep their places, new ones follow."""
    wanted = {element_key(item, schema): item for item in applied}
    merged = [
        merge(item, wanted.pop(key), schema.items) if (key := element_key(item, schema)) in wanted else item
        for item in live
    ]
    return merged + list(wanted.values())


def remove(value: Any, path: Path, schema: Schema) -> Any:
    """`value` without what is at `path`; containers on the way are copied, absent ones ignored."""
    head, rest = path[0], path[1:]
    kind, _, name = head.partition(":")
    if kind == "f" and isinstance(value, dict) and name in value:
        copy = dict(value)
        if not rest:
            del copy[name]
        else:
            copy[name] = remove(copy[name], rest, child(schema, name))
        return copy
    if kind == "k" and isinstance(value, list):
        if not rest:
            return [item for item in value if element_key(item, schema) != head]
        return [remove(item, rest, schema.items) if element_key(item, schema) == head else item for item in value]
    if kind == "v" and isinstance(value, list):
        return [item for item in value if "v:" + orjson.dumps(item).decode() != head]
    return value
