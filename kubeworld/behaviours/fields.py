"""Takes a mapping apart field by field; a refusal names the entry, the field, what was expected and what was there."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
SHOWN_CHARACTERS = 60


class BadBehaviours(ValueError):
    """Behaviours that cannot be understood; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """What a field must hold."""

    expects: str
    """After `expected`."""
    take: Callable[[object], T | None]
    """The value, or None for one that does not fit."""


class Fields:
    """One mapping and where it stands. Raises: BadBehaviours, everywhere."""

    def __init__(self, place: str, values: object, path: str = "") -> None:
        self._place, self._path = place, path
        if not isinstance(values, Mapping):
            raise self.refusal("", "a mapping", values)
        self.values: Mapping[Any, object] = values

    @property
    def place(self) -> str:
        """Where it stands, as refusals begin."""
        return f"{self._place}: {self._path}" if self._path else self._place

    def titled(self, title: str) -> "Fields":
        """The same, with more words to find the entry by."""
        return Fields(f"{self._place} ({title})", self.values, self._path) if title else self

    def only(self, *names: str) -> None:
        """Refuse every other field."""
        for name in self.values:
            if name not in names:
                raise BadBehaviours(f"{self._place}: unknown field {self._at(str(name))}, known are {_listed(names)}")

    def part(self, name: str) -> "Fields":
        """The mapping in a field; an empty one if there is none."""
        return Fields(self._place, self.values.get(name, {}), self._at(name))

    def takes(self, name: str, check: Check[T]) -> T | None:
        """The value of a field, or None if there is none."""
        return self.needs(name, check) if name in self.values else None

    def needs(self, name: str, check: Check[T]) -> T:
        """The value of a field."""
        if name not in self.values:
            raise BadBehaviours(f"{self._place}: {self._at(name)}: expected {check.expects}, found nothing")
        value = check.take(self.values[name])
        if value is None:
            raise self.refusal(name, check.expects, self.values[name])
        return value

    def refusal(self, name: str, expected: str, actual: object) -> BadBehaviours:
        """Why a field is no good."""
        where = self._at(name) if name else self._path
        place = f"{self._place}: {where}" if where else self._place
        return BadBehaviours(f"{place}: expected {expected}, found {shown(actual)}")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def shown(value: object) -> str:
    """A value as a message shows it."""
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _of(kind: type[T], expects: str) -> Check[T]:
    return Check(expects, lambda value: value if isinstance(value, kind) else None)


TEXT = _of(str, "a text (in quotes, if it looks like something else)")
TRUTH = _of(bool, "true or false")
LIST: Check[list[object]] = _of(list, "a list")


def choice(*words: Any) -> Check[Any]:
    """One of these words."""
    return Check(_listed(words, "or"), lambda value: value if isinstance(value, str) and value in words else None)


def number(least: float, most: float) -> Check[float]:
    """A number, whole or not, between two."""

    def take(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value if math.isfinite(value) and least <= value <= most else None

    return Check(f"a number from {least:g} to {most:g}", take)


def whole(least: int, most: int) -> Check[int]:
    """A whole number between two."""

    def take(value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if least <= value <= most else None

    return Check(f"a whole number from {least} to {most}", take)


def _listed(words: Iterable[str], last: str = "and") -> str:
    *others, final = words
    return f"{', '.join(others)} {last} {final}" if others else final
