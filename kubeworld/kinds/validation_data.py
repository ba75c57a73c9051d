"""Validation of ConfigMaps and Secrets."""

import base64
import binascii
import re
from collections.abc import Iterator

import orjson

from kubeworld.kinds.errors import FieldError, forbidden_field, invalid, required
from kubeworld.kinds.formats import IMMUTABLE
from kubeworld.machine.store import Obj

DATA_LIMIT_BYTES = 1024 * 1024
ACCOUNT_TOKEN = "kubernetes.io/service-account-token"
_CONFIG_KEY = re.compile(r"^[-._a-zA-Z0-9]+$")
_DOCKER_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
_NEEDED = {
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    **{type_: (key,) for type_, key in _DOCKER_KEYS.items()},
}
"""Keys that Secrets of a type must have."""
_BASIC = ("username", "password")


def data_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Keys, size and immutability."""
    total = 0
    for field in ("data", "binaryData"):
        for key, value in (new.get(field) or {}).items():
            total += len(value.encode())
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


def secret_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """The same, and what the type of a Secret demands."""
    yield from data_errors(new, old)
    type_, data = new.get("type", ""), new.get("data") or {}
    needed = _NEEDED.get(type_, ())
    if type_ == "kubernetes.io/basic-auth" and not any(key in data for key in _BASIC):
        needed = _BASIC
    for key in needed:
        if key not in data:
            yield required(f"data[{key}]")
    key = _DOCKER_KEYS.get(type_)
    if key in data and not _is_json(data[key]):
        yield invalid(f"data[{key}]", "<secret contents redacted>", "invalid character in JSON")
    if type_ == ACCOUNT_TOKEN:
        name = "kubernetes.io/service-account.name"
        if not (new["metadata"].get("annotations") or {}).get(name):
            yield required(f"metadata.annotations[{name}]")


def _is_json(text: str) -> bool:
    try:
        orjson.loads(base64.b64decode(text))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        return False
    return True
