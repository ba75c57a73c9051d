"""A lock manager for Prefect's SERIALIZABLE transactions whose locks die with their process.

Prefect's file lock is a file that names its holder: after SIGKILL it stays and the next night waits for
ever. `flock` is dropped by the kernel with the process, so a killed stage can simply be run again.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

import anyio.to_thread
from prefect.locking.protocol import LockManager
from prefect.settings import get_current_settings

POLL_S = 0.1


class ProcessLockManager(LockManager):
    """One lock file a key in `PREFECT_HOME/locks`; the lock is the kernel's, the file only its name."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, IO[bytes]]] = {}

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait until the lock is ours. `hold_timeout` is refused: a stage holds its lock until it ends."""
        if hold_timeout is not None:
            raise ValueError("ProcessLockManager holds a lock until it is released or its process ends")
        if self.is_lock_holder(key, holder):
            return True
        deadline = None if acquire_timeout is None else time.monotonic() + acquire_timeout
        file = self._path(key).open("ab")
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if deadline is not None and time.monotonic() >= deadline:
                    file.close()
                    return False
                time.sleep(POLL_S)
            else:
                self._held[key] = (holder, file)
                return True

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """As `acquire_lock`, off the event loop."""
        return await anyio.to_thread.run_sync(self.acquire_lock, key, holder, acquire_timeout, hold_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock back. Raises: ValueError if `holder` does not hold it."""
        if not self.is_lock_holder(key, holder):
            raise ValueError(f"no lock of {holder} on {key}")
        _, file = self._held.pop(key)
        file.close()

    def is_locked(self, key: str) -> bool:
        """Whether any process holds the lock now."""
        if key in self._held:
            return True
        with self._path(key).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder`, in this process, holds the lock."""
        return key in self._held and self._held[key][0] == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock; False if `timeout` seconds pass first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.is_locked(key):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """As `wait_for_lock`, off the event loop."""
        return await anyio.to_thread.run_sync(self.wait_for_lock, key, timeout)

    @staticmethod
    def _path(key: str) -> Path:
        folder = Path(get_current_settings().home) / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.path.basename(key)}.lock"
