"""Secrets: encoded on the way in, and what the type of one demands."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import orjson

from kubeworld.kinds.field_errors import FieldError, invalid, required
from kubeworld.kinds.kind import METADATA_FIELDS, Kind
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.data import data_errors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def _default(world: World, obj: Obj) -> Obj:
    new: Obj = {"type": "Opaque", **obj}
    plain = new.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        new["data"] = {**(new.get("data") or {}), **encoded}
    return new


ACCOUNT_TOKEN = "kubernetes.io/service-account-token"
_DOCKER_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
_NEEDED = {
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    **{type_: (key,) for type_, key in _DOCKER_KEYS.items()},
}
"""Keys that Secrets of a type must have."""
_BASIC = ("username", "password")


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
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


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type", "Opaque"), len(obj.get("data") or {}), created(obj, now)]


def _warnings(obj: Obj) -> Iterator[str]:
    if obj["type"] == ACCOUNT_TOKEN:
        yield f"no token is written into Secrets of type {ACCOUNT_TOKEN}: use kubectl create token"


SECRET = Kind(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    fields=METADATA_FIELDS | {"type"},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(columns("Name, Type, Data, Age"), _cells),
    default=_default,
    check=_errors,
    warnings=_warnings,
    usage=lambda _: {"secrets": 1},
)
