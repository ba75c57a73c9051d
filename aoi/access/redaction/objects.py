"""Redaction of Kubernetes objects: by position, where the API keeps values, and by what their strings hold."""

from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from aoi.access.redaction.commands import spans_of_commands
from aoi.access.redaction.folding import MARK, Span, fold, hidden
from aoi.access.redaction.keys import Tells, tells
from aoi.access.redaction.pairs import STRUCTURE, is_hidden
from aoi.access.redaction.text import redact_text

Obj = dict[str, Any]

_DEEPEST = 200
"""Levels of an object that are looked at; what lies deeper is hidden."""


def redact_object(obj: Obj) -> Obj:
    """A copy of a Kubernetes object without credentials, managedFields and last-applied configuration."""
    return _mapping({**bare_object(obj)}, 0, is_secret=obj.get("kind") == "Secret")


def bare_object(obj: Obj) -> Obj:
    """A shallow copy without managedFields and last-applied configuration."""
    written = obj.get("metadata")
    metadata = {k: v for k, v in written.items() if k != "managedFields"} if isinstance(written, dict) else {}
    annotations = metadata.get("annotations")
    if annotations and isinstance(annotations, dict):
        kept = {k: v for k, v in annotations.items() if not str(k).endswith("/last-applied-configuration")}
        metadata["annotations"] = kept
        if not kept:
            del metadata["annotations"]
    rest = {key: value for key, value in obj.items() if key != "metadata"}
    return {**({"metadata": metadata} if metadata else {}), **rest}


def _mapping(value: Mapping[str, Any], depth: int, *, is_secret: bool = False) -> Obj:
    is_secret = is_secret or value.get("kind") == "Secret"
    named = _name_of(value)
    out: Obj = {}
    for key, item in value.items():
        if is_secret and key in ("data", "stringData") and isinstance(item, dict):
            out[key] = dict.fromkeys(item, MARK)
        elif key == "binaryData" and isinstance(item, dict):
            # Of a ConfigMap: files of programs, key stores among them, which no diagnosis reads.
            out[key] = dict.fromkeys(item, MARK)
        elif named and key in ("value", "Value", "default"):
            out[key] = _under(item, tells(named), named, depth)
        else:
            told = str(key).rpartition("/")[2]
            out[key] = _under(item, tells(told), told, depth)
    return out


def _name_of(value: Mapping[str, Any]) -> str:
    """The name beside a value: of a variable, a header, a parameter, a tag."""
    for key in ("name", "Name", "key", "Key", "path"):
        if isinstance(name := value.get(key), str) and ("value" in value or "Value" in value or "default" in value):
            return name.rpartition("/")[2] if key == "path" else name
    return ""


def _under(value: Any, tell: Tells, key: str, depth: int) -> Any:
    """A value under a key that tells something."""
    if depth > _DEEPEST:
        return MARK
    if isinstance(value, str):
        return _text(value, tell, key)
    if isinstance(value, list):
        return _list(value, tell, key, depth + 1)
    if isinstance(value, dict) and tell is not Tells.ALWAYS:
        return _mapping(value, depth + 1)
    if isinstance(value, dict):
        return {k: _below(str(k), item, key, depth + 1) for k, item in value.items()}
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return MARK if is_number and tell is Tells.ALWAYS else value


def _below(key: str, value: Any, above: str, depth: int) -> Any:
    tell = tells(key)
    if isinstance(value, str) and tell is Tells.NOTHING and key.lower() not in STRUCTURE:
        return _text(value, Tells.UNLESS_NAME if above.lower() in ("secret",) else Tells.ALWAYS, above)
    return _under(value, tell, key, depth)


def _text(value: str, tell: Tells, key: str) -> str:
    return MARK if is_hidden(value, tell, key) else redact_text(value)


def _list(items: list[Any], tell: Tells, key: str, depth: int) -> list[Any]:
    if len(items) == 2 and all(isinstance(item, str) for item in items) and key == "" and tells(items[0]):
        return [items[0], _text(items[1], tells(items[0]), items[0])]
    if all(isinstance(item, str) for item in items) and tell is Tells.NOTHING:
        return _words(items)
    return [_under(item, tell, "" if isinstance(item, list) else key, depth) for item in items]


def _words(words: list[str]) -> list[str]:
    """A list of words, which may be a command line: `--token`, `VALUE`."""
    kept = [redact_text(word) for word in words]
    line = " ".join(word.replace("\n", " ") for word in kept)
    starts = [0, *accumulate(len(word) + 1 for word in kept)]
    found: dict[int, list[Span]] = {}
    for start, end in spans_of_commands(fold(line)):
        number = bisect(starts, start) - 1
        found.setdefault(number, []).append((start - starts[number], min(end - starts[number], len(kept[number]))))
    for number, spans in found.items():
        if MARK not in kept[number]:
            kept[number] = hidden(kept[number], spans)
    return kept
