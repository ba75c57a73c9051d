"""Finds the one JSON object in what a model said, whatever it wrote around it.

Thinking, fences, prose before and after, a role or a channel before it, an object wrapped into another or into a
string are forgiven. What is forgiven ends there: nothing is repaired, and of two different objects none is chosen.
"""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from aoi.errors import Permanent

MAX_CHARS = 20_000
"""A longer completion is malformed without being looked at."""
MAX_BRACES = 128
"""Places at which an object may begin: more of them are no answer, and looking at each would take long."""
MAX_WRAPPINGS = 3
"""Objects and strings around the object that is meant."""

_TAGS = r"(?:think|thinking|thought|reasoning|reflection)"
_THOUGHT = re.compile(rf"<{_TAGS}>.*?</{_TAGS}>|\[think\].*?\[/think\]", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(rf"</{_TAGS}>|\[/think\]", re.IGNORECASE)
"""Alone where the template of a chat model has opened the thought already."""
_FINAL_CHANNEL = "<|channel|>final<|message|>"
"""What models that speak on several channels write before what is meant for others."""


class Malformed(Permanent):
    """A completion is not of the grammar. `reason` is what an outcome records."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"malformed completion: {reason}")
        self.reason = reason


def fields_of(text: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The one object of `text` with exactly these keys, all strings. Raises: Malformed, whatever the text."""
    if len(text) > MAX_CHARS:
        raise Malformed(f"{len(text)} characters, at most {MAX_CHARS}")
    needed, known = set(keys), {*keys, *optional}
    objects = list(_objects(_said(text), needed, MAX_WRAPPINGS))
    meant = [found for found in objects if needed <= set(found)]
    if not meant:
        _refuse_all(objects, keys)
    if any(other != meant[0] for other in meant):
        raise Malformed(f"{len(meant)} JSON objects that differ, expected one")
    if not set(meant[0]) <= known:
        raise Malformed(f"expected keys {', '.join(keys)}, found {_names(meant[0])}")
    fields = {str(key): value for key, value in meant[0].items() if isinstance(value, str)}
    if len(fields) < len(meant[0]):
        raise Malformed("every value is a string")
    if not all(map(_is_writable, fields.values())):
        raise Malformed("a value holds characters that nobody can write")
    return fields


def _is_writable(value: str) -> bool:
    """Whether it holds no control character, half of a character or the like: it is recorded and shown."""
    return all(character.isprintable() or character in " \t\r\n" for character in value)


def _refuse_all(objects: list[dict[str, object]], keys: tuple[str, ...]) -> NoReturn:
    found = f"found {_names(objects[0])}" if objects else "found no JSON object"
    raise Malformed(f"expected keys {', '.join(keys)}, {found}")


def _names(fields: dict[str, object]) -> str:
    return ", ".join(map(repr, fields))[:80] or "none"


def _said(text: str) -> str:
    """Without what a model thought to itself. Of a thought that never ends, all is looked at."""
    text = _THOUGHT.sub(" ", text.rpartition(_FINAL_CHANNEL)[2])
    ends = [match.end() for match in _THOUGHT_END.finditer(text)]
    return text[ends[-1] :] if ends else text


def _objects(text: str, needed: set[str], wrappings: int) -> Iterator[dict[str, object]]:
    """Objects in order. What has the needed keys is taken as it is, and nothing inside it is looked for."""
    whole = _decoded(text.strip())
    if whole is not None:
        yield from _inside(whole[0], needed, wrappings)
        return
    place, looked = text.find("{"), 0
    while place >= 0:
        looked += 1
        if looked > MAX_BRACES:
            raise Malformed(f"more than {MAX_BRACES} opening braces")
        decoded = _decoded(text, place)
        if decoded is None:
            place = text.find("{", place + 1)
            continue
        yield from _inside(decoded[0], needed, wrappings)
        place = text.find("{", decoded[1])


def _inside(value: object, needed: set[str], wrappings: int) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
        if needed <= set(value):
            return
    if wrappings == 0:
        return
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    for part in parts:
        yield from _inside(part, needed, wrappings - 1)
    if isinstance(value, str) and "{" in value:
        yield from _objects(value, needed, wrappings - 1)


def _decoded(text: str, place: int | None = None) -> tuple[object, int] | None:
    """The JSON value that begins at `place`, and where it ends; without a place, the value that the text is."""
    try:
        if place is None:
            return _DECODER.decode(text), len(text)
        return _DECODER.raw_decode(text, place)
    except ValueError:
        return None
    except RecursionError:
        raise Malformed("nested too deeply") from None


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Malformed("a key is repeated")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_no_repeats)
