"""Which answers were given, when, and about what. The answers themselves are objects of the store."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import delete, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.records.base import Record, Sha256

SURVEY = "survey"
"""Who gives an answer that no model gave."""


def by_version(version: str) -> str:
    """Who gives a model's answer."""
    return f"version {version}"


class GivenAnswer(Record):
    """One diagnosis, as a list shows it."""

    answer: str
    """Reference of the stored diagnosis, as people type it."""
    sha256: Sha256
    """Its content digest."""
    given_at: datetime
    """UTC."""
    about: str
    """The embedded problem with its seed, or the namespaces of a cluster."""
    verdict: Literal["fault", "no_fault", "inconclusive"]
    component: str | None
    cause: str | None
    confidence: float
    answered_by: str
    """`survey`, or `version N` of the model."""


class AnswerBook:
    """Writes and reads the list of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, given: GivenAnswer) -> None:
        """Enter an answer. Idempotent: one that was entered before stays as it is."""
        row = {"digest": given.sha256, "given_at": given.given_at.isoformat(), "record": given.to_bytes().decode()}
        with self._database.write() as connection:
            known = connection.execute(select(tables.answers.c.digest).where(tables.answers.c.digest == given.sha256))
            if known.first() is None:
                connection.execute(tables.answers.insert().values(row))

    def about(self, digest: Sha256) -> GivenAnswer | None:
        """One answer as a list shows it; None if it is in none."""
        query = select(tables.answers.c.record).where(tables.answers.c.digest == digest)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return GivenAnswer.from_bytes(row.record.encode()) if row else None

    def digests(self) -> list[Sha256]:
        """Of all answers, oldest first."""
        table = tables.answers
        with self._database.read() as connection:
            return [row.digest for row in connection.execute(select(table.c.digest).order_by(table.c.given_at))]

    def expired(self, before: datetime, rated: Collection[Sha256]) -> set[Sha256]:
        """Answers that were given before a moment, but for those that somebody rated."""
        table = tables.answers
        query = select(table.c.digest).where(table.c.given_at < before.astimezone(UTC).isoformat())
        with self._database.read() as connection:
            return {row.digest for row in connection.execute(query)} - set(rated)

    def forget(self, digests: Iterable[Sha256]) -> None:
        """Take answers out of the list."""
        table = tables.answers
        with self._database.write() as connection:
            for digest in sorted(digests):
                connection.execute(delete(table).where(table.c.digest == digest))

    def newest(self, most: int) -> list[GivenAnswer]:
        """At most so many, the newest first."""
        table = tables.answers
        query = select(table.c.record).order_by(table.c.given_at.desc(), table.c.digest).limit(most)
        with self._database.read() as connection:
            return [GivenAnswer.from_bytes(row.record.encode()) for row in connection.execute(query)]
