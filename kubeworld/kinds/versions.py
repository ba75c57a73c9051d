"""Two versions, one stored object: an object as it is stored, and as somebody asks for it."""

from kubeworld.kinds.kind import Kind
from kubeworld.machine.store import Obj


def shown(kind: Kind, obj: Obj) -> Obj:
    """The stored object in `kind`'s version."""
    if kind.conversion:
        return {**kind.conversion.from_storage(obj), "apiVersion": kind.api_version, "kind": kind.kind}
    if "kind" in obj and "apiVersion" in obj:
        return obj
    return {"apiVersion": kind.api_version, "kind": kind.kind, **obj}


def stored_form(kind: Kind, obj: Obj) -> Obj:
    """An object of `kind`'s version as it is stored."""
    return kind.conversion.to_storage(obj) if kind.conversion else obj
