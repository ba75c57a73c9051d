"""Leases in the database: two takers never hold the same one, whatever their clocks and however they end."""

import functools
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text, update

from aoi.database import holders, tables
from aoi.database.engine import Database, open_url
from aoi.database.leases import Lease, Leases
from aoi.errors import StageBusy

NEVER_S = 3600.0
"""A lease that nothing in a test waits for."""


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = open_url(address)
    yield opened
    opened.close()


@contextmanager
def leases_of(database: Database, **options: float) -> Iterator[Leases]:
    leases = Leases(database, **options)
    try:
        yield leases
    finally:
        leases.close()


def expire(database: Database, lease: Lease) -> None:
    """As if the time had passed, by the database's clock."""
    with database.write() as connection:
        connection.execute(update(tables.leases).where(tables.leases.c.name == lease.name).values(expires_at=1.0))


def test_a_lease_is_given_to_one_and_after_it_to_the_next(database: Database) -> None:
    with leases_of(database) as first, leases_of(database) as second:
        ours = first.take("train")
        assert second.take("train", wait_s=0) is None
        assert second.take("another", wait_s=0)
        first.give_back(ours)
        assert second.take("train", wait_s=0)


def test_an_expired_lease_is_taken_over_and_its_former_holder_may_not_write(database: Database) -> None:
    with leases_of(database) as first, leases_of(database) as second:
        former = first.take("train")
        expire(database, former)
        assert not first.is_held(former)
        present = second.take("train", wait_s=0)
        with pytest.raises(StageBusy, match="train was taken over"):
            first.renew(former)
        first.give_back(former)
        second.renew(present)
        assert second.is_held(present)


def test_an_expired_lease_that_nobody_took_is_held_again_once_it_is_renewed(database: Database) -> None:
    with leases_of(database) as leases, leases_of(database) as other:
        lease = leases.take("train")
        expire(database, lease)
        leases.renew(lease)
        assert leases.is_held(lease)
        assert other.take("train", wait_s=0) is None


def test_a_lease_outlives_its_time_while_its_holder_lives(database: Database) -> None:
    with leases_of(database, lease_s=1.0, renew_s=0.1) as leases, leases_of(database) as other:
        lease = leases.take("train")
        assert other.take("train", wait_s=3.0) is None
        assert leases.is_held(lease)


def test_who_waits_gets_the_lease_when_it_is_given_back(database: Database) -> None:
    with leases_of(database) as leases, leases_of(database) as other:
        lease = leases.take("train")
        given = threading.Timer(0.5, leases.give_back, [lease])
        given.start()
        assert other.take("train", wait_s=60)
        given.join()


def test_clocks_of_machines_do_not_matter(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with leases_of(database) as ours, leases_of(database) as theirs:
        lease = ours.take("train")
        for wrong in (0.0, 4e9):
            monkeypatch.setattr(time, "time", lambda wrong=wrong: wrong)
            assert theirs.take("train", wait_s=0) is None
            ours.renew(lease)


def test_the_time_of_a_lease_is_the_databases(database: Database) -> None:
    with leases_of(database) as leases:
        leases.take("train")
    with leases_of(database, lease_s=NEVER_S) as leases, database.read() as connection:
        lease = leases.take("train")
        query = "SELECT expires_at FROM leases WHERE token = :token"
        expires_at = connection.execute(text(query), {"token": lease.token}).scalar()
        is_sqlite = connection.dialect.name == "sqlite"
        clock = "strftime('%s', 'now')" if is_sqlite else "extract(epoch FROM clock_timestamp())"
        left_s = expires_at - float(connection.execute(text(f"SELECT {clock}")).scalar())
    assert 0 < left_s <= NEVER_S + 1


def test_rows_that_nobody_came_back_for_are_cleared_away(database: Database) -> None:
    with leases_of(database) as leases, leases_of(database) as other:
        expire(database, leases.take("train-1"))
        other.take("train-2", wait_s=0)
        with database.read() as connection:
            names = connection.execute(text("SELECT name FROM leases")).scalars().all()
        assert names == ["train-2"]


# Processes ---------------------------------------------------------------------------------------------------------


def _hold(address: str, name: str, answer) -> None:
    leases = Leases(open_url(address), lease_s=NEVER_S)
    answer.put(leases.take(name, wait_s=0) is not None)
    time.sleep(600)


def test_a_killed_holder_of_this_machine_is_seen_to_be_dead_and_need_not_expire(address: str) -> None:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_hold, args=(address, "train", answer))
    process.start()
    database = open_url(address)
    try:
        assert answer.get(timeout=120)
        with leases_of(database) as leases:
            assert leases.take("train", wait_s=0) is None
            assert leases.is_taken("train")
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            assert leases.take("train", wait_s=0)
    finally:
        process.kill()
        process.join()
        database.close()


def test_what_was_left_by_a_holder_that_is_gone_is_told_by_the_beginning_of_its_name(database: Database) -> None:
    place, pid, started = holders.this_process().rsplit("/", 2)
    elsewhere, was_killed = "another-boot/1/-", f"{place}/{pid}/{int(started) + 1}"
    with leases_of(database) as leases:
        for name, holder, is_over in (
            ("run/held", None, False),
            ("run/of a machine that slept", None, True),
            ("run/held elsewhere", elsewhere, False),
            ("run/left elsewhere", elsewhere, True),
            ("run/killed", was_killed, False),
            ("stage/killed", was_killed, False),
        ):
            leases.take(name)
            with database.write() as connection:
                changed = {"holder": holder} if holder else {}
                changed |= {"expires_at": time.time() - 60.0} if is_over else {}
                if changed:
                    connection.execute(update(tables.leases).where(tables.leases.c.name == name).values(**changed))
        left = leases.abandoned("run/")
        assert sorted(lease.name for lease in left) == ["run/killed", "run/left elsewhere"]
        assert leases.is_any_held("run/")
        assert not leases.is_any_held("stage/")
        for lease in left:
            leases.give_back(lease)
        assert leases.abandoned("run/") == []


def _race(address: str, barrier, answers, rounds: int) -> None:
    """Take and give back; a lease row of its own says who is inside."""
    database = open_url(address)
    leases = Leases(database)
    barrier.wait()
    for number in range(rounds):
        lease = leases.take("contested", wait_s=120)
        with database.write() as connection:
            alone = "INSERT INTO feedback VALUES ('inside', '', '', '', '', true, '')"  # a primary key: one at a time
            connection.execute(text(alone))
        leases.renew(lease)
        with database.write() as connection:
            connection.execute(text("DELETE FROM feedback WHERE digest = 'inside'"))
        leases.give_back(lease)
        answers.put((os.getpid(), number))
    leases.close()
    database.close()


def test_four_processes_are_never_inside_at_once(address: str) -> None:
    open_url(address).close()
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_race, args=(address, barrier, answers, 3)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
    assert [process.exitcode for process in processes] == [0] * 4
    assert len({answers.get(timeout=10) for _ in range(12)}) == 12


def test_a_process_is_dead_only_if_it_can_be_seen_to_be() -> None:
    ours = holders.this_process()
    place, pid, started = ours.rsplit("/", 2)
    assert not holders.is_dead(ours)
    assert holders.is_dead(f"{place}/{pid}/{int(started) + 1}"), "the same number, used again by a later process"
    elsewhere = f"another-boot/{place.partition('/')[2]}/{pid}/{int(started) + 1}"
    assert not holders.is_dead(elsewhere)
    assert not holders.is_dead("some-host/17/-")
    assert not holders.is_dead("")
    assert holders.is_alive(ours)
    for other in (f"{place}/{pid}/{int(started) + 1}", elsewhere, "some-host/17/-", ""):
        assert not holders.is_alive(other)


# Any order ---------------------------------------------------------------------------------------------------------


@functools.cache
def _shared_database() -> tuple[tempfile.TemporaryDirectory[str], Database]:
    """One for all examples: its migration takes longer than they do."""
    folder = tempfile.TemporaryDirectory()
    return folder, open_url(f"sqlite:///{folder.name}/aoi.db")


class AnyOrder(RuleBasedStateMachine):
    """Three machines take, renew, give back and are away for too long, in any order."""

    machines = st.integers(min_value=0, max_value=2)

    @initialize()
    def begin(self) -> None:
        self.database = _shared_database()[1]
        with self.database.write() as connection:
            connection.execute(tables.leases.delete())
        self.leases = [Leases(self.database, renew_s=NEVER_S) for _ in range(3)]
        self.held: list[Lease | None] = [None, None, None]
        self.present: Lease | None = None
        self.is_expired = False

    def teardown(self) -> None:
        if hasattr(self, "leases"):
            for leases in self.leases:
                leases.close()

    @rule(machine=machines)
    def take(self, machine: int) -> None:
        lease = self.leases[machine].take("train", wait_s=0)
        assert (lease is not None) == (self.present is None or self.is_expired)
        if lease is not None:
            self.held[machine] = self.present = lease
            self.is_expired = False

    @rule(machine=machines)
    def write(self, machine: int) -> None:
        lease = self.held[machine]
        if lease is None:
            return
        if lease == self.present:
            self.leases[machine].renew(lease)
            self.is_expired = False
        else:
            with pytest.raises(StageBusy):
                self.leases[machine].renew(lease)

    @rule(machine=machines)
    def give_back(self, machine: int) -> None:
        lease, self.held[machine] = self.held[machine], None
        if lease is not None:
            self.leases[machine].give_back(lease)
            if lease == self.present:
                self.present, self.is_expired = None, False

    @precondition(lambda self: self.present is not None)
    @rule()
    def too_long(self) -> None:
        expire(self.database, self.present)
        self.is_expired = True

    @invariant()
    def one_holder_at_most(self) -> None:
        if not hasattr(self, "leases"):
            return
        holding = [
            lease
            for leases, lease in zip(self.leases, self.held, strict=True)
            if lease is not None and leases.is_held(lease)
        ]
        expected = [] if self.present is None or self.is_expired else [self.present]
        assert holding == expected


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
