"""What a person at a terminal sees: progress while it works, tables at the end, JSON for scripts."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from aoi import progress
from aoi.records.event import Asked, Event, Stopped
from aoi.visible import visible
from flows.events import EventLines, told

WIDE = 160
"""Columns of what goes to a file or a pipe: nothing there is as narrow as a terminal."""
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True)
"""Progress goes to stderr: stdout stays a table or one JSON document."""


class TerminalReporter:
    """One line a stage, with a bar; finished stages stay with their time."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._name = ""
        self._task: TaskID | None = None
        self._asked: TaskID | None = None
        """The line of who is asked, while an episode runs."""

    def stage(self, name: str) -> None:
        """Close the present line and begin another."""
        self.close()
        self._name = name
        self._task = self._bars.add_task(name, total=None, note="")

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, note=note)

    def tell(self, event: Event) -> None:
        """A line for what happened; who is being waited for stands below, with the time that it takes."""
        if isinstance(event, Asked):
            self._wait_for(event)
        elif isinstance(event, Stopped):
            self._wait_no_longer()
        for line in filter(None, told(event).split("\n")):
            # From strangers and models: redacted, never read as markup, and nothing in it moves the cursor.
            self._bars.console.print(visible(line), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _wait_for(self, event: Asked) -> None:
        """One line for whoever is asked now."""
        note = f"{event.role} thinks about {event.tokens:,} tokens"
        if self._asked is None:
            self.close()
            self._task = None
            self._asked = self._bars.add_task("", total=None, note="")
        self._bars.reset(self._asked, total=None)
        self._bars.update(self._asked, description=f"step {event.step}", note=note)

    def _wait_no_longer(self) -> None:
        if self._asked is not None:
            self._bars.remove_task(self._asked)
            self._asked = None

    def close(self) -> None:
        """Leave the finished line full."""
        if self._task is None:
            return
        line = self._bars.tasks[self._bars.task_ids.index(self._task)]
        total = line.total or 1
        self._bars.update(self._task, completed=total, total=total)
        self._bars.stop_task(self._task)


class PlainReporter:
    """For logs and pipes: a line when a stage begins, and one every ten seconds."""

    EVERY_S = 10.0

    def __init__(self) -> None:
        self._name = ""
        self._started = self._last = time.monotonic()

    def stage(self, name: str) -> None:
        """Say that the stage begins."""
        self.close()
        self._name, self._started = name, time.monotonic()
        self._last = self._started
        print(f"{name} ...", file=sys.stderr, flush=True)

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Say how far it is, at most every ten seconds."""
        now = time.monotonic()
        if now - self._last >= self.EVERY_S:
            self._last = now
            print(f"{self._name} {done}/{total} {note}".rstrip(), file=sys.stderr, flush=True)

    def tell(self, event: Event) -> None:
        """Nothing: a log keeps the transcript at the end, or the events that it asked for."""

    def close(self) -> None:
        """Say how long it took."""
        if self._name:
            print(f"{self._name} done in {time.monotonic() - self._started:.0f} s", file=sys.stderr, flush=True)


@contextmanager
def shown_progress(*, quiet: bool = False, events: TextIO | None = None) -> Iterator[None]:
    """Show what is reported inside the block: bars on a terminal, plain lines elsewhere, nothing if quiet.

    With `events`, what happens in an episode is written there, a line of JSON each, and nothing else is shown.
    """
    if events is not None:
        with progress.reporting_to(EventLines(events)):
            yield
        return
    if quiet:
        yield
        return
    if not err.is_terminal:
        plain = PlainReporter()
        with progress.reporting_to(plain):
            yield
        plain.close()
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=err) as bars:
        reporter = TerminalReporter(bars)
        with progress.reporting_to(reporter):
            yield
        reporter.close()


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout."""
    shown = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    out.print(shown)
