"""Promote: a proof that the right adapter answers where it will be asked, compare-and-swap in the ledger, the alias."""

from aoi.errors import ApprovalRefused, IdentityMismatch, RegistryUnavailable, UnknownBundle
from aoi.records.base import Ref, Sha256
from aoi.records.promotion import Approval, Champion, Cycle, PromotionRequest
from models import identity
from models.registry import CHAMPION, Registry
from tasks.bundles import champion_ref, open_bundle, serving, tree_ref
from tasks.caching import stage
from tasks.tracking import end_left_runs
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
    """Enter a decision; if it approves, swap the champion and serve it. None if it rejects.

    The challenger is loaded and proven first: one that cannot be served changes nothing.
    Raises: ApprovalRefused for a rejection of what is promoted; IdentityMismatch, ServerUnavailable, and what the
    ledger raises.
    """
    ledger = workspace().ledger
    digest = request.digest()
    if any(entry.facts.request == digest for entry in ledger.entries(kind="promoted")):
        if approval.decision == "reject":
            raise ApprovalRefused(f"request {digest[:12]} was promoted already. To go back: aoi rollback --reason WHY")
        return serve_champion()  # a run that was killed after the swap: what follows it is done again
    if approval.decision == "approve":
        ledger.check_open(request)
        stays = (
            f"Champion {request.champion[:12]} stays, and nothing was entered. Look at what serves it, then: aoi review"
        )
        _prove(_challenger_ref(request), request.challenger, stays)
    ledger.decide(request, approval)
    if approval.decision != "approve":
        return None
    ledger.promote(request, approval, actor())
    return _followed(_present())


def serve_champion() -> Champion:
    """Load the ledger's champion where it answers, prove it there, then point the alias at it, and report it.

    Raises: IdentityMismatch, ServerUnavailable, RegistryUnavailable.
    """
    champion = _present()
    moved = (
        f"The ledger has version {champion.version} as champion all the same, and the registry's alias was not moved. "
        "Mend what serves it and run the command again, or go back further: aoi rollback --to DIGITS"
    )
    _prove(champion_ref(champion), champion.bundle, moved)
    return _followed(champion)


def _prove(ref: Ref, bundle: Sha256, otherwise: str) -> None:
    """Probe a stored bundle where it will answer. Raises: IdentityMismatch, ending with `otherwise`."""
    opened = open_bundle(ref)
    try:
        if opened.digest != bundle:
            raise IdentityMismatch(f"the stored folder of bundle {bundle[:12]} holds bundle {opened.digest[:12]}")
        identity.prove(opened, serving(), kept=workspace().store)
    except IdentityMismatch as error:
        raise IdentityMismatch(f"{error}. {otherwise}") from error


def _followed(champion: Champion) -> Champion:
    # Registry after ledger: a crash between them leaves an alias that `reconcile` repairs.
    Registry.of(workspace().settings).reconcile(champion)
    return champion


def _present() -> Champion:
    champion = workspace().ledger.champion()
    assert champion is not None  # a promotion or a rollback was just entered
    return champion


def _challenger_ref(request: PromotionRequest) -> Ref:
    """The challenger's stored folder, as it was registered. Raises: UnknownBundle."""
    trees = {entry.facts.bundle: entry.facts.tree for entry in workspace().ledger.entries(kind="registered")}
    tree = trees.get(request.challenger)
    if tree is None:
        raise UnknownBundle(f"challenger {request.challenger[:12]} was never registered. See: aoi status")
    return tree_ref("bundle", tree)


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
    """Point the registry's alias at the ledger's champion, and end runs there of cycles that are not under way.

    Returns whether the alias had to be changed.
    """
    ws = workspace()
    registry = Registry.of(ws.settings)
    changed = registry.reconcile(ws.ledger.champion())
    end_left_runs(registry)
    return changed


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
    matching = [bundle for bundle in former if bundle.startswith(digits)]
    if len(matching) != 1:
        known = ", ".join(bundle[: Ref.SHORT] for bundle in former)
        raise UnknownBundle(f"{digits!r} names {len(matching)} champions, expected one of {known}")
    return matching[0]
