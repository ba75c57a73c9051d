"""What claims and volumes share."""

from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, unsupported
from kubeworld.machine.store import Obj

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def access_mode_errors(spec: Obj) -> Iterator[FieldError]:
    """Modes that are none."""
    for mode in spec.get("accessModes") or ():
        if mode not in _ACCESS_MODES:
            yield unsupported("spec.accessModes", mode, _ACCESS_MODES)
