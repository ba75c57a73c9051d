"""Prefect's SERIALIZABLE transactions, locked by leases in our database.

Prefect's own file lock is a file that names its holder: after SIGKILL it stays, and the next night waits for ever; and
it knows one machine. A lease goes with its process where that can be seen, and expires where it cannot.
"""

import os
from collections.abc import Callable

import anyio.to_thread
from prefect.locking.protocol import LockManager

from aoi.database.leases import Lease, Leases


class LeaseLockManager(LockManager):
    """One lease for each key. `leases` is asked for late: what locks a task is known before any settings are."""

    def __init__(self, leases: Callable[[], Leases]) -> None:
        self._leases = leases
        self._held: dict[str, tuple[str, Lease]] = {}

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait until the lock is ours. `hold_timeout` is refused: a stage holds its lock until it ends."""
        if hold_timeout is not None:
            raise ValueError("LeaseLockManager holds a lock until it is released or its process ends")
        if self.is_lock_holder(key, holder):
            return True
        lease = self._leases().take(_name(key), wait_s=acquire_timeout)
        if lease is None:
            return False
        self._held[_name(key)] = (holder, lease)
        return True

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """As `acquire_lock`, off the event loop."""
        return await anyio.to_thread.run_sync(self.acquire_lock, key, holder, acquire_timeout, hold_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Give the lock back, lost or not. Raises: ValueError if `holder` never had it."""
        lease = self._lease_of(key, holder)
        if lease is None:
            raise ValueError(f"no lock of {holder} on {key}")
        del self._held[_name(key)]
        self._leases().give_back(lease)

    def confirm(self, key: str) -> None:
        """To be called when a result is there and not yet written. Raises: StageBusy if another run took the lock."""
        if _name(key) in self._held:
            self._leases().renew(self._held[_name(key)][1])

    def is_locked(self, key: str) -> bool:
        """Whether any process, on any machine, holds the lock now."""
        return self._leases().is_taken(_name(key))

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder`, in this process, holds the lock and has not lost it. Prefect asks before it writes."""
        lease = self._lease_of(key, holder)
        return lease is not None and self._leases().is_held(lease)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock; False if `timeout` seconds pass first."""
        return self._leases().wait_until_free(_name(key), wait_s=timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """As `wait_for_lock`, off the event loop."""
        return await anyio.to_thread.run_sync(self.wait_for_lock, key, timeout)

    def _lease_of(self, key: str, holder: str) -> Lease | None:
        """What `holder` was given in this process, lost or not."""
        held_by, lease = self._held.get(_name(key), ("", None))
        return lease if held_by == holder else None


def _name(key: str) -> str:
    """Prefect names a record by its key or by the path of its file: the last part is the key."""
    return f"stage/{os.path.basename(key)}"
