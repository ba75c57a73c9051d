"""What the process that pays for a training and the ranks that train say to each other: a line of JSON each.

`ranks.py` listens, `rank.py` asks, both on a socket in a folder that nobody but their user can enter. JSON holds values
alone: whoever wrote a line, nothing is executed by reading it. Floats come back to the bit.
"""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from aoi.records.base import Record
from aoi.records.learning import TrainingExample
from models.training.curves import CurvePoint, TrainingRun
from models.training.grpo import GrpoSettings

SOCKET, ORDER, LOG = "socket", "order.json", "log"
"""Names in the folder."""
CHUNK = 1 << 16


class Order(Record):
    """What every rank is to do: the arguments of `grpo`, in a file beside the socket."""

    base: Path
    examples: tuple[TrainingExample, ...]
    folder: Path
    seed: int
    settings: GrpoSettings
    warm_start: Path | None


class Joined(Record):
    """First word of a rank."""

    what: Literal["joined"] = "joined"
    rank: int


class Said(Record):
    """A rank's share of a step, and the question what it is worth. The answer is `Worth`, for each in order."""

    what: Literal["said"] = "said"
    places: tuple[int, ...]
    """Of the examples, among those of the order."""
    completions: tuple[tuple[int, ...], ...]


class Reached(Record):
    """A logged step."""

    what: Literal["reached"] = "reached"
    point: CurvePoint


class Failed(Record):
    """Last word of a rank that gave up."""

    what: Literal["failed"] = "failed"
    error: str
    """Name of its class."""
    message: str
    retry_in_s: float | None = None


class Finished(Record):
    """Last word of a rank that is done: the adapter is written."""

    what: Literal["finished"] = "finished"
    run: TrainingRun


Message = Joined | Said | Reached | Failed | Finished
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="what")])


class Worth(Record):
    """Rewards of what a rank said, in order."""

    rewards: tuple[float, ...]


def message_of(line: bytes) -> Message:
    """Read what a rank said. Raises: pydantic.ValidationError."""
    return _MESSAGES.validate_json(line)


class Line:
    """One end of a connection."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._rest = end, b""

    def fileno(self) -> int:
        """For `select`: readable when `lines` does not wait."""
        return self._end.fileno()

    def send(self, record: Record) -> None:
        """Say something. That nobody reads it any more is found where an answer is waited for."""
        with suppress(ConnectionError):
            self._end.sendall(record.to_bytes() + b"\n")

    def lines(self) -> list[bytes]:
        """Whole lines of what came, perhaps none. Waits until something does. Raises: EOFError at the other's end."""
        try:
            chunk = self._end.recv(CHUNK)
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise EOFError
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return whole

    def close(self) -> None:
        """The other end reads the end of it."""
        self._end.close()
