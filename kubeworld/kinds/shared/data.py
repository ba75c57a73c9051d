"""What ConfigMaps and Secrets may hold."""

import re
from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, forbidden_field, invalid
from kubeworld.kinds.shared.formats import IMMUTABLE
from kubeworld.machine.store import Obj

DATA_LIMIT_BYTES = 1024 * 1024
_CONFIG_KEY = re.compile(r"^[-._a-zA-Z0-9]+$")


def data_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Keys, size and immutability."""
    total = 0
    is_secret = new.get("kind") == "Secret"
    for field in ("data", "binaryData"):
        for key, value in (new.get(field) or {}).items():
            # What counts are the bytes that it stands for: base64 is only how they are written.
            is_encoded = is_secret or field == "binaryData"
            total += len(value) * 3 // 4 if is_encoded else len(value.encode())
            if not _CONFIG_KEY.match(key):
                why = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                )
                yield invalid(f"{field}[{key}]", key, why)
    if total > DATA_LIMIT_BYTES:
        yield FieldError("", "FieldValueTooLong", f"Too long: may not be more than {DATA_LIMIT_BYTES} bytes")
    if old and old.get("immutable"):
        if not new.get("immutable"):
            yield forbidden_field("immutable", "field is immutable when `immutable` is set")
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                yield forbidden_field(field, "field is immutable when `immutable` is set")
    if old and new.get("type") != old.get("type"):
        yield invalid("type", new.get("type", ""), IMMUTABLE)
