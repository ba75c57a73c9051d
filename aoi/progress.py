"""How long work tells that it goes on: stages report, whoever started them shows it.

The reporter belongs to the context, not to the arguments: a stage's inputs decide its cache key, and who
watches must not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from aoi.records.event import Event, Tell


class Reporter(Protocol):
    """Somebody who watches."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def advance(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` units of the present stage are finished."""
        ...

    def tell(self, event: Event) -> None:
        """Something happened in an episode."""
        ...


R = TypeVar("R", bound=Reporter)


class Silence:
    """Nobody watches."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Nothing."""

    def tell(self, event: Event) -> None:
        """Nothing."""


_reporter: ContextVar[Reporter] = ContextVar("reporter", default=Silence())  # noqa: B039 - Silence has no state


@contextmanager
def reporting_to(reporter: R) -> Iterator[R]:
    """Report to `reporter` inside the block, of this thread alone: others have contexts of their own."""
    token = _reporter.set(reporter)
    try:
        yield reporter
    finally:
        _reporter.reset(token)


def stage(name: str) -> None:
    """Tell that a stage begins."""
    _reporter.get().stage(name)


def advance(done: int, total: int, note: str = "") -> None:
    """Tell that `done` of `total` units are finished."""
    _reporter.get().advance(done, total, note)


def listener() -> Tell | None:
    """Who is told what happens in an episode; None where nobody watches, so that no event need be made."""
    reporter = _reporter.get()
    return None if type(reporter) is Silence else reporter.tell
