"""Locks that die with their process."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from tasks.locking import ProcessLockManager


@pytest.fixture(autouse=True)
def home(tmp_path: Path):
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield tmp_path


def _hold(home: str, held: "multiprocessing.synchronize.Event") -> None:
    with temporary_settings({PREFECT_HOME: Path(home)}):
        locks = ProcessLockManager()  # kept: a lock lives as long as its manager
        locks.acquire_lock("train-1", "other")
        held.set()
        time.sleep(60)


def test_a_lock_that_another_process_holds_is_not_given(home: Path) -> None:
    with _Holder(home):
        ours = ProcessLockManager()
        assert ours.is_locked("train-1")
        assert not ours.acquire_lock("train-1", "ours", acquire_timeout=0.3)
        assert not ours.wait_for_lock("train-1", timeout=0.2)


def test_a_killed_holder_gives_its_lock_back(home: Path) -> None:
    ours = ProcessLockManager()
    with _Holder(home) as process:
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert ours.acquire_lock("train-1", "ours", acquire_timeout=10)
    ours.release_lock("train-1", "ours")


def test_only_the_holder_releases() -> None:
    locks = ProcessLockManager()
    assert locks.acquire_lock("train-1", "one")
    with pytest.raises(ValueError, match="no lock of two on train-1"):
        locks.release_lock("train-1", "two")
    locks.release_lock("train-1", "one")
    assert not locks.is_locked("train-1")


def test_two_managers_in_one_process_exclude_each_other() -> None:
    first, second = ProcessLockManager(), ProcessLockManager()
    assert first.acquire_lock("train-1", "one")
    assert not second.acquire_lock("train-1", "two", acquire_timeout=0.2)
    first.release_lock("train-1", "one")
    assert second.acquire_lock("train-1", "two", acquire_timeout=5)
    second.release_lock("train-1", "two")


class _Holder:
    """A process that holds the lock for the block."""

    def __init__(self, home: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._held = context.Event()
        self._process = context.Process(target=_hold, args=(str(home), self._held))

    def __enter__(self) -> multiprocessing.Process:
        self._process.start()
        assert self._held.wait(60)
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
