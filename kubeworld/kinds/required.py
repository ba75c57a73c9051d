"""Fields that the published schemas call required, checked before defaults are filled in and rules are applied.

Whatever is stored has them, so that defaulting, controllers and printers may rely on it.
"""

from collections.abc import Container, Iterator
from typing import Any

from kubeworld.kinds import errors
from kubeworld.kinds.field_errors import FieldError, required
from kubeworld.kinds.kind import Kind
from kubeworld.machine.schema.definitions import Schema
from kubeworld.machine.store import Obj


def with_required(kind: Kind, obj: Obj) -> Obj:
    """`obj` with the zero values that may be left out. Raises: ApiError 422 naming every field that may not."""
    name = (obj.get("metadata") or {}).get("name", "")
    if not name:
        hint = "name or generateName is required"
        raise errors.unprocessable(kind, "", [required("metadata.name", hint)])
    spec = obj.get("spec")
    schema = kind.schema.fields.get("spec")
    if schema is None or not isinstance(spec, dict) or kind.structure is not None or kind.names_missing_fields:
        return obj
    problems = list(_missing(spec, schema, "spec", kind.zero_values))
    if problems:
        raise errors.unprocessable(kind, name, problems)
    if kind.zero_values.keys() <= spec.keys():
        return obj
    return {**obj, "spec": {**kind.zero_values, **spec}}


def _missing(value: Any, schema: Schema, path: str, optional: Container[str] = ()) -> Iterator[FieldError]:
    if schema.type == "object" and isinstance(value, dict):
        for name in schema.required:
            if name not in value and name not in optional:
                yield required(f"{path}.{name}")
        fields = schema.fields
        for name, item in value.items():
            if name in fields:
                yield from _missing(item, fields[name], f"{path}.{name}")
    elif schema.type == "list" and isinstance(value, list):
        for at, item in enumerate(value):
            if isinstance(item, dict):
                yield from _missing(item, schema.items, f"{path}[{at}]")
