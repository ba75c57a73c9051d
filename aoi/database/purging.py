"""Takes a secret out of databases: out of ours, but for the ledger, and out of SQLite files of other programs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Table, delete, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import DatabaseUnavailable
from aoi.needle import Needle

SQLITE = b"SQLite format 3\0"
_BUSY_S = 10.0


def ledger_entries(database: Database, needle: Needle) -> list[int]:
    """Numbers of the ledger's entries in which the secret stands. They are chained: none can be changed."""
    with database.read() as connection:
        rows = connection.execute(select(tables.ledger.c.seq, tables.ledger.c.record))
        return [seq for seq, record in rows if needle.is_in(record.encode())]


def feedback(database: Database, needle: Needle, *, is_removed: bool) -> int:
    """How many words of operators hold the secret; each is deleted as a whole, since its digest names it."""
    return _rows(database, tables.feedback, needle, is_removed=is_removed)


def answers(database: Database, needle: Needle, *, is_removed: bool) -> int:
    """How many entries of the list of answers hold the secret; each is deleted as a whole."""
    return _rows(database, tables.answers, needle, is_removed=is_removed)


def clusters(database: Database, needle: Needle, *, is_removed: bool) -> int:
    """How many registered clusters hold the secret, in an address for one; each is deleted as a whole."""
    return _rows(database, tables.clusters, needle, is_removed=is_removed)


def submissions(database: Database, needle: Needle, *, is_removed: bool) -> int:
    """How many submitted diagnoses hold the secret in what was asked; each is deleted as a whole."""
    return _rows(database, tables.submissions, needle, is_removed=is_removed)


def actions(database: Database, needle: Needle, *, is_removed: bool) -> int:
    """How many proposed changes of clusters hold the secret in what they show; each is deleted as a whole."""
    return _rows(database, tables.actions, needle, is_removed=is_removed)


def _rows(database: Database, table: Table, needle: Needle, *, is_removed: bool) -> int:
    (key,) = table.primary_key.columns
    with database.write() if is_removed else database.read() as connection:
        rows = connection.execute(select(key, table.c.record)).all()
        held = [name for name, record in rows if needle.is_in(record.encode())]
        if is_removed and held:
            connection.execute(delete(table).where(key.in_(held)))
    return len(held)


def in_file(path: Path, needle: Needle, mark: bytes, *, is_removed: bool) -> int:
    """How many values of a SQLite file hold the secret; each is rewritten, and the file without what it was.

    Raises: DatabaseUnavailable if another program has it open for writing.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection:
            found = sum(_in_table(connection, name, needle, mark, is_removed) for name in _tables(connection))
            if is_removed and found:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("VACUUM")  # freed pages still hold what stood in them
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DatabaseUnavailable(
            f"{path}: {error}. End the programs that use it (aoi ui, servers), and again"
        ) from None
    return found


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    yield from [name for (name,) in rows.fetchall()]


def _in_table(connection: sqlite3.Connection, table: str, needle: Needle, mark: bytes, is_removed: bool) -> int:
    found = 0
    for column in [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()]:
        place = f"{_quoted(table)} WHERE typeof({_quoted(column)}) IN ('text', 'blob')"
        values = connection.execute(f"SELECT DISTINCT {_quoted(column)} FROM {place}").fetchall()
        for (value,) in values:
            data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            if not needle.is_in(data):
                continue
            clean = needle.without(data, mark)
            new = clean.decode("utf-8", "replace") if isinstance(value, str) else clean
            here = f"{_quoted(table)} WHERE {_quoted(column)} = ?"
            found += connection.execute(f"SELECT count(*) FROM {here}", (value,)).fetchone()[0]
            if is_removed:
                change = f"UPDATE {_quoted(table)} SET {_quoted(column)} = ? WHERE {_quoted(column)} = ?"
                connection.execute(change, (new, value))
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
