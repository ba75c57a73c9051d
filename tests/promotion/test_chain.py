"""What a chain may say: each link, and each rule of the ledger, broken alone."""

import pytest

from aoi.errors import ChainBroken
from aoi.promotion.chain import FIRST, State, check_links, replay
from aoi.records.promotion import Champion, LedgerEntry, LedgerFacts

AT = "2026-01-01T00:00:00+00:00"
TREES = {"a": "1" * 64, "b": "2" * 64, "c": "3" * 64}


def chain(*said) -> list[LedgerEntry]:
    """Entries from (kind, cycle, facts), linked to each other."""
    entries, previous = [], FIRST
    for seq, (kind, cycle, facts) in enumerate(said):
        entry = LedgerEntry(
            seq=seq, cycle=cycle, kind=kind, actor="ann", at=AT, facts=LedgerFacts(**facts), previous=previous
        )
        entries.append(entry)
        previous = entry.digest()
    return entries


def registered(bundle, cycle):
    return ("registered", cycle, {"bundle": bundle, "version": f"v{bundle}", "tree": TREES[bundle]})


def moved(kind, bundle, cycle, replaces, **facts):
    facts |= {"bundle": bundle, "version": f"v{bundle}", "tree": TREES[bundle], "replaces": replaces}
    return (kind, cycle, facts)


INSTALLED = (registered("a", 0), moved("promoted", "a", 0, None))
OPENED = (*INSTALLED, ("cycle_opened", 1, {"replaces": "a"}), registered("b", 1))
REQUESTED = (*OPENED, ("requested", 1, {"bundle": "b", "evaluation": "e" * 64, "request": "d" * 64}))
APPROVED = (*REQUESTED, ("approved", 1, {"request": "d" * 64, "approval": "f" * 64}))
PROMOTION = moved("promoted", "b", 1, "a", request="d" * 64, approval="f" * 64)
PROMOTED = (*APPROVED, PROMOTION)
CLOSED = (*PROMOTED, ("cycle_closed", 1, {}))


def rows_of(entries) -> list[dict]:
    return [
        {
            "seq": entry.seq, "cycle": entry.cycle, "kind": entry.kind, "previous": entry.previous,
            "hash": entry.digest(), "record": entry.to_bytes().decode(),
        }
        for entry in entries
    ]  # fmt: skip


def head_of(entries) -> dict:
    return {"seq": entries[-1].seq, "hash": entries[-1].digest()}


# Links -----------------------------------------------------------------------------------------------------------


def test_a_whole_chain_reads_back_and_so_does_an_empty_one():
    entries = chain(*CLOSED)
    assert check_links(rows_of(entries), head_of(entries)) == entries
    assert check_links([], None) == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seq", 7, "expected entry 2, found entry 7: one was removed or moved"),
        ("previous", FIRST, "entry 2 does not follow entry 1"),
        ("hash", "9" * 64, "entry 2: expected digest 999999999999, found"),
        ("cycle", 3, "entry 2: its columns differ from its record"),
        ("kind", "evaluated", "entry 2: its columns differ from its record"),
        ("record", "{}", "entry 2 is not readable"),
    ],
)
def test_a_column_that_differs_from_its_record_is_named(field, value, message):
    entries = chain(*CLOSED)
    rows = rows_of(entries)
    rows[2][field] = value
    with pytest.raises(ChainBroken, match=message):
        check_links(rows, head_of(entries))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seq": 9}, "expected entry 2, found entry 2"),
        ({"previous": FIRST}, "entry 2 does not follow entry 1"),
        ({"actor": "eve"}, "expected digest"),
    ],
)
def test_a_record_that_differs_from_its_columns_is_named(change, message):
    entries = chain(*CLOSED)
    rows = rows_of(entries)
    rows[2]["record"] = entries[2].model_copy(update=change).to_bytes().decode()
    with pytest.raises(ChainBroken, match=message):
        check_links(rows, head_of(entries))


def test_a_record_in_other_than_canonical_text_is_named():
    entries = chain(*CLOSED)
    rows = rows_of(entries)
    rows[2]["record"] = rows[2]["record"].replace(",", ", ")
    with pytest.raises(ChainBroken, match="entry 2 is not in canonical form"):
        check_links(rows, head_of(entries))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (None, r"the head is entry -1 \(000000000000\), but the chain ends with entry 7"),
        ({"seq": 6}, r"the head is entry 6 \("),
        ({"hash": "9" * 64}, r"the head is entry 7 \(999999999999\)"),
    ],
)
def test_a_head_that_is_not_the_last_entry_is_named(head, message):
    entries = chain(*CLOSED)
    with pytest.raises(ChainBroken, match=message):
        check_links(rows_of(entries), None if head is None else head_of(entries) | head)


def test_an_empty_chain_with_a_head_was_cut():
    with pytest.raises(ChainBroken, match="but the chain ends with entry -1"):
        check_links([], head_of(chain(*CLOSED)))


# Replay ----------------------------------------------------------------------------------------------------------


def champion(bundle, cycle, entry):
    return Champion(bundle=bundle, version=f"v{bundle}", tree=TREES[bundle], cycle=cycle, entry=entry, since=AT)


def test_before_the_first_entry_there_is_no_champion_and_no_cycle():
    assert replay([]) == State(
        champion=None, history=[], last_move=None, replaced={}, last_cycle=0, open_cycle=None, opened_with=""
    )


def test_an_open_cycle_remembers_its_number_and_its_champion():
    state = replay(chain(*OPENED), strict=True)
    assert (state.open_cycle, state.last_cycle, state.opened_with) == (1, 1, "a")


def test_a_closed_cycle_is_not_open_and_keeps_its_number():
    state = replay(chain(*CLOSED), strict=True)
    assert (state.open_cycle, state.last_cycle) == (None, 1)


def test_a_promotion_moves_the_champion_and_remembers_whom_it_replaced():
    entries = chain(*PROMOTED)
    state = replay(entries, strict=True)
    assert state.champion == champion("b", 1, 6)
    assert state.history == [champion("a", 0, 1), champion("b", 1, 6)]
    assert state.replaced == {"a": None, "b": "a"}
    assert state.last_move == entries[6]


def test_a_rollback_moves_the_champion_back_and_leads_nowhere_new():
    entries = chain(*CLOSED, moved("rolled_back", "a", 0, "b"))
    state = replay(entries, strict=True)
    assert state.champion == champion("a", 0, 8)
    assert [former.bundle for former in state.history] == ["a", "b", "a"]
    assert state.replaced == {"a": None, "b": "a"}
    assert state.last_move == entries[8]


def test_an_entry_that_lacks_its_facts_is_replayed_as_unknown_and_not_made_up():
    state = replay(chain(("promoted", 0, {}), ("cycle_opened", 1, {})))
    assert state.champion == Champion(bundle="", version="", tree=FIRST, cycle=0, entry=0, since=AT)
    assert state.opened_with == ""


# Rules -----------------------------------------------------------------------------------------------------------

SECOND = (*CLOSED, ("cycle_opened", 2, {"replaces": "b"}))
REQUEST = {"bundle": "b", "evaluation": "e" * 64, "request": "d" * 64}
REJECTED = ("rejected", 1, {"request": "d" * 64, "approval": "9" * 64})
OTHER = {"bundle": "b", "evaluation": "8" * 64, "request": "7" * 64}

ALLOWED = {
    "the next cycle": SECOND,
    "a rejected request": (*REQUESTED, REJECTED),
    "a request that is approved after it was rejected": (*REQUESTED, REJECTED, APPROVED[-1], PROMOTION),
    "another request with its own decision, meanwhile": (
        *APPROVED, ("requested", 1, OTHER), ("rejected", 1, {"request": "7" * 64, "approval": "6" * 64}), PROMOTION,
    ),
    "a second registration in the second cycle": (*SECOND, registered("c", 2)),
    "an evaluation in an open cycle": (*OPENED, ("evaluated", 1, {"bundle": "b", "evaluation": "e" * 64})),
    "a way back and a way back again": (
        *CLOSED, moved("rolled_back", "a", 0, "b"), moved("rolled_back", "b", 1, "a"),
    ),
}  # fmt: skip

BROKEN = {
    "a cycle inside another": (
        (*OPENED, ("cycle_opened", 2, {"replaces": "a"})), "cycles open one after another",
    ),
    "a cycle that was skipped": (
        (*CLOSED, ("cycle_opened", 3, {"replaces": "b"})), "cycles open one after another",
    ),
    "a cycle that is opened again": (
        (*CLOSED, ("cycle_opened", 1, {"replaces": "b"})), "cycles open one after another",
    ),
    "an end of a cycle that is closed": ((*CLOSED, ("cycle_closed", 1, {})), "only the open cycle closes"),
    "an end of another cycle": ((*OPENED, ("cycle_closed", 2, {})), "only the open cycle closes"),
    "a second version of one cycle": ((*OPENED, registered("c", 1)), "a cycle registers one version"),
    "a second request for an evaluation": (
        (*REQUESTED, ("requested", 1, {**REQUEST, "request": "7" * 64})), "an evaluation has one request",
    ),
    "a request for what was never registered": (
        (*OPENED, ("requested", 1, {**REQUEST, "bundle": "c"})), "only a registered bundle is asked for",
    ),
    "an approval of nothing": (
        (*REQUESTED, ("approved", 1, {"request": "9" * 64, "approval": "f" * 64})), "only a request is decided",
    ),
    "a rejection of nothing": ((*OPENED, REJECTED), "only a request is decided"),
    "a promotion over another champion": (
        (*APPROVED, moved("promoted", "b", 1, "c", request="d" * 64, approval="f" * 64)),
        "a promotion replaces the champion of that moment",
    ),
    "a promotion of what was never registered": (
        (*APPROVED, moved("promoted", "c", 1, "a", request="d" * 64, approval="f" * 64)),
        "only a registered bundle is promoted",
    ),
    "a first champion that was never registered": (
        (moved("promoted", "a", 0, None),), "only a registered bundle is promoted",
    ),
    "a promotion without an approval": (
        (*REQUESTED, moved("promoted", "b", 1, "a", request="d" * 64)), "a promotion has an approval that stands",
    ),
    "a promotion whose approval names none": (
        (*REQUESTED, ("approved", 1, {"request": "d" * 64}), moved("promoted", "b", 1, "a", request="d" * 64)),
        "a promotion has an approval that stands",
    ),
    "a promotion with another approval": (
        (*APPROVED, moved("promoted", "b", 1, "a", request="d" * 64, approval="9" * 64)),
        "a promotion has an approval that stands",
    ),
    "a promotion whose approval was revoked": (
        (*APPROVED, REJECTED, PROMOTION), "a promotion has an approval that stands",
    ),
    "a promotion by a decision that was a rejection": (
        (*REQUESTED, REJECTED, moved("promoted", "b", 1, "a", request="d" * 64, approval="9" * 64)),
        "a promotion has an approval that stands",
    ),
    "a promotion by the approval of another request": (
        (*APPROVED, ("requested", 1, OTHER), moved("promoted", "b", 1, "a", request="7" * 64, approval="f" * 64)),
        "a promotion has an approval that stands",
    ),
    "an approval that is used again": (
        (*CLOSED, moved("rolled_back", "a", 0, "b"), PROMOTION), "an approval is used once",
    ),
    "a rollback from another champion": (
        (*CLOSED, moved("rolled_back", "a", 0, "a")), "a rollback replaces the champion of that moment",
    ),
    "a rollback to the champion": (
        (*CLOSED, moved("rolled_back", "b", 1, "b")), "a rollback returns to a former champion",
    ),
    "a rollback to a stranger": (
        (*CLOSED, moved("rolled_back", "c", 0, "b")), "a rollback returns to a former champion",
    ),
    "a rollback before the first champion": (
        (registered("a", 0), moved("rolled_back", "a", 0, None)), "a rollback returns to a former champion",
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", ALLOWED)
def test_what_the_ledger_can_make_passes_every_rule(said):
    replay(chain(*ALLOWED[said]), strict=True)


@pytest.mark.parametrize("said", BROKEN)
def test_what_the_ledger_cannot_make_breaks_its_rule_and_names_the_entry(said):
    entries, rule = chain(*BROKEN[said][0]), BROKEN[said][1]
    last = entries[-1]
    with pytest.raises(
        ChainBroken, match=rf"entry {last.seq} \({last.kind}, cycle {last.cycle}\) breaks a rule: {rule}"
    ):
        replay(entries, strict=True)
    replay(entries)
