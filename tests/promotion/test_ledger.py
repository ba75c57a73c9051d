import multiprocessing
import os
import random
import sqlite3
from datetime import timedelta

import pytest

from aoi.database.engine import open_url
from aoi.errors import ApprovalRefused, ChainBroken, GateRefused, LedgerConflict, UnknownBundle
from aoi.promotion.approval import decided
from aoi.promotion.ledger import Ledger
from aoi.records.promotion import Cycle, LedgerEntry, LedgerFacts, LedgerHead, PromotionRequest
from aoi.store.objects import ObjectStore
from tests.promotion.requests import (
    START,
    Clock,
    approve,
    asked,
    bundle,
    decision,
    facts,
    installed,
    open_ledger,
    promoted,
)


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


# What is entered -------------------------------------------------------------------------------------------------


def test_each_step_of_a_cycle_enters_just_what_it_decided_on(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    approval = approve(ledger, request)
    ledger.promote(request, approval, "bob")
    ledger.close_cycle(1, "ann", "promoted")
    ledger.roll_back(None, "cat", "bad answers", expected=bundle(1))
    first, second = facts(0), facts(1)
    evaluation = {"evaluation": request.evaluation}
    digest = {"request": request.digest()}
    said = [(entry.kind, entry.cycle, entry.actor, entry.facts) for entry in ledger.entries()]
    assert said == [
        ("registered", 0, "ann", first),
        ("promoted", 0, "ann", first.model_copy(update={"reason": "first champion"})),
        ("cycle_opened", 1, "nightly", LedgerFacts(replaces=bundle(0))),
        ("registered", 1, "nightly", second),
        ("evaluated", 1, "nightly", LedgerFacts(bundle=bundle(1), replaces=bundle(0), **evaluation)),
        ("requested", 1, "nightly", second.model_copy(
            update={"replaces": bundle(0), "reason": "promote", **evaluation, **digest}
        )),
        ("approved", 1, "bob", LedgerFacts(
            bundle=bundle(1), replaces=bundle(0), **evaluation, **digest, approval=approval.digest()
        )),
        ("promoted", 1, "bob", second.model_copy(
            update={"replaces": bundle(0), **evaluation, **digest, "approval": approval.digest()}
        )),
        ("cycle_closed", 1, "ann", LedgerFacts(reason="promoted")),
        ("rolled_back", 0, "cat", first.model_copy(update={"replaces": bundle(1), "reason": "bad answers"})),
    ]  # fmt: skip
    assert [entry.seq for entry in ledger.entries()] == list(range(10))
    assert {entry.at for entry in ledger.entries()} == {"2026-01-01T00:00:00+00:00"}


def test_what_a_step_returns_is_the_entry_that_was_made(tmp_path):
    ledger = open_ledger(tmp_path)
    made = [ledger.install(facts(0), "ann")]
    assert ledger.install(facts(0), "bob") == made[0]
    request = asked(ledger, 1)
    assert ledger.request(request, "again") == ledger.entries(kind="requested")[0]
    approval = approve(ledger, request)
    made += [ledger.decide(request, approval), ledger.promote(request, approval, "bob")]
    made += [ledger.close_cycle(1, "ann", "done"), ledger.roll_back(bundle(0), "ann", "bad", expected=bundle(1))]
    assert made == [entry for entry in ledger.entries() if entry.kind not in (
        "registered", "cycle_opened", "evaluated", "requested"
    )]  # fmt: skip


def test_a_request_that_a_former_version_entered_without_its_verdict_is_the_same_request(tmp_path):
    ledger = installed(tmp_path)
    cycle = ledger.open_cycle("nightly").number
    ledger.register(cycle, facts(1), "nightly")
    request = PromotionRequest(
        cycle=cycle, champion=bundle(0), challenger=bundle(1), challenger_version="v1", evaluation="e" * 64,
        decision=decision("e" * 64),
    )  # fmt: skip
    asked_for = facts(1).model_copy(update={"replaces": bundle(0), "evaluation": "e" * 64, "request": request.digest()})
    former = ledger._enter_once("requested", cycle, asked_for, "nightly", f"requested:{'e' * 64}")
    assert ledger.request(request, "nightly") == former


def test_a_rejection_is_entered_with_its_comment(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    entry = ledger.decide(request, decided(request, "reject", "bob", now=START, hours=1, comment="not yet"))
    assert (entry.kind, entry.facts.reason, entry.actor) == ("rejected", "not yet", "bob")


def test_a_decision_is_kept_whole_in_the_store_with_its_request(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    approval = approve(ledger, request)
    store = ObjectStore(str(tmp_path / "store"))
    kept = {(ref.kind, ref.sha256) for ref in store}
    assert kept == {("request", request.digest()), ("approval", approval.digest())}


def test_the_store_remembers_the_last_entry_after_every_step(tmp_path):
    store = ObjectStore(str(tmp_path / "store"))

    def is_anchored(ledger):
        last = ledger.entries()[-1]
        return store.marked("ledger", "head", LedgerHead) == LedgerHead(seq=last.seq, hash=last.digest())

    ledger = installed(tmp_path)
    assert is_anchored(ledger)
    ledger.open_cycle("ann")
    assert is_anchored(ledger)
    ledger.close_cycle(1, "ann", "empty")
    assert is_anchored(ledger)
    request = asked(ledger, 2)
    assert is_anchored(ledger)
    approval = approve(ledger, request)
    assert is_anchored(ledger)
    ledger.promote(request, approval, "bob")
    assert is_anchored(ledger)
    ledger.roll_back(None, "ann", "bad", expected=bundle(2))
    assert is_anchored(ledger)


def test_a_ledger_without_a_store_works_and_verifies(tmp_path):
    ledger = Ledger(open_url(f"sqlite:///{tmp_path / 'aoi.db'}"), now=Clock())
    assert ledger.verify() == 0
    ledger.install(facts(0), "ann")
    request = asked(ledger, 1)
    ledger.promote(request, approve(ledger, request), "bob")
    assert ledger.verify() == len(ledger.entries())


def test_a_lost_anchor_is_found_as_soon_as_there_are_two_entries(tmp_path):
    ledger = open_ledger(tmp_path)
    mark = tmp_path / "store" / "marks" / "ledger" / "head.json"
    ledger.register(0, facts(0), "ann")
    mark.unlink()
    assert ledger.verify() == 1
    ledger.install(facts(0), "ann")
    mark.unlink()
    with pytest.raises(ChainBroken, match="the store does not remember the head of these 2 entries"):
        ledger.verify()


def test_an_anchor_beyond_the_last_entry_is_found(tmp_path):
    ledger = installed(tmp_path)
    store = ObjectStore(str(tmp_path / "store"))
    last = ledger.entries()[-1]
    store.mark("ledger", "head", LedgerHead(seq=last.seq + 1, hash=last.digest()))
    with pytest.raises(ChainBroken, match="the store remembers entry 2 as"):
        ledger.verify()
    store.mark("ledger", "head", LedgerHead(seq=0, hash=ledger.entries()[0].digest()))
    assert ledger.verify() == 2, "an anchor may lag behind"


def test_entries_are_listed_by_kind_and_by_cycle(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    promoted(ledger, 2)
    assert [entry.cycle for entry in ledger.entries(kind="registered")] == [0, 1, 2]
    assert {entry.cycle for entry in ledger.entries(cycle=1)} == {1}
    assert [entry.facts.bundle for entry in ledger.entries(kind="promoted", cycle=2)] == [bundle(2)]
    assert [entry.facts.bundle for entry in ledger.entries(kind="promoted", cycle=0)] == [bundle(0)]


def test_where_the_loop_stands_is_said_by_the_entries(tmp_path):
    ledger = open_ledger(tmp_path)
    assert (ledger.champion(), ledger.last_move(), ledger.former_champions()) == (None, None, [])
    ledger.install(facts(0), "ann")
    assert not ledger.is_open(1)
    cycle = ledger.open_cycle("ann")
    assert cycle == Cycle(number=1, champion=bundle(0), is_new=True)
    assert ledger.open_cycle("bob") == Cycle(number=1, champion=bundle(0), is_new=False)
    assert ledger.is_open(1)
    assert not ledger.is_open(2)
    assert ledger.last_move().kind == "promoted"


@pytest.mark.parametrize("lacking", ["bundle", "version", "tree"])
def test_a_registration_names_its_bundle_its_version_and_its_folder(tmp_path, lacking):
    with pytest.raises(LedgerConflict, match="one is missing"):
        open_ledger(tmp_path).register(0, facts(0).model_copy(update={lacking: None}), "ann")


def test_an_evaluation_is_entered_once_and_not_for_two_bundles(tmp_path):
    ledger = installed(tmp_path)
    evaluation = {"replaces": bundle(0), "evaluation": "e" * 64}
    first = ledger.evaluated(1, LedgerFacts(bundle=bundle(1), **evaluation), "ann")
    assert ledger.evaluated(1, LedgerFacts(bundle=bundle(1), **evaluation), "bob") == first
    with pytest.raises(LedgerConflict, match="evaluated for eeeeeeeeeeee is entered already as entry 2"):
        ledger.evaluated(1, LedgerFacts(bundle=bundle(2), **evaluation), "ann")
    with pytest.raises(LedgerConflict, match="is entered already"):
        ledger.evaluated(2, LedgerFacts(bundle=bundle(1), **evaluation), "ann")


def test_an_unreadable_entry_is_named_whoever_reads_it(tmp_path):
    ledger = installed(tmp_path)
    execute(tmp_path, "UPDATE ledger SET record = '{}' WHERE seq = 1")
    with pytest.raises(ChainBroken, match="entry 1 is not readable"):
        ledger.champion()


def test_a_rollback_names_who_was_champion_before(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    with pytest.raises(UnknownBundle, match=rf"never was champion. Former champions: {bundle(0)[:12]}"):
        ledger.roll_back(bundle(9), "ann", "bad", expected=bundle(1))
    with pytest.raises(UnknownBundle, match="never was champion"):
        ledger.roll_back(bundle(1), "ann", "bad", expected=bundle(1))
    with pytest.raises(LedgerConflict, match=f"the champion is {bundle(1)[:12]}, not {bundle(0)[:12]}"):
        ledger.roll_back(None, "ann", "bad", expected=bundle(0))


def test_a_rollback_without_a_champion_or_a_former_one_is_refused(tmp_path):
    ledger = open_ledger(tmp_path)
    with pytest.raises(LedgerConflict, match="the champion is no bundle"):
        ledger.roll_back(None, "ann", "bad", expected=bundle(0))
    ledger.install(facts(0), "ann")
    with pytest.raises(UnknownBundle, match="Former champions: none"):
        ledger.roll_back(bundle(1), "ann", "bad", expected=bundle(0))


def test_a_second_rollback_to_another_champion_is_a_new_one(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)
    promoted(ledger, 2)
    first = ledger.roll_back(bundle(1), "ann", "bad", expected=bundle(2))
    assert ledger.roll_back(bundle(1), "ann", "bad", expected=bundle(2)) == first
    with pytest.raises(LedgerConflict, match="the champion is"):
        ledger.roll_back(bundle(0), "ann", "bad", expected=bundle(2))
    second = ledger.roll_back(bundle(0), "ann", "bad", expected=bundle(1))
    assert (second.facts.bundle, second.facts.replaces, second.cycle) == (bundle(0), bundle(1), 0)


def test_what_was_never_registered_or_asked_for_is_named(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    with pytest.raises(UnknownBundle, match="no entry 'registered' with bundle"):
        ledger.request(request.model_copy(update={"challenger": bundle(9)}), "ann")
    stranger = request.model_copy(update={"cycle": 7})
    with pytest.raises(GateRefused, match="no entry 'requested' with request"):
        ledger.decide(stranger, decided(stranger, "approve", "bob", now=START, hours=1))


def test_every_entry_carries_the_mark_that_lets_it_happen_once(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    approval = approve(ledger, request)
    ledger.promote(request, approval, "bob")
    ledger.close_cycle(1, "ann", "promoted")
    ledger.roll_back(None, "ann", "bad", expected=bundle(1))
    with sqlite3.connect(tmp_path / "aoi.db") as connection:
        marks = [mark for (mark,) in connection.execute("SELECT once FROM ledger ORDER BY seq")]
    connection.close()
    evaluation, digest = request.evaluation, approval.digest()
    assert marks == [
        "registered:0", "installed", "opened:1", "registered:1", f"evaluated:{evaluation}", f"requested:{evaluation}",
        f"approved:{digest}", f"used:{digest}", "closed:1", "rolled_back:7",
    ]  # fmt: skip


def test_an_approval_of_ones_own_request_is_refused_at_the_swap_too(tmp_path):
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    approval = approve(ledger, request, approver="nightly")
    with pytest.raises(ApprovalRefused, match="someone else"):
        open_ledger(tmp_path, team=True).promote(request, approval, "nightly")
    assert ledger.champion().bundle == bundle(0)


def test_entries_are_timed_in_utc_unless_a_clock_is_given(tmp_path):
    ledger = Ledger(open_url(f"sqlite:///{tmp_path / 'aoi.db'}"))
    assert ledger.install(facts(0), "ann").at.endswith("+00:00")
