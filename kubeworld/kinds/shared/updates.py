"""Which part of an object an update may not touch."""

from kubeworld.machine.store import Obj


def closed(spec: Obj, open_fields: tuple[str, ...]) -> Obj:
    """`spec` without the fields that may change."""
    return {key: value for key, value in spec.items() if key not in open_fields}
