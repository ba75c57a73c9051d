"""Opens the database and brings its tables up to date. SQLite by default, PostgreSQL by URL.

Writers are serialised from their first statement: SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock held for
the transaction. Whatever was read inside `write()` is therefore still true when it commits.

Nothing waits for ever: a lock, a statement and a transaction that nobody goes on with have their times below, and what
the driver says then is put into the error tree by `aoi.database.outages`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from aoi.database.outages import explained
from aoi.errors import SettingsError, StoreNotWritable
from aoi.settings import Settings

BUSY_TIMEOUT_S = 60.0
"""How long a writer waits for another before it gives up as busy."""
STATEMENT_TIMEOUT_S = 120.0
"""How long PostgreSQL works on one statement, its wait for locks included. Ours are short: longer means trouble."""
CONNECT_TIMEOUT_S = 10.0

_POSTGRES_LOCK = 0x414F49  # "AOI"
MIGRATIONS = Path(__file__).parent / "migrations"
REVISION = "0006"
"""Of the newest migration."""


class Database:
    """One database with current tables. `read()` and `write()` are transactions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises: DatabaseUnavailable, StoreNotWritable."""
        with explained(self.engine.url), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer can interleave with. Raises: DatabaseUnavailable, StoreNotWritable."""
        with explained(self.engine.url), self.engine.connect() as connection:
            _lock_writers(connection)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(settings: Settings) -> Database:
    """The database of these settings, migrated. Raises: SettingsError, StoreNotWritable, DatabaseUnavailable."""
    return open_url(settings.database_url, settings.database_password.get_secret_value())


def open_url(address: str, password: str = "") -> Database:
    """The database at a SQLAlchemy URL, migrated. Safe when several processes start at once."""
    try:
        url = engine_url(address, password)
        database = Database(_sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url))
    except (ImportError, SQLAlchemyError, ValueError) as error:
        raise SettingsError(
            f"AOI_DATABASE_URL {address!r} cannot be used: {error}. Expected sqlite:///path or "
            "postgresql+psycopg://user@host/name with the driver installed"
        ) from None
    try:
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def engine_url(address: str, password: str = "") -> URL:
    """The URL with its password, which `str()` and `repr()` hide. SQLite has none."""
    url = make_url(address)
    return url.set(password=password) if password and url.get_backend_name() != "sqlite" else url


def _sqlite(url: URL) -> Engine:
    if url.database and _is_read_only(Path(url.database)):
        return _opened_read_only(Path(url.database))
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreNotWritable(
                f"cannot make the folder of {url.database}: {error.strerror}. Set AOI_DATABASE_URL or AOI_HOME"
            ) from error
    # A connection for each transaction: SQLite's are cheap, and none is then carried over a fork.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        _set_write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")  # a committed entry survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("aoi_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _postgres(url: URL) -> Engine:
    # Pinged before use: a connection that the server dropped meanwhile is replaced, and nobody sees it.
    connect_args = {"connect_timeout": int(CONNECT_TIMEOUT_S)} if "connect_timeout" not in url.query else {}
    engine = create_engine(url, pool_pre_ping=True, connect_args=connect_args)
    times_s = {
        "lock_timeout": BUSY_TIMEOUT_S,
        "statement_timeout": STATEMENT_TIMEOUT_S,
        # A writer whose machine froze in its transaction would otherwise keep the others out for ever.
        "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT_S,
    }

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for name, seconds in times_s.items():
                cursor.execute(f"SET {name} = {int(seconds * 1000)}")
        connection.commit()  # a SET that is rolled back is undone

    return engine


def _is_read_only(file: Path) -> bool:
    """Whether a database is there that this process cannot write to: a backup, or another user's home."""
    return file.is_file() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def _opened_read_only(file: Path) -> Engine:
    """For status, trace and verify; every write is refused. Raises: StoreNotWritable if changes lie beside it."""
    log = file.with_name(f"{file.name}-wal")
    if log.is_file() and log.stat().st_size:
        raise StoreNotWritable(
            f"{file} cannot be written, and {log.name} beside it holds changes that only a writer can take in. Copy "
            "both to a place that is writable and set AOI_DATABASE_URL"
        )
    # `immutable`: SQLite would otherwise make files beside it even to read.
    return create_engine(
        f"sqlite:///file:{quote(str(file.resolve()))}?mode=ro&immutable=1&uri=true", poolclass=NullPool
    )


def _set_write_ahead(connection: Any) -> None:
    """Switch to write-ahead logging once. The switch ignores the busy time-out, so it is tried again by hand."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                return  # a database in memory has no log
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _lock_writers(connection: Connection) -> None:
    connection.execution_options(aoi_write=True)


def _revision(database: Database) -> str | None:
    """Of the tables as they are; None where there are none yet, or several revisions at once."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        rows = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    return str(rows[0][0]) if len(rows) == 1 else None


def _migrate(database: Database) -> None:
    """Run the missing migrations in one write transaction: a second process waits, then finds nothing to do."""
    if _revision(database) == REVISION:
        return  # the usual case, which need not wait for a tool of migrations to be loaded
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SettingsError(
                f"the database {database.engine.url!r} was written by a newer AOI ({error}). Install that version, "
                "or set AOI_DATABASE_URL to another database"
            ) from None
