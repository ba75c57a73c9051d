"""Runs on several machines share the shards of a set out, and none is done twice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from sqlalchemy import update

from aoi.database import tables
from aoi.database.engine import Database, open_url
from aoi.database.leases import Leases
from aoi.errors import IdentityMismatch, StageBusy
from aoi.records.episode import ShardManifest
from aoi.store.objects import ObjectStore
from aoi.store.shards import ShardWriter
from models.claims import Claims
from tests.store.episodes import trajectory

SHARDS = 8


class Run:
    """A run of a machine: its leases, its worker, and the shards that it worked on."""

    def __init__(self, folder: Path) -> None:
        self.database = open_url(f"sqlite:///{folder / 'aoi.db'}")
        self.leases = Leases(self.database)
        self.writer = ShardWriter(ObjectStore(f"file://{folder / 'store'}"), "collect-1")
        self.pool = ThreadPoolExecutor(1)
        self.worked: list[int] = []
        self.proofs: list[int] = []
        """How many shards had been worked on when each proof was made."""
        self.is_refuted = False

    def job(self, index: int) -> Callable[[], Future[ShardManifest]]:
        def work() -> ShardManifest:
            self.worked.append(index)
            return self.writer.put(index, [trajectory(index)])

        return lambda: self.pool.submit(work)

    def work_off(self, jobs: dict[int, Callable[[], Future[ShardManifest]]] | None = None) -> list[int]:
        claims = Claims(self.leases, self.writer, "collect-1", width=1, proof=self)
        chosen = {index: self.job(index) for index in range(SHARDS)} if jobs is None else jobs
        return [manifest.index for manifest in claims.work_off(chosen)]

    def now(self) -> None:
        if self.is_refuted:
            raise IdentityMismatch("another adapter answers")
        self.proofs.append(len(self.worked))

    def if_due(self) -> None:
        """Never."""

    def close(self) -> None:
        self.pool.shutdown()
        self.leases.close()
        self.database.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def expire(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(tables.leases).values(expires_at=1.0))


def test_two_runs_at_once_do_every_shard_once_and_both_end_with_all(run: Run, other: Run) -> None:
    ended: list[list[int]] = []
    there = threading.Thread(target=lambda: ended.append(other.work_off()))
    there.start()
    ended.append(run.work_off())
    there.join(120)
    assert [sorted(indices) for indices in ended] == [list(range(SHARDS))] * 2
    assert sorted(run.worked + other.worked) == list(range(SHARDS))


def test_a_shard_that_another_run_gives_up_is_done_here(run: Run, other: Run) -> None:
    lease = other.leases.take("shard/collect-1/3")
    assert lease is not None

    def give_up_at_last() -> None:
        deadline = time.monotonic() + 120
        while len(run.worked) < SHARDS - 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        other.leases.give_back(lease)

    given_up = threading.Thread(target=give_up_at_last)
    given_up.start()
    assert sorted(run.work_off()) == list(range(SHARDS))
    assert run.worked[-1] == 3
    given_up.join()


def test_a_run_that_lost_its_claim_leaves_the_shard_to_who_took_it(run: Run, other: Run) -> None:
    def overtaken() -> Future[ShardManifest]:
        manifest = run.writer.put(0, [trajectory(7)])
        if other.worked:
            return run.job(0)()  # not reached: the shard is finished by then
        expire(run.database)
        assert other.work_off({0: other.job(0)}) == [0]
        done: Future[ShardManifest] = Future()
        done.set_result(manifest)
        return done

    assert run.work_off({0: overtaken}) == [0]
    assert run.worked == []
    assert run.writer.done(0) == other.writer.put(0, [trajectory(0)]), "what the overtaken run made is not marked"


def test_a_worker_that_died_leaves_no_claim_behind(run: Run, other: Run) -> None:
    def broken() -> Future[ShardManifest]:
        raise BrokenProcessPool("a worker died")

    with pytest.raises(StageBusy, match="finished shards are kept"):
        run.work_off({0: run.job(0), 1: broken})
    assert other.work_off() == list(range(SHARDS))
    assert other.worked == list(range(1, SHARDS))


def test_a_proof_comes_between_the_work_on_a_shard_and_its_end(run: Run) -> None:
    run.work_off()
    assert run.proofs == list(range(1, SHARDS + 1))


def test_what_a_proof_refutes_is_not_finished_and_can_be_done_again(run: Run, other: Run) -> None:
    run.work_off({index: run.job(index) for index in range(3)})
    run.is_refuted = True
    with pytest.raises(IdentityMismatch):
        run.work_off({index: run.job(index) for index in range(3, SHARDS)})
    assert [run.writer.done(index) is None for index in range(SHARDS)] == [False] * 3 + [True] * (SHARDS - 3)
    assert other.work_off() == list(range(SHARDS))
    assert other.worked == list(range(3, SHARDS))
