"""What an episode tells while it runs, as lines: for a terminal, for a log, and as JSON for scripts."""

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

from typing_extensions import override

from aoi.progress import Silence
from aoi.records.event import Event, Misspoke, Ran, Saw, Stopped, Surveyed, Suspects


def told(event: Event) -> str:
    """An event in words; empty for what a person need not read."""
    line = ""
    match event:
        case Surveyed(verdict=verdict, component=component, cause=cause, confidence=confidence):
            about = f": {component} ({cause})" if component else ""
            line = f"survey    {verdict.replace('_', ' ')}{about}, {confidence:.0%}. {event.summary}"
        case Suspects(component=component, cause=cause, probability=probability, does=does):
            suspects = f"; suspects {component} ({cause}), {probability:.0%}" if component else ""
            line = f"step {event.step:<4} {does}{suspects}"
        case Misspoke(reason=reason):
            line = f"step {event.step:<4} said nothing that means something: {reason}"
        case Ran(command=command, status=status, bytes=size):
            line = f"          $ {command} ({f'{size:,} bytes' if status == 'ok' else status})"
        case Saw(signals=signals):
            line = "\n".join(f"          saw: {signal}" for signal in signals)
        case Stopped(ended=ended) if ended != "submitted":
            line = f"ended     {ended}"
    return line


class EventLines(Silence):
    """Writes each event as one line of JSON, at once, for as long as they can be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    @override
    def tell(self, event: Event) -> None:
        """Write it: a disk that is full, or a reader that has gone, costs the events and not the answer."""
        if self._stream is None:
            return
        try:
            self._stream.write(event.to_bytes().decode() + "\n")
            self._stream.flush()
        except OSError as error:
            if self._stream is not sys.stderr:
                print(f"note: no further event is written: {error.strerror}", file=sys.stderr)
            self._stream = None


class EventLog(Silence):
    """Logs each event in words, for runs that are watched from elsewhere."""

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[Any]") -> None:
        self._log: Callable[..., None] = logger.info

    @override
    def tell(self, event: Event) -> None:
        """Log it."""
        for line in filter(None, told(event).split("\n")):
            self._log("%s", line)
