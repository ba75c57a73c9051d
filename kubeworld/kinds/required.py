"""Fields that the published schemas call required, checked before defaults are filled in and rules are applied.

Whatever is stored has them, so that defaulting, controllers and printers may rely on it.
"""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds import errors
from kubeworld.kinds.field_errors import FieldError, required
from kubeworld.kinds.kind import Kind
from kubeworld.machine.schema.definitions import Schema
from kubeworld.machine.store import Obj

_ZERO_VALUES: dict[str, Any] = {"podSelector": {}, "serviceName": ""}
"""Required in the schema, but kube-apiserver takes their zero value when they are absent."""


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
    problems = list(_missing(spec, schema, "spec"))
    if problems:
        raise errors.unprocessable(kind, name, problems)
    absent = {name: zero for name, zero in _ZERO_VALUES.items() if name in schema.required and name not in spec}
    return {**obj, "spec": {**absent, **spec}} if absent else obj


def _missing(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.type == "object" and isinstance(value, dict):
        for name in schema.required:
            if name not in value and name not in _ZERO_VALUES:
                yield required(f"{path}.{name}")
        fields = schema.fields
        for name, item in value.items():
            if name in fields:
                yield from _missing(item, fields[name], f"{path}.{name}")
    elif schema.type == "list" and isinstance(value, list):
        for at, item in enumerate(value):
            if isinstance(item, dict):
                yield from _missing(item, schema.items, f"{path}[{at}]")
