"""What operators said about diagnoses: kept with consent, for a time, and never trusted as an oracle.

Feedback has no fork and no oracle behind it. It may become a replay case marked `operator_labelled`; one author cannot
outweigh the others, and contradicted feedback teaches nothing until someone settles it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, model_validator
from sqlalchemy import ColumnElement, delete, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.records.base import Record, Sha256


class Feedback(Record):
    """One operator's word on one diagnosis. Version 1 called the diagnosis a `trajectory`."""

    schema_version: Literal[1, 2] = 2
    answer: Sha256 = Field(pattern=r"^[0-9a-f]{64}$")
    """Content digest of the diagnosis."""
    verdict: Literal["right", "wrong"]
    component: str | None = Field(default=None, max_length=253)
    """What was at fault, where the operator knows."""
    cause: str | None = None
    """Word of the lexicon; `healthy` where nothing was wrong."""
    author: str = Field(min_length=1, max_length=200)
    comment: str = Field(default="", max_length=2000)
    consent: bool
    """Whether its author lets it be learnt from."""

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("schema_version") == 1 and "trajectory" in fields:
            return {("answer" if name == "trajectory" else name): value for name, value in fields.items()}
        return fields


class FeedbackBook:
    """Writes and reads feedback. `now` is the clock, UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def add(self, given: Feedback, *, keep_days: int = 90) -> Sha256:
        """Remember feedback for `keep_days`, in the place of what the same author had said of the same diagnosis.

        Returns its digest.
        """
        digest = given.digest()
        now = self._now()
        row = {
            "digest": digest,
            "answer": given.answer,
            "author": given.author,
            "given_at": now.isoformat(),
            "expires_at": (now + timedelta(days=keep_days)).isoformat(),
            "consent": given.consent,
            "record": given.to_bytes().decode(),
        }
        table = tables.feedback
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.answer == given.answer, table.c.author == given.author))
            connection.execute(table.insert().values(row))
        return digest

    def about(self, answer: Sha256) -> list[Feedback]:
        """What was said of one diagnosis and is not expired, oldest first."""
        return self._unexpired(tables.feedback.c.answer == answer)

    def since(self, moment: datetime) -> list[Feedback]:
        """What was said after a moment and is not expired, newest first."""
        return self._unexpired(tables.feedback.c.given_at > moment.astimezone(UTC).isoformat())[::-1]

    def usable(self, *, per_author: int = 20) -> list[Feedback]:
        """What may become replay cases, newest first: consented, not expired, uncontradicted, few of each author.

        A word without consent teaches nothing and still contradicts.
        """
        known = self._unexpired()[::-1]
        labels: dict[Sha256, set[tuple[str, str | None, str | None]]] = {}
        for given in known:
            labels.setdefault(given.answer, set()).add((given.verdict, given.component, given.cause))
        taken: Counter[str] = Counter()
        usable = []
        for given in known:
            if given.consent and len(labels[given.answer]) == 1 and taken[given.author] < per_author:
                taken[given.author] += 1
                usable.append(given)
        return usable

    def _unexpired(self, *conditions: ColumnElement[bool]) -> list[Feedback]:
        """What is not past its time, oldest first."""
        table = tables.feedback
        query = (
            select(table.c.record)
            .where(table.c.expires_at > self._now().isoformat(), *conditions)
            .order_by(table.c.given_at, table.c.digest)
        )
        with self._database.read() as connection:
            return [Feedback.from_bytes(row.record.encode()) for row in connection.execute(query)]

    def forget_expired(self) -> int:
        """Delete feedback past its time. Returns how many."""
        with self._database.write() as connection:
            gone = connection.execute(
                delete(tables.feedback).where(tables.feedback.c.expires_at <= self._now().isoformat())
            )
        return gone.rowcount

    def forget_author(self, author: str) -> int:
        """Delete all feedback of one person, on their request. Returns how many."""
        with self._database.write() as connection:
            gone = connection.execute(delete(tables.feedback).where(tables.feedback.c.author == author))
        return gone.rowcount
