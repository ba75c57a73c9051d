"""Prefect's lock manager over leases: what Prefect asks of one, and whose result is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from aoi.database import tables
from aoi.database.engine import Database, open_url
from aoi.database.leases import Leases
from aoi.errors import StageBusy
from tasks.locking import LeaseLockManager


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_url(f"sqlite:///{tmp_path / 'aoi.db'}")
    yield opened
    opened.close()


@pytest.fixture
def locks(database: Database) -> Iterator[LeaseLockManager]:
    leases = Leases(database)
    yield LeaseLockManager(lambda: leases)
    leases.close()


@pytest.fixture
def elsewhere(database: Database) -> Iterator[LeaseLockManager]:
    """The manager of another process."""
    leases = Leases(database)
    yield LeaseLockManager(lambda: leases)
    leases.close()


def expire(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(tables.leases).values(expires_at=1.0))


def test_a_lock_that_another_process_holds_is_not_given(locks, elsewhere) -> None:
    assert elsewhere.acquire_lock("train-1", "theirs")
    assert locks.is_locked("train-1")
    assert not locks.is_lock_holder("train-1", "theirs")
    assert not locks.acquire_lock("train-1", "ours", acquire_timeout=0.3)
    assert not locks.wait_for_lock("train-1", timeout=0.2)
    elsewhere.release_lock("train-1", "theirs")
    assert locks.wait_for_lock("train-1", timeout=5)
    assert locks.acquire_lock("train-1", "ours", acquire_timeout=5)


def test_a_lock_is_given_again_to_its_holder(locks) -> None:
    assert locks.acquire_lock("train-1", "ours")
    assert locks.acquire_lock("train-1", "ours", acquire_timeout=0)
    assert not locks.acquire_lock("train-1", "another task", acquire_timeout=0)


def test_only_the_holder_releases(locks) -> None:
    assert locks.acquire_lock("train-1", "ours")
    with pytest.raises(ValueError, match="no lock of another on train-1"):
        locks.release_lock("train-1", "another")
    locks.release_lock("train-1", "ours")
    assert not locks.is_locked("train-1")


def test_a_key_and_the_path_of_its_record_are_one_lock(locks, elsewhere) -> None:
    """Prefect locks by key, and asks before it writes by what its storage calls the record."""
    assert locks.acquire_lock("train-1", "ours")
    assert locks.is_lock_holder("/aoi/prefect/storage/train-1", "ours")
    assert elsewhere.is_locked("/aoi/prefect/storage/train-1")


def test_a_run_that_was_away_for_too_long_writes_nothing(locks, elsewhere, database) -> None:
    assert locks.acquire_lock("train-1", "ours")
    expire(database)
    assert elsewhere.acquire_lock("train-1", "theirs", acquire_timeout=5)
    assert not locks.is_lock_holder("train-1", "ours")
    with pytest.raises(StageBusy, match="taken over"):
        locks.confirm("train-1")
    locks.release_lock("train-1", "ours")
    elsewhere.confirm("train-1")


def test_a_lock_for_a_time_is_refused(locks) -> None:
    with pytest.raises(ValueError, match="until it is released"):
        locks.acquire_lock("train-1", "ours", hold_timeout=1)
