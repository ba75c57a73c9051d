"""Changes of live clusters that were proposed, and what became of each.

A state moves by compare and swap: of two processes that approve one proposal, or reject and approve it, one alone does.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import ApprovalRefused, UnknownAction
from aoi.records.action import ActionState, ProposedAction

_TABLE = tables.actions


class ActionBook:
    """Writes and reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, action: ProposedAction) -> None:
        """A new one. It is on disk when this returns."""
        row = {
            "id": action.id,
            "place": action.place,
            "answer": action.answer or "",
            "proposed_at": action.proposed_at.isoformat(),
        }
        with self._database.write() as connection:
            connection.execute(_TABLE.insert().values({**row, **_changing(action)}))

    def move(self, action: ProposedAction, *before: ActionState) -> ProposedAction:
        """Enter what became of it. Raises: ApprovalRefused if it is in none of these states any more."""
        with self._database.write() as connection:
            moved = connection.execute(
                update(_TABLE).where(_TABLE.c.id == action.id, _TABLE.c.state.in_(before)).values(_changing(action))
            )
        if moved.rowcount != 1:
            now = self.get(action.id)
            raise ApprovalRefused(f"action {now.id} is {now.state} already. Look: aoi actions show {now.id}")
        return action

    def get(self, identity: str) -> ProposedAction:
        """Raises: UnknownAction."""
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE.c.record).where(_TABLE.c.id == identity)).first()
        if row is None:
            raise UnknownAction(f"no action {identity!r:.80} was proposed here. List them: aoi actions list")
        return _read(row)

    def newest(self, most: int) -> list[ProposedAction]:
        """At most so many, the newest first."""
        query = select(_TABLE.c.record).order_by(_TABLE.c.proposed_at.desc(), _TABLE.c.id).limit(most)
        return self._all(query)

    def of_answer(self, answer: str) -> list[ProposedAction]:
        """Those that came of one kept diagnosis, oldest first."""
        return self._all(select(_TABLE.c.record).where(_TABLE.c.answer == answer).order_by(_TABLE.c.proposed_at))

    def under_way(self, place: str) -> list[ProposedAction]:
        """Those that were approved in a namespace and of which nothing else is known yet, oldest first."""
        query = select(_TABLE.c.record).where(_TABLE.c.place == place, _TABLE.c.state == "approved")
        return self._all(query.order_by(_TABLE.c.proposed_at))

    def expire(self, now: datetime) -> None:
        """Enter that the time of those is over that nobody decided about."""
        for action in self._all(select(_TABLE.c.record).where(_TABLE.c.state == "proposed")):
            if now >= action.expires_at:
                result = f"nobody decided by {action.expires_at:%FT%TZ}"
                changed = action.model_copy(update={"state": "expired", "ended_at": now, "result": result})
                with self._database.write() as connection:  # decided about meanwhile: that counts
                    connection.execute(
                        update(_TABLE)
                        .where(_TABLE.c.id == action.id, _TABLE.c.state == "proposed")
                        .values(_changing(changed))
                    )

    def _all(self, query: Any) -> list[ProposedAction]:
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(query)]


def _read(row: Any) -> ProposedAction:
    return ProposedAction.from_bytes(row.record.encode())


def _changing(action: ProposedAction) -> dict[str, str]:
    return {"state": action.state, "record": action.to_bytes().decode()}
