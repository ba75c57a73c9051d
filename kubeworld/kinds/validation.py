"""What is wrong with an object: its metadata, and what its kind says. What needs CEL is admission's to check."""

from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, required
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.formats import label_value, qualified_name
from kubeworld.machine.store import Obj


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
        yield from qualified_name("metadata.labels", key)
        yield from label_value("metadata.labels", value)
