"""Leases: who may work on a stage or a shard now, whichever machine asks.

A lease is a row that says until when it holds. It is taken by one statement that compares and swaps, renewed by a
thread of its holder, and free for anybody once it has expired. All times are the database's own clock, so clocks of
machines that differ do not matter. Every taking has a new token: a holder that was away for too long, while another
took over, finds that the token is no longer its own and may not write (a fencing token; Kleppmann, "How to do
distributed locking").

A holder that was killed on this machine, as this user, is recognised by `aoi.database.holders` and does not have to
expire first.
"""

import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from aoi.database.engine import Database
from aoi.database.holders import is_alive, is_dead, this_process
from aoi.database.tables import leases
from aoi.errors import AoiError, StageBusy

LEASE_S = 120.0
"""How long a lease outlives a holder that nobody can see: a machine that lost its power or its network."""
RENEW_S = 20.0
"""A restart of the database that takes less than LEASE_S - RENEW_S costs no lease."""
POLL_S = 0.5
FORGET_S = 7 * 24 * 3600.0
"""Rows of holders that never came back and that nobody took over are deleted after this. Until then they are the proof
that somebody was killed."""


@dataclass(frozen=True)
class Lease:
    """A name, and the token of one taking of it."""

    name: str
    token: str


class Leases:
    """Takes, keeps and gives back the leases of this process."""

    def __init__(self, database: Database, *, lease_s: float = LEASE_S, renew_s: float = RENEW_S) -> None:
        self._database = database
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._kept: dict[str, Lease] = {}
        self._owed: dict[str, Lease] = {}
        """By token, as above: given back while the database was away. They are nobody's, and their rows still there."""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None

    def take(self, name: str, *, wait_s: float | None = None) -> Lease | None:
        """The lease, as soon as nobody else holds it; None once `wait_s` have passed (never, if it is None).

        It is renewed until it is given back or this process ends. Raises: DatabaseUnavailable.
        """
        deadline = None if wait_s is None else time.monotonic() + wait_s
        # One token for all tries: if the answer to a statement that succeeded is lost, the next try finds it ours.
        lease = Lease(name, secrets.token_hex(16))
        while not self._try(lease):
            if deadline is not None and time.monotonic() >= deadline:
                return None
            time.sleep(POLL_S)
        self._keep(lease)
        return lease

    def renew(self, lease: Lease) -> None:
        """Hold it for the whole time again, expired or not, unless another took it meanwhile.

        To be called right before a result is written: whoever gets past it holds the lease.
        Raises: StageBusy if it is lost; DatabaseUnavailable.
        """
        with self._database.write() as connection:
            kept = connection.execute(
                update(leases)
                .where(leases.c.name == lease.name, leases.c.token == lease.token)
                .values(expires_at=_now(connection) + self._lease_s)
            )
        if kept.rowcount != 1:
            raise StageBusy(
                f"{lease.name} was taken over by another run while this one was away: nothing of it is written"
            )

    def give_back(self, lease: Lease) -> None:
        """Let the next one have it. A lease that is lost is no error; if the database is away, it is told later."""
        with self._lock:
            self._kept.pop(lease.token, None)
        try:
            with self._database.write() as connection:
                connection.execute(delete(leases).where(leases.c.name == lease.name, leases.c.token == lease.token))
        except AoiError:  # whatever hinders it: work that is done does not fail because of its lock
            with self._lock:
                self._owed[lease.token] = lease
            return
        with self._lock:
            self._owed.pop(lease.token, None)

    def is_held(self, lease: Lease) -> bool:
        """Whether it has neither expired nor been taken over. Raises: DatabaseUnavailable."""
        return self._holder_of(lease.name, leases.c.token == lease.token)

    def is_taken(self, name: str) -> bool:
        """Whether anybody holds it now, this process included. Raises: DatabaseUnavailable."""
        return self._holder_of(name)

    def wait_until_free(self, name: str, *, wait_s: float | None = None) -> bool:
        """Wait until nobody holds it; False once `wait_s` have passed (never, if it is None)."""
        deadline = None if wait_s is None else time.monotonic() + wait_s
        while self.is_taken(name):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        return True

    def abandoned(self, beginning: str) -> list[Lease]:
        """Leases whose names begin so, and whose holders are gone and did not give them back.

        A holder that is seen to run and was only kept from renewing, such as by a machine that slept, is not gone.
        Raises: DatabaseUnavailable.
        """
        return [lease for lease, is_held in self._named(beginning) if not is_held]

    def is_any_held(self, beginning: str) -> bool:
        """Whether anybody who is not gone holds a lease whose name begins so. Raises: DatabaseUnavailable."""
        return any(is_held for _, is_held in self._named(beginning))

    # Inside ----------------------------------------------------------------------------------------------------

    def _named(self, beginning: str) -> list[tuple[Lease, bool]]:
        with self._database.read() as connection:
            is_over = (leases.c.expires_at <= _now(connection)).label("is_over")
            query = select(leases.c.name, leases.c.token, leases.c.holder, is_over)
            rows = connection.execute(query.where(leases.c.name.startswith(beginning, autoescape=True))).all()
        return [
            (Lease(row.name, row.token), not is_dead(row.holder) and (not row.is_over or is_alive(row.holder)))
            for row in rows
        ]

    def _try(self, lease: Lease) -> bool:
        """Take it if it is free. Looks first, so that those who wait do not keep writers waiting."""
        with self._lock:
            ours = [lease.token, *self._owed]
        if self._holder_of(lease.name, leases.c.token.not_in(ours)):
            return False
        with self._database.write() as connection:
            now = _now(connection)
            connection.execute(delete(leases).where(leases.c.expires_at < now - FORGET_S))
            row = {"token": lease.token, "holder": this_process(), "expires_at": now + self._lease_s}
            statement = _insert(connection).values(name=lease.name, **row)
            taken = connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[leases.c.name],
                    set_=row,
                    where=(leases.c.expires_at <= now) | leases.c.token.in_(ours),
                ).returning(leases.c.token)
            )
            return taken.first() is not None

    def _holder_of(self, name: str, *conditions: ColumnElement[bool]) -> bool:
        """Whether a living holder has it, under these conditions. One that is seen to be dead is cleared away."""
        with self._database.read() as connection:
            query = select(leases.c.token, leases.c.holder).where(
                leases.c.name == name, leases.c.expires_at > _now(connection), *conditions
            )
            row = connection.execute(query).first()
        if row is None:
            return False
        if not is_dead(row.holder):
            return True
        with self._database.write() as connection:  # by token: whoever came first may have taken it already
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.token == row.token))
        return False

    def _keep(self, lease: Lease) -> None:
        with self._lock:
            self._kept[lease.token] = lease
            if self._keeper is None:
                # A daemon: it ends with its process, and the leases then expire.
                self._keeper = threading.Thread(target=self._renew_kept, name="leases", daemon=True)
                self._keeper.start()

    def _renew_kept(self) -> None:
        while not self._closed.wait(self._renew_s):
            with self._lock:
                kept, owed = list(self._kept.values()), list(self._owed.values())
            for lease in owed:
                self.give_back(lease)
            for lease in kept:
                try:
                    self.renew(lease)
                except StageBusy:
                    with self._lock:  # lost: whoever holds it finds out before writing
                        self._kept.pop(lease.token, None)
                except AoiError:
                    continue  # the database is away: the next round is soon enough

    def close(self) -> None:
        """Give everything back and stop renewing."""
        self._closed.set()
        with self._lock:
            kept, keeper = list(self._kept.values()), self._keeper
        for lease in kept:
            self.give_back(lease)
        if keeper is not None:
            keeper.join()


def _now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970 by the database's clock, at the moment the statement is worked on."""
    if connection.dialect.name == "postgresql":
        # Not now(), which is when the transaction began: it may have waited for its lock since.
        return literal_column("extract(epoch FROM clock_timestamp())::double precision")
    return literal_column("(julianday('now') - 2440587.5) * 86400.0")


def _insert(connection: Connection) -> Any:
    """`INSERT ... ON CONFLICT` is said in the same words by both databases, but not by SQLAlchemy's common `insert`."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(leases)
