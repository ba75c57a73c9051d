"""A log's bytes as lines with their places, readable whatever the bytes are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 4_000
"""Characters of a line that are matched as a whole; of a longer one, the surroundings of words that speak of errors."""
_BEFORE, _AFTER, _WINDOWS = 200, 600, 12
"""Characters around such a word, and how many places of one line are looked at."""
# Colours and other control sequences of terminals, then control characters.
_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What container runtimes and `kubectl logs --timestamps` put before a line: behind it a frame is indented again.
_RUNTIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?")
_TROUBLE = re.compile(
    r"error|exception|fatal|panic|fail|refused|denied|timed? ?out|caused by|cannot|could not|unable|no such|not found|"
    r"E[A-Z]{4,12}\b|traceback|expired|missing|invalid",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its bytes' range in the log and its text without colours."""

    start: int
    end: int
    text: str


def lines_of(log: bytes) -> Iterator[Line]:
    """All lines, oldest first, the empty ones too; the range excludes the line's end."""
    start = 0
    while start < len(log):
        stop = log.find(b"\n", start)
        stop = len(log) if stop < 0 else stop
        end = stop - 1 if stop > start and log[stop - 1 : stop] == b"\r" else stop
        yield Line(start, end, plain(log[start:end].decode("utf-8", "replace")) if end > start else "")
        start = stop + 1


def plain(text: str) -> str:
    """Without control sequences, the runtime's time and trailing blanks."""
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if text.startswith("2") and (match := _RUNTIME.match(text)):
        text = text[match.end() :]
    return _CONTROL.sub(" ", text).rstrip()


def readable(text: str) -> str:
    """The text, or of a very long one its beginning and what surrounds words of trouble."""
    if len(text) <= LONGEST:
        return text
    pieces: list[str] = []
    stop = _BEFORE
    for match in _TROUBLE.finditer(text):
        if match.end() <= stop:
            continue
        start = max(stop, match.start() - _BEFORE)
        stop = match.start() + _AFTER
        pieces.append(text[start:stop])
        if len(pieces) == _WINDOWS:
            break
    return " … ".join([text[:_BEFORE], *pieces])


def excerpt(text: str, start: int, end: int, limit: int) -> str:
    """At most `limit` characters of a text with the range in it, cut at both sides as needed."""
    text = text.replace("\t", " ")
    lead = len(text) - len(text.lstrip())
    text, start, end = text.strip(), max(0, start - lead), max(0, end - lead)
    if len(text) <= limit:
        return text
    room = limit - 2
    begin = max(0, min(start - (room - min(end - start, room)) // 2, len(text) - room))
    stop = begin + room
    return ("…" if begin else "") + text[begin:stop].strip() + ("…" if stop < len(text) else "")
