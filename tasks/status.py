"""What stands: champion, open cycle, open requests, last report."""

from aoi.errors import RegistryUnavailable
from aoi.promotion.history import Reign, reigns
from aoi.promotion.trace import Trace
from aoi.promotion.trace import trace as trace_bundle
from aoi.promotion.verify import Finding, verify
from aoi.records.base import Record
from aoi.records.promotion import Champion, PromotionRequest
from aoi.records.report import CycleReport
from tasks.kept import kept_report
from tasks.workspace import workspace


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
    last: CycleReport | None


def status() -> Status:
    """Read the ledger and the store; nothing is started."""
    ledger = workspace().ledger
    opened = [entry.cycle for entry in ledger.entries(kind="cycle_opened")]
    last = max(opened, default=0)
    reports = (kept_report(number) for number in range(last, 0, -1))
    return Status(
        champion=ledger.champion(),
        champions=reigns(ledger, workspace().store),
        cycles=last,
        open_cycle=last if last and ledger.is_open(last) else None,
        open_requests=open_requests(),
        last=next((report for report in reports if report is not None), None),
    )


def open_requests() -> tuple[OpenRequest, ...]:
    """Requests that the gate proposes to promote and nobody decided, newest first; stale ones are left out."""
    ws = workspace()
    entries = ws.ledger.entries()
    champion = ws.ledger.champion()
    decided = {entry.facts.request for entry in entries if entry.kind in ("approved", "rejected", "promoted")}
    opened_requests = []
    for entry in reversed(entries):
        digest = entry.facts.request
        if entry.kind != "requested" or digest is None or digest in decided:
            continue
        request = ws.store.get(ws.store.find(f"request:{digest}"), PromotionRequest)
        if request.decision.verdict == "promote" and champion and request.champion == champion.bundle:
            opened_requests.append(OpenRequest(sha256=digest, request=request))
    return tuple(opened_requests)


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
