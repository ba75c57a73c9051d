"""Strategic merge patch, driven by the published schemas (merge keys, replace, retainKeys).

Source: k8s.io/apimachinery/pkg/util/strategicpatch. The original is never mutated: what changes is copied.
"""

from typing import Any

from kubeworld.machine.schema.definitions import ANY, Schema

DIRECTIVE = "$patch"
RETAIN = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList/"
ELEMENT_ORDER = "$setElementOrder/"


class PatchError(ValueError):
    """The patch cannot be applied; the text goes to the client."""


def strategic_merge(original: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """`original` with `patch` merged into it. Raises: PatchError."""
    match patch.get(DIRECTIVE):
        case None | "merge":
            pass
        case "replace":
            return _without_directives({key: value for key, value in patch.items() if key != DIRECTIVE})
        case "delete":
            return {}
        case unknown:
            raise PatchError(f"unknown patch type: {unknown} in map: {patch}")
    merged = dict(original)
    if RETAIN in patch:
        retained = _listed(patch[RETAIN], "retainKeys")
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, value in patch.items():
        if key.startswith(DELETE_FROM):
            field, gone = key.removeprefix(DELETE_FROM), _listed(value, "primitive")
            if isinstance(merged.get(field), list):
                merged[field] = [item for item in merged[field] if item not in gone]
        elif value is None:
            merged.pop(key, None)
        elif not key.startswith("$"):  # other directives are applied above, or below with the list they order
            merged[key] = _merge_value(merged.get(key), value, _child(schema, key))
    _order_elements(merged, original, patch, schema)
    return merged


def _listed(value: Any, what: str) -> list[Any]:
    """What a directive lists. Raises: PatchError."""
    if not isinstance(value, list):
        raise PatchError(f"invalid patch format of {what} list")
    return value


def _order_elements(merged: dict[str, Any], original: dict[str, Any], patch: dict[str, Any], schema: Schema) -> None:
    for key, order in patch.items():
        field = key.removeprefix(ELEMENT_ORDER)
        if field != key and isinstance(merged.get(field), list):
            wanted = _listed(order, "setElementOrder")
            merged[field] = _reorder(merged[field], wanted, original.get(field) or [], _child(schema, field).merge_key)


def _child(schema: Schema, key: str) -> Schema:
    if schema.type == "object":
        return schema.fields.get(key, ANY)
    return schema.items if schema.type == "map" else ANY


def _merge_value(current: Any, value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        if isinstance(current, dict) and ("replace" not in schema.strategies or schema.merge_key):
            return strategic_merge(current, value, schema)
        return _without_directives(value)
    if isinstance(value, list) and "merge" in schema.strategies:
        return _merge_list(current if isinstance(current, list) else [], value, schema)
    return value if not isinstance(value, list) else [_without_directives(item) for item in value]


def _merge_list(current: list[Any], patch: list[Any], schema: Schema) -> list[Any]:
    key = schema.merge_key
    if key is None or (patch and not isinstance(patch[0], dict)):
        # A list of plain values with strategy `merge` is a set: what is there already is not added again.
        merged = list(current) + [item for item in dict.fromkeys(patch) if item not in current]
        return _reorder(merged, patch, current, None)
    # One element with `$patch: replace` stands for the list: the others are its new content.
    if any(item.get(DIRECTIVE) == "replace" for item in patch):
        return [_without_directives(item) for item in patch if item.get(DIRECTIVE) != "replace"]
    merged = list(current)
    plain = []
    for item in patch:
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        at = next((i for i, existing in enumerate(merged) if existing.get(key) == item[key]), None)
        if item.get(DIRECTIVE) == "delete":
            merged = [existing for existing in merged if existing.get(key) != item[key]]
            continue
        plain.append(item)
        if at is None:
            merged.append(_without_directives(item))
        else:
            merged[at] = strategic_merge(merged[at], item, schema.items)
    return _reorder(merged, plain, current, key)


def _reorder(merged: list[Any], patch_order: list[Any], server: list[Any], key: str | None) -> list[Any]:
    """Items named by the patch in its order; items only the server has stay where they were among them."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(item) for item in patch_order]
    placed = [identity(item) for item in server]
    ours = sorted((item for item in merged if identity(item) in wanted), key=lambda item: wanted.index(identity(item)))
    theirs = [item for item in merged if identity(item) not in wanted]
    reordered = []
    while ours and theirs:
        left, right = identity(theirs[0]), identity(ours[0])
        server_first = left in placed and right in placed and placed.index(left) < placed.index(right)
        reordered.append(theirs.pop(0) if server_first else ours.pop(0))
    return reordered + ours + theirs


def _without_directives(value: Any) -> Any:
    """A patch value that lands where nothing was: directives and nulls have nothing to act on."""
    if isinstance(value, dict):
        return {k: _without_directives(v) for k, v in value.items() if not k.startswith("$") and v is not None}
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, dict) and item.get(DIRECTIVE) == "delete")]
        return [_without_directives(item) for item in kept]
    return value
