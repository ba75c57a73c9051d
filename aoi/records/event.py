"""What an episode tells while it runs, for whoever watches: a person at a terminal, a script, a log.

Events are no part of an episode: nobody learns from them, and an episode that nobody watches makes none. Their texts
are redacted, bounded and on one line.
"""

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from aoi.records.base import Record
from aoi.records.episode import Ended, RoleName, StepStatus


class Surveyed(Record):
    """The look at everything is over: what it says by its own rules."""

    event: Literal["surveyed"] = "surveyed"
    verdict: str
    component: str | None
    cause: str | None
    confidence: float = Field(ge=0, le=1)
    summary: str


class Asked(Record):
    """A model is asked and has not answered yet."""

    event: Literal["asked"] = "asked"
    role: RoleName
    step: int = Field(ge=1)
    tokens: int = Field(ge=0)
    """Of the prompt."""


class Suspects(Record):
    """A model decided: whom it suspects, and what it does next."""

    event: Literal["suspects"] = "suspects"
    step: int = Field(ge=1)
    component: str | None
    """Real name; None where it suspects nobody yet."""
    cause: str | None
    """Word of the lexicon."""
    probability: float = Field(ge=0, le=1)
    does: str
    """What it does next, in words."""


class Misspoke(Record):
    """A model said something that is no decision."""

    event: Literal["misspoke"] = "misspoke"
    step: int = Field(ge=1)
    reason: str


class Ran(Record):
    """A command was run, or refused."""

    event: Literal["ran"] = "ran"
    step: int = Field(ge=1)
    command: str
    status: StepStatus
    bytes: int = Field(ge=0)
    """Of what it printed."""


class Saw(Record):
    """What of the output was passed on, in words."""

    event: Literal["saw"] = "saw"
    step: int = Field(ge=1)
    signals: tuple[str, ...]


class Stopped(Record):
    """The episode is over."""

    event: Literal["stopped"] = "stopped"
    ended: Ended
    """As in a trajectory."""


Event = Surveyed | Asked | Suspects | Misspoke | Ran | Saw | Stopped
Tell = Callable[[Event], None]
"""Who is told. What it raises ends the episode, so it should not."""
