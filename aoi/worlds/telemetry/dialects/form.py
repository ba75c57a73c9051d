"""What a dialect is: a line format and phrases by event."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["debug", "info", "warn", "error", "fatal", "panic"]
"""`panic` where a logger tells it from `fatal`."""
Phrases = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Line format, names of levels, and phrases by event."""

    line: str
    """Placeholders: `{iso}`, `{second}` and `{offset}` (the same to the second, and with `+00:00`), `{space}` (date and time with a blank), `{slashed}`, `{clock}`, `{epoch}`, `{level}`, `{text}`, `{who}`."""
    levels: Mapping[Level, str]
    phrases: Phrases
    """Events: the outcome words; `failed` (the callee answered with an error of its own); `start`, `stop`, `panic`
    (several lines), `missing`, `invalid`, `taken`, `nologin`, `norole`, `nodatabase` (endings),
    `badargs` (of its parser of options: without a line format), `datafiles` (of a database); `chatter`, `warning`.
    Where a program says at its start which database it asks: `dials`, and `dialled` when it was let in; `{database}`, `{cache}`. As it
    `serves`, it may say its pod's `{ip}` and an `{id}` that it made."""
    spot: str = ""
    """Where in its source a line is written, as `{spot}` of the line: `{n}` is the same for all lines of a phrase.
    A phrase that knows its place begins with it and a tab."""
    piece_line: str = ""
    """How a phrase that is itself pieces of JSON (it begins with a quote) becomes a line."""
    before: tuple[str, ...] = ()
    """Whole lines, with the placeholders of `line`, from before the program has set up its logger."""
    programs: Mapping[str, Phrases] = field(default_factory=dict)
    """What single programs say of an event in other words, by the name of their component."""

    def of(self, program: str) -> Phrases:
        """What a program says, by event."""
        return {**self.phrases, **self.programs[program]} if program in self.programs else self.phrases
