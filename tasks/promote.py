"""Promote: compare-and-swap in the ledger, then the alias, then a proof that the right adapter answers."""

from aoi.errors import IdentityMismatch, RegistryUnavailable, UnknownBundle
from aoi.records.base import Ref
from aoi.records.promotion import Approval, Champion, Cycle, PromotionRequest
from models import identity
from models.registry import CHAMPION, Registry
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
    """Return to a former champion, named by the first digits of its bundle, or to the one before.

    Always allowed, also while the registry is down: the ledger decides. A rollback whose alias was not moved is
    finished, not repeated. Raises: UnknownBundle, LedgerConflict; RegistryUnavailable once the ledger has moved.
    """
    ledger = workspace().ledger
    present = ledger.champion()
    if present is None:
        raise UnknownBundle("there is no champion yet, so none to roll back. Make one: aoi retrain")
    if to is not None or not _is_alias_behind(present):
        ledger.roll_back(_former(to) if to else None, actor(), reason, expected=present.bundle)
    try:
        return serve_champion()
    except RegistryUnavailable as error:
        moved = ledger.champion()
        raise RegistryUnavailable(
            f"version {moved.version if moved else '-'} is champion and answers, since the ledger decides; only the "
            f"registry's alias is behind: {error}. Do not roll back again; when the registry is up: aoi reconcile"
        ) from error


def reconcile() -> bool:
    """Point the registry's alias at the ledger's champion. Returns whether it had to be changed."""
    ws = workspace()
    return Registry.of(ws.settings).reconcile(ws.ledger.champion())


def _is_alias_behind(present: Champion) -> bool:
    """Whether the last move was a rollback that the registry has not followed. Raises: RegistryUnavailable."""
    last = workspace().ledger.last_move()
    if last is None or last.kind != "rolled_back":
        return False
    try:
        named = Registry.of(workspace().settings).alias(CHAMPION)
    except RegistryUnavailable as error:
        raise RegistryUnavailable(
            f"the last move was a rollback, and whether it was finished cannot be seen: {error}. To go back further "
            "now, name the champion: aoi rollback --to DIGITS (aoi trace lists parents)"
        ) from error
    return named is None or named.number != present.version


def _former(digits: str) -> str:
    """The bundle of the one former champion that begins with these digits. Raises: UnknownBundle."""
    former = dict.fromkeys(champion.bundle for champion in workspace().ledger.former_champions())
    found = [bundle for bundle in former if bundle.startswith(digits)]
    if len(found) != 1:
        known = ", ".join(bundle[: Ref.SHORT] for bundle in former)
        raise UnknownBundle(f"{digits!r} names {len(found)} champions, expected one of {known}")
    return found[0]
