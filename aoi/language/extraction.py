"""Finds the one JSON object in what a model said, whatever it wrote around it.

Thinking, fences, prose before and after, a role or a channel before it, an object wrapped into another or into a
string are forgiven. What is forgiven ends there: nothing is repaired, and of two different objects none is chosen.
"""

import json
import re
from collections.abc import Callable, Iterator
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


Fields = dict[str, object]
"""A JSON object."""
Form = Callable[[Fields], Fields | None]
"""What an object means, in the one form that is read; None of an object that is not meant. Raises: Malformed."""


def fields_of(text: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The one object of `text` with exactly these keys, all strings. Raises: Malformed, whatever the text."""
    needed, known = set(keys), {*keys, *optional}
    meant = object_of(text, lambda found: found if needed <= set(found) else None, keys)
    if not set(meant) <= known:
        raise Malformed(f"expected keys {', '.join(keys)}, found {_names(meant)}")
    fields = {str(key): value for key, value in meant.items() if isinstance(value, str)}
    if len(fields) < len(meant):
        raise Malformed("every value is a string")
    return fields


def object_of(text: str, form: Form, keys: tuple[str, ...]) -> Fields:
    """The one object of `text` that `form` takes, in that form; `keys` are what a refusal says was expected.

    Several are one if they come to the same. Raises: Malformed, whatever the text.
    """
    if len(text) > MAX_CHARS:
        raise Malformed(f"{len(text)} characters, at most {MAX_CHARS}")
    objects = list(_objects(text, form, MAX_WRAPPINGS))
    meant = [taken for found in objects if (taken := form(found)) is not None]
    if not meant:
        _refuse_all(objects, keys)
    if any(other != meant[0] for other in meant):
        raise Malformed(f"{len(meant)} JSON objects that differ, expected one")
    if not all(map(_is_writable, _strings(meant[0]))):
        raise Malformed("a value holds characters that nobody can write")
    return meant[0]


def decoded(text: str) -> object:
    """The JSON value that a text is. Raises: Malformed if it is none."""
    read = _decoded(text)
    if read is None:
        raise Malformed(f"expected JSON, found {text[:80]!r}")
    return read[0]


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from (str(key), *_strings(part))
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _is_writable(value: str) -> bool:
    """Whether it holds no control character, half of a character or the like: it is recorded and shown."""
    return all(character.isprintable() or character in " \t\r\n" for character in value)


def _refuse_all(objects: list[Fields], keys: tuple[str, ...]) -> NoReturn:
    found = f"found {_names(objects[0])}" if objects else "found no JSON object"
    raise Malformed(f"expected keys {', '.join(keys)}, {found}")


def _names(fields: Fields) -> str:
    return ", ".join(map(repr, fields))[:80] or "none"


def without_thoughts(text: str) -> str:
    """Without what a model thought to itself. Of a thought that never ends, all is looked at.

    Where the text is JSON as a whole nothing was thought: marks of thinking are text of its strings.
    """
    if _is_json(text):
        return text
    text = _THOUGHT.sub(" ", text.rpartition(_FINAL_CHANNEL)[2])
    ends = [match.end() for match in _THOUGHT_END.finditer(text)]
    return text[ends[-1] :] if ends else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _objects(text: str, form: Form, wrappings: int) -> Iterator[Fields]:
    """Objects in order. What is meant is taken as it is, and nothing inside it is looked for."""
    text = without_thoughts(text)
    whole = _decoded(text.strip())
    if whole is not None:
        yield from _inside(whole[0], form, wrappings)
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
        yield from _inside(decoded[0], form, wrappings)
        place = text.find("{", decoded[1])


def _inside(value: object, form: Form, wrappings: int) -> Iterator[Fields]:
    if isinstance(value, dict):
        yield value
        if form(value) is not None:
            return
    if wrappings == 0:
        return
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    for part in parts:
        yield from _inside(part, form, wrappings - 1)
    if isinstance(value, str) and "{" in value:
        yield from _objects(value, form, wrappings - 1)


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
