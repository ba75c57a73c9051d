"""What the rules work on: one printed observation, and what a rule found in it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aoi.estate.observation import Line, Observation, span

__all__ = ["Finding", "Line", "Observation", "columns", "finding", "rows", "span"]


class Finding(NamedTuple):
    """A signal before names become handles: real names, and where it was seen."""

    word: str
    subject: str
    other: str | None
    observation: Observation
    start: int
    end: int
    weight: float = 1.0
    """How much of the observation says so: occurrences, newest lines counted more."""


def finding(word: str, subject: str, observation: Observation, line: Line, *, other: str | None = None) -> Finding:
    """A finding that one line shows."""
    return Finding(word, subject, other, observation, line.start + line.indent, line.end)


def columns(header: str) -> list[tuple[str, int, int | None]]:
    """(title, start, end) of the columns of a kubectl table: two blanks part them."""
    starts = [match.start() for match in re.finditer(r"(?:^|(?<=\s\s))\S", header)]
    ends = [*starts[1:], None][: len(starts)]  # a header of blanks alone has no column
    return [(header[start:end].strip(), start, end) for start, end in zip(starts, ends, strict=True)]


def rows(observation: Observation) -> Iterator[tuple[Line, dict[str, str]]]:
    """Rows of a kubectl table by column title."""
    if not observation.lines:
        return
    titles = columns(observation.lines[0].text)
    for line in observation.lines[1:]:
        if line.text and not line.indent:
            yield line, {title: line.text[start:end].strip() for title, start, end in titles}
