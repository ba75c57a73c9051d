"""How long work tells that it goes on: stages report, whoever started them shows it.

The reporter belongs to the context, not to the arguments: a stage's inputs decide its cache key, and who
watches must not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Reporter(Protocol):
    """Somebody who watches."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def advance(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` units of the present stage are finished."""
        ...


class Silence:
    """Nobody watches."""

    def stage(self, name: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Nothing."""


_reporter: ContextVar[Reporter] = ContextVar("reporter", default=Silence())  # noqa: B039 - Silence has no state


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Report to `reporter` inside the block."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def stage(name: str) -> None:
    """Tell that a stage begins."""
    _reporter.get().stage(name)


def advance(done: int, total: int, note: str = "") -> None:
    """Tell that `done` of `total` units are finished."""
    _reporter.get().advance(done, total, note)
