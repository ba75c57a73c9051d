"""What is wrong with an object: its metadata, and what its kind says. What needs CEL is admission's to check."""

import re
from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, invalid, required
from kubeworld.kinds.kind import Kind
from kubeworld.machine.store import Obj

_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def errors_of(kind: Kind, new: Obj, old: Obj | None) -> list[FieldError]:
    """What is wrong with an object before it is committed; `old` is None on create."""
    return [*_metadata_errors(kind, new), *kind.check(new, old)]


def _metadata_errors(kind: Kind, obj: Obj) -> Iterator[FieldError]:
    meta = obj["metadata"]
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from kind.name_errors(name)
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL_VALUE.match(value):
            yield invalid("metadata.labels", value, _LABEL_TEXT)
        elif len(value) > 63:
            yield invalid("metadata.labels", value, "must be no more than 63 characters")
        elif not key or len(key) > 316:
            yield invalid("metadata.labels", key, "name part must be non-empty")
