"""From the bundle digest that every answer carries to weights, data, code and approver. Needs no server."""

from typing import TypeVar

from aoi.errors import AoiError, UnknownBundle
from aoi.promotion.ledger import Ledger
from aoi.promotion.verify import read_bundle
from aoi.records.base import Record, Ref, Sha256
from aoi.records.evaluation import Interval
from aoi.records.learning import BundleManifest
from aoi.records.promotion import Approval, LedgerEntry, PromotionRequest
from aoi.store.objects import ObjectStore

T = TypeVar("T", bound=Record)


class Trace(Record):
    """Where one bundle comes from. What cannot be read is in `lost`, never made up."""

    bundle: Sha256
    version: str
    cycle: int
    registered_at: str
    is_champion: bool
    base: Sha256 | None = None
    adapter: Sha256 | None = None
    evolver_adapter: Sha256 | None = None
    profile: Sha256 | None = None
    tree: Sha256
    """Stored folder with the weights."""
    parents: tuple[Sha256, ...] = ()
    """Bundles that it was warm-started from, nearest first, as far as the ledger knows them."""
    data: tuple[str, ...] = ()
    """Sets that it was trained on, `kind:digits` where they are stored."""
    settings: Sha256 | None = None
    code_revision: str | None = None
    code_sha256: Sha256 | None = None
    evaluation: Sha256 | None = None
    verdict: str | None = None
    gain: Interval | None = None
    approver: str | None = None
    """Who approved; None for the first champion and for what was never promoted."""
    comment: str | None = None
    approved_at: str | None = None
    promoted_at: tuple[str, ...] = ()
    """Each time it became champion, by promotion or rollback."""
    lost: tuple[str, ...] = ()


def trace(digits: str, ledger: Ledger, store: ObjectStore) -> Trace:
    """The origin of the registered bundle whose digest begins with `digits`. Raises: UnknownBundle."""
    entries = ledger.entries()
    registered = _registered(digits, entries)
    facts = registered.facts
    bundle, tree = facts.bundle or "", facts.tree or ""
    lost: list[str] = []
    manifest = _manifest(store, tree, lost)
    promotion = _last(entries, "promoted", bundle)
    request = _read(store, "request", promotion.facts.request, PromotionRequest, lost) if promotion else None
    approval = _read(store, "approval", promotion.facts.approval, Approval, lost) if promotion else None
    evaluated = _last(entries, "evaluated", bundle)
    champion = ledger.champion()
    return Trace(
        bundle=bundle,
        version=facts.version or "",
        cycle=registered.cycle,
        registered_at=registered.at,
        is_champion=champion is not None and champion.bundle == bundle,
        base=manifest.base if manifest else None,
        adapter=manifest.adapter if manifest else None,
        evolver_adapter=manifest.evolver_adapter if manifest else None,
        profile=manifest.profile if manifest else None,
        tree=tree,
        parents=_parents(manifest, entries, store),
        data=tuple(_name(store, sha256, lost) for sha256 in facts.data),
        settings=facts.settings,
        code_revision=facts.code_revision,
        code_sha256=facts.code_sha256,
        evaluation=evaluated.facts.evaluation if evaluated else None,
        verdict=request.decision.verdict if request else None,
        gain=request.decision.gain if request else None,
        approver=approval.approver if approval else None,
        comment=approval.comment if approval else None,
        approved_at=approval.signed_at if approval else None,
        promoted_at=tuple(e.at for e in entries if e.kind in ("promoted", "rolled_back") and e.facts.bundle == bundle),
        lost=tuple(lost),
    )


def _registered(digits: str, entries: list[LedgerEntry]) -> LedgerEntry:
    entries_of_bundle = [
        entry for entry in entries if entry.kind == "registered" and (entry.facts.bundle or "").startswith(digits)
    ]
    bundles = {entry.facts.bundle for entry in entries_of_bundle}
    if len(digits) < 4 or len(bundles) != 1:
        raise UnknownBundle(
            f"{digits!r} names {len(bundles)} of the registered bundles, expected one. Give at least four digits; "
            "`aoi status` shows the champion's"
        )
    return entries_of_bundle[-1]


def _last(entries: list[LedgerEntry], kind: str, bundle: str) -> LedgerEntry | None:
    return next((entry for entry in reversed(entries) if entry.kind == kind and entry.facts.bundle == bundle), None)


def _manifest(store: ObjectStore, tree: Sha256, lost: list[str]) -> BundleManifest | None:
    try:
        return read_bundle(store, tree)
    except AoiError as error:
        lost.append(str(error))
        return None


def _read(store: ObjectStore, kind: str, sha256: Sha256 | None, type_: type[T], lost: list[str]) -> T | None:
    if sha256 is None:
        return None
    try:
        return store.get(Ref(kind=kind, sha256=sha256, size_bytes=0), type_)
    except AoiError as error:
        lost.append(str(error))
        return None


def _name(store: ObjectStore, sha256: Sha256, lost: list[str]) -> str:
    refs = store.of_any_kind(sha256)
    if not refs:
        lost.append(f"the set {sha256[:12]} is not in the store")
        return sha256
    return refs[0].short


def _parents(manifest: BundleManifest | None, entries: list[LedgerEntry], store: ObjectStore) -> tuple[Sha256, ...]:
    parents: list[Sha256] = []
    while manifest is not None and manifest.parent and manifest.parent not in parents:
        parents.append(manifest.parent)
        known = _last(entries, "registered", manifest.parent)
        manifest = _manifest(store, known.facts.tree or "", []) if known else None
    return tuple(parents)
