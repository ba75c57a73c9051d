"""One JSON object of a chat model, read key by key: what is not expected there is refused with its place."""

from collections.abc import Iterable, Mapping
from typing import NoReturn

from aoi.language.decision import is_name, is_value
from aoi.language.extraction import Fields, Malformed

MOST_CHARS = 2_000
"""Of one text. What a server constrains is shorter (`schema`)."""


def refuse(place: str, expected: str, found: object) -> NoReturn:
    """Raises: Malformed, with what was expected where."""
    raise Malformed(f"{place}: expected {expected}, found {str(found)[:80]!r}")


class Reader:
    """The fields of one object, each asked for by its key. A key that holds null is one that is not there."""

    def __init__(self, value: object, place: str, known: Iterable[str]) -> None:
        """Raises: Malformed unless it is an object with no other keys than these."""
        keys = tuple(known)
        if not isinstance(value, dict) or not set(value) <= set(keys):
            refuse(place, f"an object with {', '.join(keys)}", ", ".join(value) if isinstance(value, dict) else value)
        self._fields: Fields = {key: part for key, part in value.items() if part is not None}
        self._place = place

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._fields

    def text(self, key: str) -> str:
        """Free text on one line; empty without the key."""
        said = self._fields.get(key, "")
        if not isinstance(said, str) or len(said) > MOST_CHARS:
            refuse(self._at(key), f"text of at most {MOST_CHARS} characters", said)
        return " ".join(said.split())

    def needed(self, key: str) -> str:
        """Free text that is not empty."""
        return self.text(key) or refuse(self._at(key), "text", "nothing")

    def name(self, key: str) -> str:
        """The name of a component."""
        said = self._fields.get(key)
        return said if isinstance(said, str) and is_name(said) else refuse(self._at(key), "one name", said)

    def names(self, key: str, most: int) -> tuple[str, ...]:
        """A list of different names of components, one at least."""
        said = self._fields.get(key)
        if not isinstance(said, list) or not 0 < len(said) <= most:
            refuse(self._at(key), f"a list of 1 to {most} names", said)
        found = tuple(name for name in said if isinstance(name, str) and is_name(name))
        return tuple(dict.fromkeys(found)) if len(found) == len(said) else refuse(self._at(key), "names", said)

    def value(self, key: str) -> str | None:
        """An operand, text or a whole number; None without the key."""
        said = self._fields.get(key)
        text = str(said) if isinstance(said, int) and not isinstance(said, bool) else said
        if text is None or text == "":
            return None
        return text if isinstance(text, str) and is_value(text) else refuse(self._at(key), "an operand", said)

    def word(self, key: str, words: Mapping[str, str] | Iterable[str]) -> str:
        """One of these words; of a mapping what it stands for."""
        said, known = self._fields.get(key), words if isinstance(words, Mapping) else {word: word for word in words}
        found = known.get(said) if isinstance(said, str) else None
        return found if found is not None else refuse(self._at(key), f"one of {', '.join(known)}", said)

    def share(self, key: str) -> float:
        """A probability, written in percent."""
        said = self._fields.get(key)
        if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said <= 100:
            refuse(self._at(key), "a whole number from 0 to 100", said)
        return said / 100

    def objects(self, key: str, most: int) -> list[object]:
        """A list; empty without the key."""
        said = self._fields.get(key, [])
        return said if isinstance(said, list) and len(said) <= most else refuse(self._at(key), f"at most {most}", said)

    def part(self, key: str) -> object:
        """Whatever stands there."""
        return self._fields.get(key)

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
