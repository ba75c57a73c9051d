from aoi.promotion.history import MOST, rates, reigns
from aoi.records.base import sha256_hex
from aoi.records.promotion import LedgerFacts, PromotionRequest
from aoi.store.objects import ObjectStore
from tests.promotion.evaluations import simulated
from tests.promotion.requests import START, approve, bundle, decision, facts, installed, promoted


def measured_cycle(ledger, store, name, *, verdict="promote", comment="", now=START):
    """A cycle whose evaluation and request are kept, as the loop does; promoted if the gate says so."""
    cycle = ledger.open_cycle("nightly")
    ledger.register(cycle.number, facts(name), "nightly")
    result = simulated(0.2, problems=12, runs=1, controls=4, seed=cycle.number).model_copy(
        update={"champion": cycle.champion, "challenger": bundle(name), "seed": cycle.number}
    )
    kept = store.put("evaluation", result)
    ledger.evaluated(
        cycle.number, LedgerFacts(bundle=bundle(name), replaces=cycle.champion, evaluation=kept.sha256), "nightly"
    )
    request = PromotionRequest(
        cycle=cycle.number,
        champion=cycle.champion,
        challenger=bundle(name),
        challenger_version=f"v{name}",
        evaluation=kept.sha256,
        decision=decision(kept.sha256, verdict),
    )
    store.put("request", request)
    ledger.request(request, "nightly")
    if verdict == "promote":
        ledger.promote(request, approve(ledger, request, now=now, comment=comment), "bob")
    ledger.close_cycle(cycle.number, "nightly", verdict)
    return result.overall


def test_every_champion_is_told_with_what_was_measured_of_it_first(tmp_path):
    ledger, store = installed(tmp_path), ObjectStore(str(tmp_path / "store"))
    first = measured_cycle(ledger, store, 1, comment="as good as it looks")
    measured_cycle(ledger, store, 2, verdict="reject")
    third = measured_cycle(ledger, store, 3)
    ledger.roll_back(bundle(1), "ann", "slower", expected=bundle(3))
    told = reigns(ledger, store)
    assert [(one.version, one.became, one.cycle) for one in told] == [
        ("v0", "installed", 0), ("v1", "promoted", 1), ("v3", "promoted", 3), ("v1", "rolled back to", 1),
    ]  # fmt: skip
    assert rates(told) == [first.champion_rate, first.challenger_rate, third.challenger_rate, first.challenger_rate]
    assert [one.gain is None for one in told] == [True, False, False, True]
    assert (told[1].reason, told[3].reason) == ("as good as it looks", "slower")


def test_what_is_not_in_the_store_any_more_is_left_open(tmp_path):
    ledger = installed(tmp_path)
    promoted(ledger, 1)  # an evaluation that nobody kept
    told = reigns(ledger, ObjectStore(str(tmp_path / "elsewhere")))
    assert [(one.version, one.rate, one.gain) for one in told] == [("v0", None, None), ("v1", None, None)]
    assert rates(told) == []


def test_a_long_history_is_told_by_its_end(tmp_path):
    ledger = installed(tmp_path)
    for number in range(MOST):
        promoted(ledger, number + 1)
    told = reigns(ledger, ObjectStore(str(tmp_path / "store")))
    assert len(told) == MOST
    assert told[-1].bundle == sha256_hex(f"bundle {MOST}".encode())
