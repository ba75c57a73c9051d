"""Diagnoses that were asked for, each with the server that makes it.

A server that was killed leaves its rows behind; another one, or the same one started again, takes them over by compare
and swap, so each is made once more by one server alone.
"""

from datetime import datetime

from sqlalchemy import delete, select, update

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import UnknownSubmission
from aoi.records.submission import ENDED, Submission


class SubmissionBook:
    """Writes and reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, submission: Submission, server: str) -> None:
        """A new one. It is on disk when this returns."""
        row = {"id": submission.id, "server": server, "submitted_at": submission.submitted_at.isoformat()}
        with self._database.write() as connection:
            connection.execute(tables.submissions.insert().values({**row, **_changing(submission)}))

    def change(self, submission: Submission, server: str) -> bool:
        """Whether it was still this server's: if not, another one took it over, and what it says is true."""
        table = tables.submissions
        with self._database.write() as connection:
            changed = connection.execute(
                update(table).where(table.c.id == submission.id, table.c.server == server).values(_changing(submission))
            )
        return changed.rowcount == 1

    def get(self, identity: str) -> Submission:
        """Raises: UnknownSubmission."""
        with self._database.read() as connection:
            query = select(tables.submissions.c.record).where(tables.submissions.c.id == identity)
            row = connection.execute(query).first()
        if row is None:
            raise UnknownSubmission(f"no diagnosis {identity} was submitted here, or it is too old to be remembered")
        return Submission.from_bytes(row.record.encode())

    def newest(self, most: int) -> list[Submission]:
        """At most so many, the newest first."""
        table = tables.submissions
        query = select(table.c.record).order_by(table.c.submitted_at.desc(), table.c.id).limit(most)
        with self._database.read() as connection:
            return [Submission.from_bytes(row.record.encode()) for row in connection.execute(query)]

    def unfinished(self) -> list[tuple[str, Submission]]:
        """Those that are not over, oldest first, each with its server."""
        table = tables.submissions
        query = select(table.c.server, table.c.record).where(table.c.state.not_in(ENDED)).order_by(table.c.submitted_at)
        with self._database.read() as connection:
            return [(row.server, Submission.from_bytes(row.record.encode())) for row in connection.execute(query)]

    def adopt(self, identity: str, former: str, server: str) -> bool:
        """Make it this server's, if it still is the former one's."""
        table = tables.submissions
        with self._database.write() as connection:
            taken = connection.execute(
                update(table).where(table.c.id == identity, table.c.server == former).values(server=server)
            )
        return taken.rowcount == 1

    def forget(self, before: datetime) -> int:
        """Delete those that are over and were submitted before then; answers stay. Returns how many."""
        table = tables.submissions
        with self._database.write() as connection:
            gone = connection.execute(
                delete(table).where(table.c.state.in_(ENDED), table.c.submitted_at < before.isoformat())
            )
        return gone.rowcount


def _changing(submission: Submission) -> dict[str, str]:
    return {"state": submission.state, "record": submission.to_bytes().decode()}
