"""A ledger with a champion and a request, for tests of what may happen next."""

from datetime import UTC, datetime

from aoi.database.engine import open_url
from aoi.promotion import approval
from aoi.promotion.ledger import Ledger
from aoi.records.base import sha256_hex
from aoi.records.evaluation import Interval
from aoi.records.promotion import Approval, GateDecision, LedgerFacts, PromotionRequest
from aoi.store.objects import ObjectStore

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def bundle(name: object) -> str:
    return sha256_hex(f"bundle {name}".encode())


def facts(name: object) -> LedgerFacts:
    return LedgerFacts(bundle=bundle(name), version=f"v{name}", tree=sha256_hex(f"tree {name}".encode()))


def open_ledger(folder, clock=None, **options) -> Ledger:
    store = ObjectStore(str(folder / "store"))
    return Ledger(open_url(f"sqlite:///{folder / 'aoi.db'}"), store, now=clock or Clock(), **options)


def installed(folder, clock=None, **options) -> Ledger:
    ledger = open_ledger(folder, clock, **options)
    ledger.install(facts(0), "ann")
    return ledger


def decision(evaluation: str, verdict: str = "promote") -> GateDecision:
    gain = Interval(estimate=0.1, low=0.05, high=0.15, level=0.9, n=80)
    return GateDecision(verdict=verdict, gain=gain, power=0.8, detectable_gain=0.1, checks=(), evaluation=evaluation)


def asked(ledger: Ledger, name: object, *, actor: str = "nightly", verdict: str = "promote") -> PromotionRequest:
    """Run a cycle up to its request."""
    cycle = ledger.open_cycle(actor)
    ledger.register(cycle.number, facts(name), actor)
    evaluation = sha256_hex(f"evaluation {name}".encode())
    ledger.evaluated(
        cycle.number, LedgerFacts(bundle=bundle(name), replaces=cycle.champion, evaluation=evaluation), actor
    )
    request = PromotionRequest(
        cycle=cycle.number,
        champion=cycle.champion,
        challenger=bundle(name),
        challenger_version=f"v{name}",
        evaluation=evaluation,
        decision=decision(evaluation, verdict),
    )
    ledger.request(request, actor)
    return request


def approve(
    ledger: Ledger, request: PromotionRequest, approver: str = "bob", *, now: datetime = START, comment: str = ""
) -> Approval:
    given = approval.decided(request, "approve", approver, now=now, hours=72, comment=comment)
    ledger.decide(request, given)
    return given


def promoted(ledger: Ledger, name: object) -> None:
    """Run a whole cycle that promotes."""
    request = asked(ledger, name)
    ledger.promote(request, approve(ledger, request), "bob")
    ledger.close_cycle(request.cycle, "nightly", "promoted")
