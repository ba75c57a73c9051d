import multiprocessing
import os
import random
import sqlite3
from datetime import timedelta

import pytest

from aoi.errors import ChainBroken, GateRefused, LedgerConflict, UnknownBundle
from aoi.promotion.ledger import Ledger
from aoi.records.promotion import LedgerEntry
from tests.promotion.requests import approve, asked, bundle, facts, installed, open_ledger, promoted


def kinds(ledger: Ledger) -> list[str]:
    return [entry.kind for entry in ledger.entries()]


def test_a_whole_cycle_moves_the_champion_and_verifies(tmp_path):
    ledger = installed(tmp_path)
    assert ledger.champion().bundle == bundle(0)
    promoted(ledger, 1)
    assert (ledger.champion().bundle, ledger.champion().cycle) == (bundle(1), 1)
    assert ledger.verify() == len(kinds(ledger))


def test_no_cycle_opens_before_the_first_champion(tmp_path):
    with pytest.raises(GateRefused, match="aoi retrain"):
        open_ledger(tmp_path).open_cycle("ann")


def test_an_unfinished_cycle_continues_and_the_next_night_opens_another(tmp_path):
    ledger = installed(tmp_path)
    first = ledger.open_cycle("ann")
    again = ledger.open_cycle("ann")
    assert (first.number, first.is_new, again.number, again.is_new) == (1, True, 1, False)
    ledger.close_cycle(1, "ann", "rejected")
    assert ledger.open_cycle("ann").number == 2


def test_a_cycle_keeps_the_champion_it_was_opened_with(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    cycle = ledger.open_cycle("ann")
    ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    assert ledger.open_cycle("ann").champion == cycle.champion == bundle(1)


def test_closing_twice_keeps_the_first_reason(tmp_path):
    ledger = installed(tmp_path)
    ledger.open_cycle("ann")
    assert ledger.close_cycle(1, "ann", "first") == ledger.close_cycle(1, "ann", "second")
    with pytest.raises(LedgerConflict, match="cycle 7 is not open"):
        ledger.close_cycle(7, "ann", "never opened")


def test_a_cycle_registers_one_version(tmp_path):
    ledger = installed(tmp_path)
    ledger.open_cycle("ann")
    assert ledger.register(1, facts(1), "ann") == ledger.register(1, facts(1), "bob")
    with pytest.raises(LedgerConflict, match="One is allowed"):
        ledger.register(1, facts(2), "ann")


def test_an_evaluation_has_one_request(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    before = len(kinds(ledger))
    ledger.request(request, "nightly")
    assert len(kinds(ledger)) == before
    with pytest.raises(LedgerConflict):
        ledger.request(request.model_copy(update={"champion": bundle(9)}), "nightly")


def test_installing_twice_is_once_and_another_first_champion_is_refused(tmp_path):
    ledger = installed(tmp_path)
    ledger.install(facts(0), "ann")
    assert kinds(ledger) == ["registered", "promoted"]
    with pytest.raises(LedgerConflict):
        ledger.install(facts(1), "ann")


def test_a_promotion_against_a_former_champion_loses_the_swap(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    request = asked(ledger, 2)
    approval = approve(ledger, request)
    ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    with pytest.raises(LedgerConflict, match="the champion is"):
        ledger.promote(request, approval, "bob")
    assert ledger.champion().bundle == bundle(0)


def test_a_rollback_returns_only_to_a_former_champion(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    promoted(ledger, 2)
    with pytest.raises(UnknownBundle, match="never was champion"):
        ledger.roll_back(bundle(9), "ann", "bad", expected=bundle(2))
    with pytest.raises(LedgerConflict):
        ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    ledger.roll_back(bundle(0), "ann", "bad", expected=bundle(2))
    assert ledger.champion().bundle == bundle(0)
    assert [champion.bundle for champion in ledger.former_champions()] == [bundle(0), bundle(2), bundle(1), bundle(0)]
    ledger.verify()


def test_rolling_back_again_goes_on_back_and_never_to_what_was_rolled_back_from(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    promoted(ledger, 2)
    for present, expected in ((2, 1), (1, 0)):
        ledger.roll_back(None, "ann", "bad", expected=bundle(present))
        assert ledger.champion().bundle == bundle(expected)
    with pytest.raises(UnknownBundle, match="was the first champion"):
        ledger.roll_back(None, "ann", "bad", expected=bundle(0))
    ledger.verify()


def test_a_rollback_that_was_killed_after_its_entry_is_not_done_twice(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    first = ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    assert ledger.roll_back(None, "ann", "bad", expected=bundle(1)) == first
    assert kinds(ledger).count("rolled_back") == 1


# Tampering -------------------------------------------------------------------------------------------------------


def long_ledger(folder) -> Ledger:
    ledger = installed(folder)
    for name in range(1, 6):
        promoted(ledger, name)
    return ledger


def rows(folder):
    with sqlite3.connect(folder / "aoi.db") as connection:
        return connection.execute("SELECT seq, record FROM ledger ORDER BY seq").fetchall()


def execute(folder, *statement) -> None:
    connection = sqlite3.connect(folder / "aoi.db")
    with connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(*statement)
    connection.close()


def test_every_altered_byte_of_every_kind_of_entry_is_found(tmp_path):
    ledger = long_ledger(tmp_path)
    chance = random.Random(0)
    for _ in range(300):
        seq, record = chance.choice(rows(tmp_path))
        place = chance.randrange(len(record))
        letter = chance.choice([c for c in '0123456789abcdefxyz {}"' if c != record[place]])
        forged = record[:place] + letter + record[place + 1 :]
        execute(tmp_path, "UPDATE ledger SET record = ? WHERE seq = ?", (forged, seq))
        with pytest.raises(ChainBroken):
            ledger.verify()
        execute(tmp_path, "UPDATE ledger SET record = ? WHERE seq = ?", (record, seq))
    ledger.verify()


@pytest.mark.parametrize("column", ["seq", "cycle", "kind", "previous", "hash"])
def test_every_altered_column_is_found(tmp_path, column):
    ledger = long_ledger(tmp_path)
    execute(
        tmp_path, f"UPDATE ledger SET {column} = ? WHERE seq = 4", (99 if column in ("seq", "cycle") else "forged",)
    )
    with pytest.raises(ChainBroken):
        ledger.verify()


def test_every_truncation_is_found_even_where_the_head_was_rewritten(tmp_path):
    ledger = long_ledger(tmp_path)
    found = rows(tmp_path)
    for kept in range(len(found) - 1, 0, -1):
        execute(tmp_path, "DELETE FROM ledger WHERE seq >= ?", (kept,))
        with pytest.raises(ChainBroken):
            ledger.verify()
        last = LedgerEntry.from_bytes(found[kept - 1][1].encode())
        execute(tmp_path, "UPDATE ledger_head SET seq = ?, hash = ?", (last.seq, last.digest()))
        with pytest.raises(ChainBroken, match="the store remembers entry"):
            ledger.verify()


def test_a_removed_entry_in_the_middle_is_found(tmp_path):
    ledger = long_ledger(tmp_path)
    execute(tmp_path, "DELETE FROM ledger WHERE seq = 5")
    with pytest.raises(ChainBroken):
        ledger.verify()


def rewrite(folder, change) -> None:
    """Forge the chain as someone who knows its format: every digest is made to fit again."""
    previous = "0" * 64
    for seq, record in rows(folder):
        entry = LedgerEntry.from_bytes(change(seq, record).encode()).model_copy(update={"previous": previous})
        values = (entry.to_bytes().decode(), previous, entry.digest(), entry.kind, entry.cycle, seq)
        execute(
            folder, "UPDATE ledger SET record = ?, previous = ?, hash = ?, kind = ?, cycle = ? WHERE seq = ?", values
        )
        previous = entry.digest()
    execute(folder, "UPDATE ledger_head SET hash = ?", (previous,))


def test_a_chain_forged_with_fitting_digests_is_found_by_the_store(tmp_path):
    ledger = long_ledger(tmp_path)
    rewrite(tmp_path, lambda seq, record: record.replace('"bob"', '"eve"'))
    with pytest.raises(ChainBroken, match="the store remembers entry"):
        ledger.verify()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"kind":"approved"', '"kind":"rejected"', "an approval that stands"),
        ('"kind":"requested"', '"kind":"evaluated"', "only a request is decided"),
        ('"kind":"registered"', '"kind":"evaluated"', "only a registered bundle"),
        (bundle(3), bundle(9), "replaces the champion of that moment"),
    ],
)
def test_a_chain_that_the_ledger_could_not_have_made_is_found_without_the_store(tmp_path, old, new, rule):
    long_ledger(tmp_path)
    ledger = Ledger(open_ledger(tmp_path)._database)
    first_cycle = 2
    change = lambda seq, record: record.replace(old, new) if seq > first_cycle else record  # noqa: E731
    if "bundle" in rule and "replaces" not in rule:
        change = lambda seq, record: record.replace(old, new)  # noqa: E731
    if new == bundle(9):
        change = lambda seq, record: record.replace(f'"replaces":"{old}"', f'"replaces":"{new}"')  # noqa: E731
    rewrite(tmp_path, change)
    with pytest.raises(ChainBroken, match=rule):
        ledger.verify()


def test_an_entry_written_with_other_white_space_is_found(tmp_path):
    ledger = long_ledger(tmp_path)
    seq, record = rows(tmp_path)[3]
    execute(tmp_path, "UPDATE ledger SET record = ? WHERE seq = ?", (record.replace(":", ": ", 1), seq))
    with pytest.raises(ChainBroken, match="canonical"):
        ledger.verify()


# Many at once, and killed ----------------------------------------------------------------------------------------


def _swap(folder, number, swaps):
    ledger = open_ledger(folder)
    won = 0
    while won < swaps:
        present = ledger.champion().bundle
        former = bundle(0) if present == bundle(1) else bundle(1)
        try:
            entry = ledger.roll_back(former, f"process {number}", f"swap {won}", expected=present)
        except LedgerConflict:
            continue
        won += entry.actor == f"process {number}" and entry.facts.reason == f"swap {won}"


def test_of_many_swaps_by_many_processes_none_is_lost(tmp_path):
    promoted(installed(tmp_path), 1)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_swap, args=(tmp_path, number, 10)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    ledger = open_ledger(tmp_path)
    moves = [(entry.actor, entry.facts.reason) for entry in ledger.entries(kind="rolled_back")]
    assert sorted(moves) == sorted((f"process {number}", f"swap {swap}") for number in range(4) for swap in range(10))
    ledger.verify()


def _open(folder, barrier, results):
    ledger = open_ledger(folder)
    barrier.wait()
    results.put(ledger.open_cycle("ann").number)


def test_processes_that_start_at_once_share_one_cycle(tmp_path):
    installed(tmp_path)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(6), context.SimpleQueue()
    processes = [context.Process(target=_open, args=(tmp_path, barrier, results)) for _ in range(6)]
    for process in processes:
        process.start()
    assert [results.get() for _ in processes] == [1] * 6
    for process in processes:
        process.join()
    assert kinds(open_ledger(tmp_path)).count("cycle_opened") == 1


def _register(folder, number):
    try:
        open_ledger(folder).register(1, facts(number), "ann")
    except LedgerConflict:
        os._exit(7)
    os._exit(0)


def test_of_many_registrations_in_one_cycle_exactly_one_wins(tmp_path):
    installed(tmp_path).open_cycle("ann")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_register, args=(tmp_path, number)) for number in range(1, 9)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(process.exitcode for process in processes) == [0] + [7] * 7
    open_ledger(tmp_path).verify()


def _append_until_killed(folder, has_begun):
    ledger = open_ledger(folder)
    while True:
        cycle = ledger.open_cycle("ann")
        ledger.close_cycle(cycle.number, "ann", "empty")
        has_begun.set()


def test_a_writer_killed_at_any_time_leaves_a_whole_chain(tmp_path):
    installed(tmp_path)
    context = multiprocessing.get_context("fork")
    chance = random.Random(1)
    for _ in range(12):
        has_begun = context.Event()
        process = context.Process(target=_append_until_killed, args=(tmp_path, has_begun))
        process.start()
        assert has_begun.wait(60)  # on a busy machine too, something is written before the kill
        process.join(0.1 * chance.random())
        process.kill()
        process.join()
        open_ledger(tmp_path).verify()
    assert len(kinds(open_ledger(tmp_path))) > 12


def test_time_goes_into_the_entry_from_the_given_clock(tmp_path):
    ledger = installed(tmp_path)
    ledger._now.now += timedelta(days=1)
    assert ledger.open_cycle("ann").number == 1
    assert ledger.entries()[-1].at.startswith("2026-01-02")
