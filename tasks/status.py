"""What stands: champion, open cycle, open requests, last report."""

from collections.abc import Iterator

from aoi.errors import CorruptObject, RegistryUnavailable
from aoi.promotion.history import Reign, reigns
from aoi.promotion.trace import Trace
from aoi.promotion.trace import trace as trace_bundle
from aoi.promotion.verify import Finding, verify
from aoi.records.base import Record, Ref
from aoi.records.promotion import Champion, LedgerEntry, PromotionRequest
from aoi.records.report import CycleReport
from tasks.kept import kept_report
from tasks.workspace import workspace

REPORTS = 3
"""Of the newest closed cycles: so many are asked for at most."""


class OpenRequest(Record):
    """A promotion that the gate proposes and nobody has decided."""

    sha256: str
    """Of the request."""
    request: PromotionRequest


class Status(Record):
    """Everything that `aoi status` shows."""

    champion: Champion | None
    champions: tuple[Reign, ...] = ()
    """The last ones, oldest first, with what was measured of them."""
    cycles: int
    open_cycle: int | None
    open_requests: tuple[OpenRequest, ...]
    unreadable: tuple[str, ...] = ()
    """Requests that may wait for a review and cannot be read, with why: `aoi verify` names what is lost."""
    last: CycleReport | None


def status() -> Status:
    """Read the ledger and the store; nothing is started."""
    ledger = workspace().ledger
    opened = [entry.cycle for entry in ledger.entries(kind="cycle_opened")]
    last = max(opened, default=0)
    closed = sorted((entry.cycle for entry in ledger.entries(kind="cycle_closed")), reverse=True)
    # The newest has one; a second is asked for only where the run was killed between the entry and its report.
    reports = (kept_report(number) for number in closed[:REPORTS])
    found = list(_undecided())
    return Status(
        champion=ledger.champion(),
        champions=reigns(ledger, workspace().store),
        cycles=last,
        open_cycle=last if last and ledger.is_open(last) else None,
        open_requests=tuple(each for each in found if isinstance(each, OpenRequest)),
        unreadable=tuple(each for each in found if isinstance(each, str)),
        last=next((report for report in reports if report is not None), None),
    )


def open_requests() -> tuple[OpenRequest, ...]:
    """Requests that the gate proposes to promote and nobody decided, newest first; stale and lost ones are left out."""
    return tuple(found for found in _undecided() if isinstance(found, OpenRequest))


def _undecided() -> Iterator[OpenRequest | str]:
    """What waits for a person, newest first; in the place of a request that cannot be read, why."""
    store = workspace().store
    for entry in _waiting():
        digest = entry.facts.request or ""
        try:
            request = store.get(Ref(kind="request", sha256=digest, size_bytes=0), PromotionRequest)
        except CorruptObject as error:
            yield f"request of cycle {entry.cycle}: {error}"
            continue
        if request.decision.verdict == "promote":
            yield OpenRequest(sha256=digest, request=request)


def _waiting() -> Iterator[LedgerEntry]:
    """Entries of requests that may wait for a person, newest first: of nothing else is the store asked."""
    ledger = workspace().ledger
    entries, champion = ledger.entries(), ledger.champion()
    # An approval whose run was killed before the champion moved is given again.
    words = {entry.facts.request: entry.kind for entry in entries if entry.kind in ("approved", "rejected", "promoted")}
    decided = {request for request, word in words.items() if word != "approved"}
    for entry in reversed(entries):
        facts = entry.facts
        is_asked = entry.kind == "requested" and facts.request and facts.request not in decided
        # Entries of former versions do not say the verdict.
        if is_asked and champion and facts.replaces == champion.bundle and facts.reason in ("promote", ""):
            yield entry


def check() -> tuple[Finding, ...]:
    """Ledger, bundles, evidence, and the registry's view of them."""
    from models.registry import Registry

    ws = workspace()
    try:
        projection = Registry.of(ws.settings).projection()
    except RegistryUnavailable:
        projection = None
    return verify(ws.ledger, ws.store, projection, everything=True)


def trace(digits: str) -> Trace:
    """From a bundle's first digits to weights, data, code and approver. Raises: UnknownBundle."""
    return trace_bundle(digits, workspace().ledger, workspace().store)
