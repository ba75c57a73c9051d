"""Structural schemas of CustomResourceDefinitions: defaults and validation of custom objects."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported

Source = Mapping[str, Any]
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def with_defaults(value: Any, schema: Source) -> Any:
    """`value` with the schema's defaults where it says nothing; nothing is mutated."""
    if isinstance(value, dict):
        new = dict(value)
        for name, child in (schema.get("properties") or {}).items():
            # A null where none may be says nothing, as no field does.
            if name in new and new[name] is None and not child.get("nullable"):
                del new[name]
            if name not in new and "default" in child:
                new[name] = child["default"]
            if name in new:
                new[name] = with_defaults(new[name], child)
        return new
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [with_defaults(item, schema["items"]) for item in value]
    return value


def schema_errors(value: Any, schema: Source, path: str = "") -> Iterator[FieldError]:
    """What is wrong with `value`, as the API server words it."""
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        wanted = None
    if wanted and not _is(value, wanted):
        names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
        given = names.get(type(value), "number")
        message = f'Invalid value: "{given}": {path} in body must be of type {wanted}: "{given}"'
        yield FieldError(path, "FieldValueTypeInvalid", message)
        return
    yield from _scalar_errors(value, schema, path)
    yield from _size_errors(value, schema, path)
    yield from _junctor_errors(value, schema, path)
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name in schema.get("required") or ():
            if name not in value:
                yield required(_join(path, name))
        others = schema.get("additionalProperties")
        for name, item in value.items():
            child = properties.get(name, others if isinstance(others, dict) else None)
            if child is not None and item is not None:
                yield from schema_errors(item, child, _join(path, name))
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for at, item in enumerate(value):
            yield from schema_errors(item, schema["items"], f"{path}[{at}]")


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _TYPES.get(wanted, object))


def _scalar_errors(value: Any, schema: Source, path: str) -> Iterator[FieldError]:
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, str(value), [str(item) for item in schema["enum"]])
    if isinstance(value, int | float):
        if "minimum" in schema and value < schema["minimum"]:
            text = f"{path} in body should be greater than or equal to {schema['minimum']}"
            yield invalid(path, value, text)
        if "maximum" in schema and value > schema["maximum"]:
            yield invalid(path, value, f"{path} in body should be less than or equal to {schema['maximum']}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield invalid(path, value, f"{path} in body should match '{schema['pattern']}'")
        if len(value) < schema.get("minLength", 0):
            yield invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long")


def _size_errors(value: Any, schema: Source, path: str) -> Iterator[FieldError]:
    """Too much of a string, a list or a map, or too little of the latter two."""
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        message = f"Too long: may not be more than {schema['maxLength']} bytes"
        yield FieldError(path, "FieldValueTooLong", message)
    for kind, least, most, noun in (
        (list, "minItems", "maxItems", "items"),
        (dict, "minProperties", "maxProperties", "properties"),
    ):
        if not isinstance(value, kind):
            continue
        count = len(value)
        if count < schema.get(least, 0):
            yield invalid(path, count, f"{path} in body should have at least {schema[least]} {noun}")
        if count > schema.get(most, count):
            message = f"Too many: {count}: must have at most {schema[most]} items"
            yield FieldError(path, "FieldValueTooMany", message)


def _junctor_errors(value: Any, schema: Source, path: str) -> Iterator[FieldError]:
    """allOf, anyOf, oneOf and not: schemas that only restrict."""
    for inner in schema.get("allOf") or ():
        yield from schema_errors(value, inner, path)
    fitting = {key: [not any(schema_errors(value, inner, path)) for inner in schema.get(key) or ()] for key in _CHOICES}
    if fitting["anyOf"] and not any(fitting["anyOf"]):
        yield invalid(path, "", f"{path} in body must validate at least one schema (anyOf)")
    if fitting["oneOf"] and sum(fitting["oneOf"]) != 1:
        said = "Found none valid" if not any(fitting["oneOf"]) else f"Found {sum(fitting['oneOf'])} valid alternatives"
        yield invalid(path, "", f"{path} in body must validate one and only one schema (oneOf). {said}")
    if isinstance(schema.get("not"), dict) and not any(schema_errors(value, schema["not"], path)):
        yield invalid(path, "", f"{path} in body must not validate the schema (not)")


_CHOICES = ("anyOf", "oneOf")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
