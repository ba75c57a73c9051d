"""Everybody who was champion, and what was measured of them: for the review page and `aoi status`.

Each night's problems are drawn anew, so rates of different nights differ by their problems as well. What compares two
champions is the gain, measured on the same ones.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aoi.errors import CorruptObject
from aoi.promotion.ledger import Ledger
from aoi.records.base import Record, Ref
from aoi.records.evaluation import EvaluationResult, Interval
from aoi.records.promotion import LedgerEntry, PromotionRequest
from aoi.store.objects import ObjectStore

MOST = 30
"""Champions that are told of: more would be no overview, and each is read from its evaluation."""


class Reign(Record):
    """One time that a bundle became champion. What cannot be read any more is None."""

    bundle: str
    version: str
    cycle: int
    """Cycle that trained it; 0 for the first."""
    since: str
    """RFC 3339, UTC."""
    became: str
    """`installed`, `promoted` or `rolled back to`."""
    rate: float | None = None
    """Share of held-out problems with a fault that it solved when it was first measured, in [0, 1]."""
    gain: Interval | None = None
    """Above the champion that it replaced, on the same problems; None unless it was promoted."""
    reason: str = ""
    """What its reviewer said, or why it was rolled back to."""


def reigns(ledger: Ledger, store: ObjectStore) -> tuple[Reign, ...]:
    """The last `MOST`, oldest first."""
    entries = ledger.entries()
    moves = [entry for entry in entries if entry.kind in ("promoted", "rolled_back")]
    return tuple(_reign(entry, entries, store) for entry in moves[-MOST:])


def rates(champions: Iterable[Reign]) -> list[float]:
    """Those that were measured, in order."""
    return [reign.rate for reign in champions if reign.rate is not None]


def _reign(entry: LedgerEntry, entries: Sequence[LedgerEntry], store: ObjectStore) -> Reign:
    facts, is_promotion = entry.facts, entry.kind == "promoted"
    approved = (one.facts.reason for one in entries if one.kind == "approved" and one.facts.approval == facts.approval)
    promoted = "promoted" if facts.request else "installed"
    return Reign(
        bundle=facts.bundle or "",
        version=facts.version or "",
        cycle=entry.cycle,
        since=entry.at,
        became=promoted if is_promotion else "rolled back to",
        rate=_rate(facts.bundle or "", entries, store),
        gain=_gain(facts.request, store) if is_promotion else None,
        reason=next(approved, "") if facts.approval else facts.reason,
    )


def _rate(bundle: str, entries: Sequence[LedgerEntry], store: ObjectStore) -> float | None:
    """Of its first evaluation, as challenger or as champion; None where that cannot be read."""
    evaluated = (entry.facts for entry in entries if entry.kind == "evaluated" and entry.facts.evaluation)
    first = next((facts for facts in evaluated if bundle in (facts.bundle, facts.replaces)), None)
    if first is None:
        return None
    try:
        evaluation: Ref[Any] = Ref(kind="evaluation", sha256=first.evaluation or "", size_bytes=0)
        found = store.get(evaluation, EvaluationResult).overall
    except CorruptObject:
        return None
    return found.challenger_rate if first.bundle == bundle else found.champion_rate


def _gain(request: str | None, store: ObjectStore) -> Interval | None:
    if not request:
        return None
    try:
        asked: Ref[Any] = Ref(kind="request", sha256=request, size_bytes=0)
        return store.get(asked, PromotionRequest).decision.gain
    except CorruptObject:
        return None
