"""Promote: compare-and-swap in the ledger, then the alias, then a proof that the right adapter answers."""

from aoi.errors import IdentityMismatch
from aoi.records.promotion import Approval, Champion, Cycle, PromotionRequest
from models import identity
from models.registry import Registry
from tasks.bundles import champion_ref, open_bundle
from tasks.caching import stage
from tasks.workspace import actor, workspace


@stage(timeout_s=600)
def promote(cycle: Cycle, request: PromotionRequest, approval: Approval | None) -> str | None:
    """Bundle digest of the new champion; None if there is nothing to promote.

    Raises: LedgerConflict if the champion moved meanwhile; ApprovalRefused if the approval does not fit.
    """
    if request.decision.verdict != "promote" or approval is None:
        return None
    champion = enter(request, approval)
    return champion.bundle if champion else None


def enter(request: PromotionRequest, approval: Approval) -> Champion | None:
    """Enter a decision; if it approves, swap the champion and serve it. None if it rejects."""
    ledger = workspace().ledger
    digest = request.digest()
    if any(entry.facts.request == digest for entry in ledger.entries(kind="promoted")):
        return serve_champion()  # a run that was killed after the swap: what follows it is done again
    ledger.decide(request, approval)
    if approval.decision != "approve":
        return None
    ledger.promote(request, approval, actor())
    return serve_champion()


def serve_champion() -> Champion:
    """Make what lags behind the ledger follow it: the alias, then the served adapter, proven by its identity."""
    ws = workspace()
    champion = ws.ledger.champion()
    assert champion is not None  # a promotion was just entered
    # Registry after ledger: a crash between them leaves an alias that `reconcile` repairs.
    Registry.of(ws.settings).reconcile(champion)
    bundle = open_bundle(champion_ref(champion))
    identity.verify(bundle.policy(), bundle)
    if bundle.digest != champion.bundle:
        raise IdentityMismatch(
            f"the stored folder of champion {champion.bundle[:12]} holds bundle {bundle.digest[:12]}. "
            "Roll back: aoi rollback"
        )
    return champion


def roll_back(to: str | None, reason: str) -> Champion:
    """Return to a former champion: one command, and always allowed. Raises: UnknownBundle, LedgerConflict."""
    ledger = workspace().ledger
    present = ledger.champion()
    ledger.roll_back(to, actor(), reason, expected=present.bundle if present else "")
    return serve_champion()
