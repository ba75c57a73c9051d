"""Decodes the protobuf bodies of typed clients (`kubectl create`, `autoscale`, `auth`) into JSON objects.

Only reading is needed: such clients accept JSON answers. The field table is data (`scripts/build_protobuf.py`).
Wire format: https://protobuf.dev/programming-guides/encoding/, envelope: k8s.io/apimachinery runtime.Unknown.
"""

import base64
import gzip
import struct
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from kubeworld.kinds.errors import bad_request
from kubeworld.machine.wire import fields

MAGIC = b"k8s\x00"
# Deeper than any kind is; a body of nested messages must not use up the stack.
DEPTH_LIMIT = 64
_TABLE = Path(__file__).parent.parent / "machine/schema/protobuf.json.gz"
Message = dict[int, tuple[str, str, str]]
"""Field number -> (JSON name, type, flags)."""


@cache
def _messages() -> dict[str, Message]:
    table = orjson.loads(gzip.decompress(_TABLE.read_bytes()))
    return {
        name: {int(number): (field[0], field[1], field[2]) for number, field in fields.items()}
        for name, fields in table.items()
    }


def decode(body: bytes) -> dict[str, Any]:
    """An object out of a Kubernetes protobuf body. Raises: ApiError 400."""
    if not body.startswith(MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = dict(fields(body[len(MAGIC) :]))
        meta = {number: value.decode() for number, value in fields(envelope[1])}
        api_version, kind = meta.get(1, ""), meta.get(2, "")
        message = _message_of(api_version, kind)
        content = _object(envelope.get(2, b""), message, 0)
    except (IndexError, KeyError, ValueError, struct.error, AttributeError, TypeError) as error:
        raise bad_request(f"unable to decode a protobuf body: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **content}


def _message_of(api_version: str, kind: str) -> str:
    package = api_version if "/" in api_version else f"core/{api_version}"
    for name in (f"{package}.{kind}", f"meta/v1.{kind}"):
        if name in _messages():
            return name
    raise KeyError(f"no protobuf type for {api_version} {kind}")


def _object(data: bytes, message: str, depth: int) -> dict[str, Any]:
    if depth > DEPTH_LIMIT:
        raise ValueError("nested too deeply")
    table = _messages()[message]
    obj: dict[str, Any] = {}
    for number, raw in fields(data):
        field = table.get(number)
        # From a newer client: unknown fields are skipped, as protobuf means them to be.
        if field is None:
            continue
        name, kind, flags = field
        if "m" in flags:
            entry = dict(fields(raw))
            value = _value(entry.get(2, b""), kind, depth)
            obj.setdefault(name, {})[entry.get(1, b"").decode()] = value
            continue
        value = _value(raw, kind, depth)
        if "i" in flags:
            obj |= value
        elif "r" in flags:
            obj.setdefault(name, []).append(value)
        elif value is not None and ("z" in flags or value not in ("", 0, {})):  # False equals 0
            obj[name] = value
    return obj


def _value(raw: Any, kind: str, depth: int) -> Any:
    if "/" in kind:
        return _object(raw, kind, depth + 1) if kind in _messages() else raw.decode()
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(raw)
    if kind == "bool":
        return bool(raw)
    if kind in ("float64", "float32"):
        return struct.unpack("<d" if kind == "float64" else "<f", raw)[0]
    # Varints are unsigned; a negative int64 is sent as its two's complement.
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _text(raw: bytes) -> str:
    return raw.decode()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _quantity(raw: bytes) -> str:
    text: bytes = dict(fields(raw)).get(1, b"")
    return text.decode()


def _int_or_string(raw: bytes) -> int | str:
    parts = dict(fields(raw))
    if parts.get(1, 0) == 1:
        return str(parts.get(3, b"").decode())
    number: int = parts.get(2, 0)
    return number - (1 << 64) if number >= 1 << 63 else number


def _time(raw: bytes) -> str | None:
    seconds = dict(fields(raw)).get(1)
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(raw: bytes) -> str | None:
    parts = dict(fields(raw))
    if not parts.get(1):
        return None
    moment = datetime.fromtimestamp(parts[1], UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{parts.get(2, 0) // 1000:06d}Z"


def _raw_json(raw: bytes) -> Any:
    return orjson.loads(dict(fields(raw)).get(1, b"null"))


def _items(raw: bytes) -> list[str]:
    return [value.decode() for _, value in fields(raw)]


def _duration(raw: bytes) -> int:
    nanoseconds: int = dict(fields(raw)).get(1, 0)
    return nanoseconds


_READERS = {
    "string": _text,
    "bytes": _base64,
    "quantity": _quantity,
    "intstr": _int_or_string,
    "time": _time,
    "microtime": _micro_time,
    "raw": _raw_json,
    "fields": _raw_json,
    "items": _items,
    "duration": _duration,
}
