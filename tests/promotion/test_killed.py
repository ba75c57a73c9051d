"""A night that is killed at any call of the database or the store, and run again."""

import os
import shutil

import pytest
from sqlalchemy import event

from aoi.database.engine import open_url
from aoi.promotion.ledger import Ledger
from aoi.store.objects import ObjectStore
from tests.promotion.requests import Clock, approve, asked, bundle, facts


class Countdown:
    """Kills its process at the n-th call: nothing is rolled back, closed or flushed."""

    def __init__(self, left):
        self.left = left

    def __call__(self, *_args, **_kwargs):
        self.left -= 1
        if self.left == 0:
            os._exit(9)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with its tables, to be copied: what is killed here is the night, not the migration."""
    folder = tmp_path_factory.mktemp("empty")
    open_url(f"sqlite:///{folder / 'aoi.db'}").close()
    return folder


def open_ledger(folder) -> Ledger:
    store = ObjectStore(str(folder / "store"))
    return Ledger(open_url(f"sqlite:///{folder / 'aoi.db'}"), store, now=Clock())


def night(ledger):
    """Install the first champion, then one cycle that promotes."""
    ledger.install(facts(0), "ann")
    if any(entry.kind == "cycle_closed" for entry in ledger.entries()):
        return
    if ledger.champion().bundle == bundle(0) or not ledger.entries(kind="approved"):
        request = asked(ledger, 1)
        ledger.promote(request, approve(ledger, request), "bob")
    ledger.close_cycle(1, "ann", "promoted")


def check_is_whole(ledger):
    kinds = [entry.kind for entry in ledger.entries()]
    expected = "registered promoted cycle_opened registered evaluated requested approved promoted cycle_closed"
    assert kinds == expected.split()
    assert ledger.champion().bundle == bundle(1)
    ledger.verify()


def in_child(work) -> bool:
    """Run `work` in a process of its own. Returns whether it lived."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 0


def kill_everywhere(tmp_path, empty, work):
    """Run `work(folder, n)` killed at its first, second, third... call, until it lives; each time run it again."""
    lived = False
    n = 0
    while not lived:
        n += 1
        folder = tmp_path / str(n)
        shutil.copytree(empty, folder)
        lived = in_child(lambda folder=folder, n=n: work(folder, n))
        again = open_ledger(folder)
        night(again)
        check_is_whole(again)
        store = ObjectStore(str(folder / "store"))
        assert all(store.has(ref) for ref in store)
    assert n > 8


@pytest.mark.parametrize("moment", ["before_cursor_execute", "commit"])
def test_killed_at_any_statement_and_run_again_everything_happened_once(tmp_path, empty, moment):
    def work(folder, n):
        ledger = open_ledger(folder)
        event.listen(ledger._database.engine, moment, Countdown(n))
        night(ledger)

    kill_everywhere(tmp_path, empty, work)


@pytest.mark.parametrize(("call", "after"), [("fsync", False), ("replace", False), ("replace", True)])
def test_killed_at_any_write_of_the_store_and_run_again_everything_happened_once(tmp_path, empty, call, after):
    real = getattr(os, call)

    def work(folder, n):
        countdown = Countdown(n)

        def killing(*args):
            if not after:
                countdown()
            real(*args)
            if after:
                countdown()

        setattr(os, call, killing)  # in the child alone
        night(open_ledger(folder))

    kill_everywhere(tmp_path, empty, work)
