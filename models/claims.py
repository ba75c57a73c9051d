"""Who collects which shard: a lease for each, so that runs on several machines share a set out and do nothing twice."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, Protocol, TypeVar

from aoi.database.leases import Lease, Leases
from aoi.errors import StageBusy

POLL_S = 1.0
"""How often to look whether another run has finished, or given up, a shard that it claimed."""
M = TypeVar("M")
"""What a job makes: the manifest of a shard, or of several that are made side by side."""


class Proof(Protocol):
    """Shows that what answers is what is said to answer."""

    def now(self) -> None:
        """Raises an error if it is not."""
        ...

    def if_due(self) -> None:
        """The same, if the last time is long ago."""
        ...


class Writer(Protocol[M]):
    """Who remembers which shards are finished: a `ShardWriter`, or several as one."""

    def done(self, index: int) -> M | None:
        """What was made at an index; None while anything of it is to be made."""
        ...

    def finished(self, manifest: M) -> None:
        """Remember it. Raises: StoreNotWritable."""
        ...


class Claims(Generic[M]):
    """Claims on the shards of one key. `width` is how many are worked on at once."""

    def __init__(self, leases: Leases, writer: Writer[M], key: str, width: int, proof: Proof) -> None:
        self._proof = proof
        self._leases = leases
        self._writer = writer
        self._key = key
        self._width = width
        self._held: dict[int, Lease] = {}
        """By shard: also of those that are not handed to a worker yet, or not marked as finished yet."""

    def work_off(self, jobs: Mapping[int, Callable[[], Future[M]]]) -> Iterator[M]:
        """Start each shard's job when it is claimed; its manifest once it is finished, by us or by another run.

        No shard is finished before a proof that came after it. Raises: what the proof raises; StageBusy if a worker
        process died; what is claimed is given back, what is finished is kept.
        """
        waiting = deque(jobs)
        working: dict[Future[M], int] = {}
        try:
            while waiting or working:
                for index in self._claim(waiting, self._width - len(working)):
                    if manifest := self._writer.done(index):  # by the run that had the claim before us
                        self._give_back(index)
                        yield manifest
                    else:
                        working[jobs[index]()] = index
                ended = [(working.pop(future), future.result()) for future in _ended(working, is_idle=bool(waiting))]
                if ended:
                    self._proof.now()
                self._proof.if_due()
                for index, manifest in ended:
                    if self._finish(index, manifest):
                        yield manifest
                    else:
                        waiting.append(index)
        except BrokenProcessPool as error:
            raise StageBusy("a worker process died, most often for want of memory; finished shards are kept") from error
        finally:
            for index in tuple(self._held):
                self._give_back(index)

    def _claim(self, waiting: deque[int], places: int) -> Iterator[int]:
        """Take up to `places` shards out of `waiting`; those that another run works on go to its end."""
        for _ in range(len(waiting)):
            if places <= 0:
                return
            index = waiting.popleft()
            lease = self._leases.take(f"shard/{self._key}/{index}", wait_s=0)
            if lease is None:
                waiting.append(index)
                continue
            self._held[index] = lease
            places -= 1
            yield index

    def _finish(self, index: int, manifest: M) -> bool:
        """Mark the shard as done, while its claim is ours. False if another run took it over meanwhile."""
        try:
            self._leases.renew(self._held[index])
        except StageBusy:
            self._give_back(index)
            return False
        self._writer.finished(manifest)
        self._give_back(index)
        return True

    def _give_back(self, index: int) -> None:
        self._leases.give_back(self._held.pop(index))


def _ended(working: Mapping[Future[M], int], *, is_idle: bool) -> set[Future[M]]:
    """Jobs that have ended. Waits for one, but only a while: a proof may be due, or another run give a shard up."""
    if not working:
        time.sleep(POLL_S if is_idle else 0)
        return set()
    return wait(working, timeout=POLL_S, return_when=FIRST_COMPLETED).done
