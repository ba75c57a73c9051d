"""What was read, as citations name it: the redacted bytes that one command would print."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from aoi.records.base import sha256_hex
from aoi.records.coverage import Evidence


@dataclass(frozen=True)
class Observation:
    """What one command printed, redacted."""

    line: str
    """The command, handles resolved."""
    data: bytes
    evidence: Evidence = "seen"
    """What may be concluded from it. An `unreadable` one holds the server's words, for people."""

    @property
    def is_error(self) -> bool:
        """Whether it holds the server's words for what is not given: no evidence of health."""
        return self.evidence in ("absent", "unreadable")

    @property
    def is_whole(self) -> bool:
        """Whether what is not in here is not there."""
        return self.evidence == "seen"

    @cached_property
    def digest(self) -> str:
        """What citations name it by."""
        return sha256_hex(self.data)

    @cached_property
    def text(self) -> str:
        """One character a byte, so that an index into the text is a byte offset."""
        return self.data.decode("latin-1")

    @cached_property
    def lines(self) -> tuple["Line", ...]:
        """Lines with their byte offsets."""
        return tuple(_lines(self.text))


class Line(NamedTuple):
    """One line of an observation."""

    start: int
    indent: int
    text: str
    """Without indentation and line end."""

    @property
    def end(self) -> int:
        """Byte offset behind the last character."""
        return self.start + self.indent + len(self.text)


def span(observation: Observation, needle: str, after: int = 0) -> tuple[int, int]:
    """Byte range of the line around the first `needle` at or after `after`; the whole text if it is not there."""
    at = observation.text.find(needle, after)
    if at < 0:
        return 0, len(observation.data)
    start = observation.text.rfind("\n", 0, at) + 1
    end = observation.text.find("\n", at)
    return start, len(observation.data) if end < 0 else end


def _lines(text: str) -> Iterator[Line]:
    start = 0
    for raw in text.split("\n"):
        stripped = raw.lstrip(" \t")
        yield Line(start, len(raw) - len(stripped), stripped.rstrip())
        start += len(raw) + 1
