"""Flag definitions as flagd reads them (https://flagd.dev/reference/flag-definitions/): which make trouble, and whose.

Nothing in a definition says that a flag is bad: most features are switched on by one. What a flag is for stands in its
name and its description, and whoever wrote `Fail cart service` there said whom it breaks.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

_TROUBLE = re.compile(
    r"\b(?:fail\w*|error\w*|slow\w*|delay\w*|latency|leak\w*|flood\w*|overload\w*|unavailable|unreachable|high cpu|"
    r"garbage|crash\w*|break\w*|broken|outage|chaos|corrupt\w*|problems?)\b"
)
_LOST = re.compile(r"\b(?:unavailable|unreachable)\b")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-_.\s]+")


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that is on for everybody."""

    name: str
    description: str
    variant: str

    @property
    def words(self) -> str:
        """What it says that it is for, in lower case: the description, then the name as words."""
        name = " ".join(_HUMPS.split(self.name)).lower()
        return f"{' '.join(_HUMPS.split(self.description.lower()))} | {name}"

    @property
    def is_trouble(self) -> bool:
        """Whether it says that it breaks something."""
        return bool(_TROUBLE.search(self.words))

    @property
    def is_loss(self) -> bool:
        """Whether it keeps callers from somebody, who is well."""
        return bool(_LOST.search(self.words))

    def names(self, known: Iterable[str]) -> str | None:
        """The component that it speaks of: the one named first, in its description rather than in its own name."""
        found = [(at, -len(name), name) for name in known if (at := self._at(name)) is not None]
        return min(found)[2] if found else None

    def _at(self, name: str) -> int | None:
        spelt = re.escape(" ".join(_HUMPS.split(name.lower())))
        match = re.search(rf"(?<!\w){spelt}(?!\w)", self.words)
        return match.start() if match else None


def troubling(text: str) -> Iterator[Flag]:
    """Flags of a definition that are on and say that they break something. Nothing from a text that is none."""
    if '"defaultVariant"' not in text:
        return
    try:
        defined: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    flags = defined.get("flags") if isinstance(defined, dict) else None
    for name, flag in flags.items() if isinstance(flags, dict) else ():
        if not isinstance(flag, dict) or flag.get("state", "ENABLED") != "ENABLED":
            continue
        variants, variant = flag.get("variants"), flag.get("defaultVariant")
        value = variants.get(variant) if isinstance(variants, dict) else None
        is_on = isinstance(value, bool | int | float) and bool(value)
        found = Flag(name, str(flag.get("description") or ""), str(variant))
        if is_on and found.is_trouble:
            yield found
