"""A database that goes away, refuses or is kept busy: what may pass is told from what somebody has to mend."""

import signal
import sqlite3
import threading

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

from aoi.database import engine
from aoi.database.engine import Database, open_url
from aoi.database.leases import Leases
from aoi.errors import DatabaseUnavailable, SettingsError, StoreNotWritable, Transient
from tests.database import postgres


@pytest.fixture
def own_server():
    """A PostgreSQL that the test may kill."""
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL binaries here")
    with postgres.running() as started:
        yield started


def test_a_locked_sqlite_is_busy_for_a_while_and_goes_on_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.2)
    database = open_url(f"sqlite:///{tmp_path / 'aoi.db'}")
    other = sqlite3.connect(tmp_path / "aoi.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    leases = Leases(database)
    with pytest.raises(DatabaseUnavailable, match="another writer holds") as refused:
        leases.take("train", wait_s=0)
    assert refused.value.retry_in_s > 0
    other.execute("ROLLBACK")
    other.close()
    assert leases.take("train", wait_s=0)
    leases.close()


def test_a_pool_without_a_free_connection_may_be_tried_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'aoi.db'}"
    database = Database(create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05))
    with database.read():
        for refused in (database.read, database.write):
            with pytest.raises(DatabaseUnavailable, match="in use") as error, refused():
                pass
            assert error.value.retry_in_s > 0
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.close()


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["crash", "restart by an administrator"])
def test_a_transaction_that_loses_its_server_may_be_tried_again(own_server, how):
    database = open_url(own_server.url)

    def cut_off():
        with database.write() as connection:
            own_server.stop(how)
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable, match="Run it again"):
        cut_off()
    with pytest.raises(DatabaseUnavailable, match="does not answer"), database.read():
        pass
    own_server.start()
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_connections_that_a_restart_cut_are_replaced_unseen(own_server):
    database = open_url(own_server.url)
    with database.read():
        pass
    own_server.stop(signal.SIGINT)
    own_server.start()
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_a_lease_outlives_a_restart_of_the_database(own_server):
    database = open_url(own_server.url)
    leases = Leases(database, renew_s=0.2)
    lease = leases.take("train")
    own_server.stop()
    leases._closed.wait(1.0)  # rounds of the renewing thread that find nobody
    own_server.start()
    assert leases.is_held(lease)
    with database.read() as connection:
        before = connection.execute(text("SELECT expires_at FROM leases")).scalar()
    renewed = threading.Event()
    for _ in range(600):
        with database.read() as connection:
            if connection.execute(text("SELECT expires_at FROM leases")).scalar() > before:
                renewed.set()
                break
        leases._closed.wait(0.1)
    assert renewed.is_set()
    leases.close()
    database.close()


def test_a_lease_that_was_given_back_while_the_database_was_away_is_free_afterwards(own_server):
    database = open_url(own_server.url)
    leases, others = Leases(database), Leases(database, renew_s=0.2)
    first, second = leases.take("train"), others.take("validate")
    own_server.stop()
    leases.give_back(first)
    others.give_back(second)
    own_server.start()
    assert leases.take("train", wait_s=0), "at once, by the same process"
    assert leases.take("validate", wait_s=60), "soon, by any other"
    leases.close()
    others.close()
    database.close()


def test_a_writer_waits_for_another_for_a_bounded_time(server, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.3)
    database = open_url(server.url)
    with (
        database.write(),
        pytest.raises(DatabaseUnavailable, match="another writer holds it for too long"),
        database.write(),
    ):
        raise AssertionError("two writers at once")
    with database.write():
        pass
    database.close()


def test_a_statement_takes_a_bounded_time(server, monkeypatch):
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_S", 0.3)
    database = open_url(server.url)
    with pytest.raises(DatabaseUnavailable, match="a statement took too long"), database.read() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    database.close()


def test_a_server_that_is_not_there_is_told_in_a_line_and_may_come_back(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnavailable, match="does not answer") as refused:
        open_url(f"postgresql+psycopg://aoi@/aoi?host={tmp_path}", password="hunter2")
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, Transient)


def test_a_database_or_a_right_that_is_missing_is_for_somebody_to_mend(server):
    with pytest.raises(SettingsError, match="does not exist"):
        open_url(server.url.replace("/postgres?", "/nowhere?"))
    with pytest.raises(SettingsError, match="does not exist"):
        open_url(server.url.replace("aoi@", "stranger@"))
    database = open_url(server.url)
    with database.write() as connection:
        connection.execute(text("DROP ROLE IF EXISTS guest"))
        connection.execute(text("CREATE ROLE guest LOGIN"))
    database.close()
    with pytest.raises(SettingsError, match="permission denied"):
        open_url(server.url.replace("aoi@", "guest@"))


def test_a_full_or_closed_place_is_not_waited_for(tmp_path):
    database = open_url(f"sqlite:///{tmp_path / 'aoi.db'}")

    def fill():
        with database.write() as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))
            connection.execute(text("CREATE TABLE big AS SELECT zeroblob(10000000)"))

    with pytest.raises(StoreNotWritable, match="full"):
        fill()
    database.close()


def test_alembic_sees_no_difference_to_the_declared_tables_on_both_databases(address):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from aoi.database import tables

    database = open_url(address)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    database.close()
