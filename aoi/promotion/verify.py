"""Whether the records of the loop are whole: chain, bundles, evidence, and the registry's view of them.

`aoi verify` shows the findings. Nothing is repaired here; `reconcile` repairs the alias, a backup the rest.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from aoi.errors import ApprovalRefused, CorruptObject, Permanent, PurgedObject
from aoi.promotion.ledger import Ledger
from aoi.records.base import Record, Ref, Sha256
from aoi.records.evaluation import EvaluationResult
from aoi.records.learning import BASES, BundleManifest, StoredBase
from aoi.records.promotion import Approval, Champion, LedgerEntry, PromotionRequest
from aoi.store.objects import ObjectStore, Tree, TreeFile

if TYPE_CHECKING:
    from aoi.promotion.signing import Approvers

MANIFEST = "manifest.json"


class Finding(Record):
    """One thing that was checked."""

    what: str
    ok: bool
    detail: str


class Projection(Record):
    """What the model registry says: the ledger decides, the registry follows."""

    champion: str | None
    """Version that the alias names."""
    bundles: dict[str, str]
    """Version -> bundle digest."""


def verify(
    ledger: Ledger, store: ObjectStore, projection: Projection | None, *, everything: bool = False
) -> tuple[Finding, ...]:
    """Check what the ledger stands on. `everything` also reads each object of the store, related or not.

    Pass None for `projection` where the registry does not answer: that is a finding too. A store or database that does
    not answer is none. Raises: StoreUnavailable, DatabaseUnavailable.
    """
    try:
        count = ledger.verify()
        entries = ledger.entries()
        champion = ledger.champion()
    except Permanent as error:
        return (Finding(what="ledger", ok=False, detail=str(error)),)
    findings = [Finding(what="ledger", ok=True, detail=f"{count} entries, each follows the one before")]
    findings += _bundles(entries, store)
    findings += _evidence(entries, store, ledger.approvers)
    findings += _registry(entries, champion, projection)
    if everything:
        findings.append(_objects(store))
    return tuple(findings)


def read_bundle(store: ObjectStore, tree: Sha256) -> BundleManifest:
    """The manifest of a stored bundle, after every file of it was compared with both of its lists.

    Raises: CorruptObject naming the file.
    """
    ref: Ref[Tree] = Ref(kind="bundle", sha256=tree, size_bytes=0)
    stored = store.verify_folder(ref)
    if MANIFEST not in stored.files:
        raise CorruptObject(f"{ref.short} has no {MANIFEST}: it is no bundle. Restore it from the backup")
    file: TreeFile = stored.files[MANIFEST]
    try:
        manifest = BundleManifest.from_bytes(
            store.get(Ref(kind="file", sha256=file.sha256, size_bytes=file.size_bytes))
        )
    except ValidationError:
        raise CorruptObject(f"{ref.short}: {MANIFEST} is no manifest. Restore it from the backup") from None
    digests = {name: kept.sha256 for name, kept in stored.files.items() if name != MANIFEST}
    wrong = sorted(name for name in {*digests, *manifest.files} if digests.get(name) != manifest.files.get(name))
    if wrong:
        raise CorruptObject(
            f"{ref.short}: {wrong[0]} is not the file that its manifest names. Restore it from the backup"
        )
    return manifest


def _bundles(entries: Sequence[LedgerEntry], store: ObjectStore) -> Iterator[Finding]:
    bases: set[Sha256] = set()
    for entry in entries:
        if entry.kind != "registered":
            continue
        facts = entry.facts
        what = f"bundle {(facts.bundle or '')[:12]}"
        try:
            manifest = read_bundle(store, facts.tree or "")
        except Permanent as error:
            yield Finding(what=what, ok=False, detail=str(error))
            continue
        if manifest.digest() != facts.bundle:
            detail = f"expected bundle {facts.bundle}, its stored manifest is {manifest.digest()}. Restore the store"
            yield Finding(what=what, ok=False, detail=detail)
        else:
            detail = f"version {facts.version}, cycle {entry.cycle}: {len(manifest.files)} files match their digests"
            yield Finding(what=what, ok=True, detail=detail)
        if manifest.base not in bases:
            bases.add(manifest.base)
            yield _base(store, manifest)
        yield from _lineage(store, entry, manifest)


def _base(store: ObjectStore, manifest: BundleManifest) -> Finding:
    """The base model that a bundle stands on."""
    what = f"base {manifest.base[:12]}"
    known = store.marked(BASES, manifest.base, StoredBase)
    if known is None:
        return Finding(what=what, ok=False, detail="the store does not know where it lies. Restore its marks/bases")
    try:
        tree = store.verify_folder(Ref(kind="base", sha256=known.tree, size_bytes=0))
    except Permanent as error:
        return Finding(what=what, ok=False, detail=str(error))
    return Finding(what=what, ok=True, detail=f"{len(tree.files)} files match their digests")


def _lineage(store: ObjectStore, entry: LedgerEntry, manifest: BundleManifest) -> Iterator[Finding]:
    """The data and the settings that a version was made from; the first champion's data is its base."""
    lost = [sha for sha in entry.facts.data if sha != manifest.base and not _is_there(store, sha)]
    settings = entry.facts.settings
    if settings and not store.has(Ref(kind="settings", sha256=settings, size_bytes=0)):
        lost.append(settings)
    for sha256 in lost:
        detail = f"version {entry.facts.version} was made from it, and it is lost. Restore the store from its backup"
        yield Finding(what=f"lineage {sha256[:12]}", ok=False, detail=detail)


def _is_there(store: ObjectStore, sha256: Sha256) -> bool:
    """Whether it is stored, or was purged, which somebody answers for and no backup should undo."""
    return bool(store.of_any_kind(sha256) or store.was_purged(sha256))


def _evidence(entries: Sequence[LedgerEntry], store: ObjectStore, approvers: "Approvers | None") -> Iterator[Finding]:
    """The requests with the evaluations behind them, and the approvals behind promotions."""
    for entry in entries:
        facts = entry.facts
        if entry.kind == "requested" and facts.evaluation and facts.request:
            yield _stored(store, "evaluation", facts.evaluation, EvaluationResult)
            yield _stored(store, "request", facts.request, PromotionRequest)
        elif entry.kind == "promoted" and facts.approval:
            yield _approval(store, facts.approval, approvers)


def _approval(store: ObjectStore, sha256: Sha256, approvers: "Approvers | None") -> Finding:
    """Whether it is stored, and whose signature is under it. Keys come and go, and machines without a file of signers
    ask for none: whose it is is told for a person to judge, and only a signature of something else is a fault."""
    found = _stored(store, "approval", sha256, Approval)
    if not found.ok or store.was_purged(sha256):
        return found
    given = store.get(Ref(kind="approval", sha256=sha256, size_bytes=0), Approval)
    from aoi.promotion.signing import whose

    try:
        signed = whose(given, approvers)
    except ApprovalRefused as error:
        return found.model_copy(update={"ok": False, "detail": str(error)})
    return found.model_copy(update={"detail": f"{found.detail}; {signed}"})


def _stored(store: ObjectStore, kind: str, sha256: Sha256, type_: type[Record] | None = None) -> Finding:
    what = f"{kind} {sha256[:12]}"
    try:
        ref: Ref[Any] = Ref(kind=kind, sha256=sha256, size_bytes=0)
        if type_ is None:
            store.get(ref)
        else:
            store.get(ref, type_)
    except PurgedObject as gone:
        return Finding(what=what, ok=True, detail=str(gone))
    except Permanent as error:
        return Finding(what=what, ok=False, detail=str(error))
    return Finding(what=what, ok=True, detail="stored, matches its digest")


def _registry(
    entries: Sequence[LedgerEntry], champion: Champion | None, projection: Projection | None
) -> Iterator[Finding]:
    if projection is None:
        detail = "the model registry does not answer. Start it or set AOI_MLFLOW_URI; the ledger is not affected"
        yield Finding(what="registry", ok=False, detail=detail)
        return
    for entry in entries:
        version, expected = entry.facts.version or "", entry.facts.bundle
        bundle = projection.bundles.get(version)
        if entry.kind == "registered" and bundle != expected:
            detail = (
                f"expected bundle {(expected or '')[:12]}, found {(bundle or 'no such version')[:20]}. Restore MLflow"
            )
            yield Finding(what=f"version {version}", ok=False, detail=detail)
    expected_alias = champion.version if champion else None
    ok = projection.champion == expected_alias
    detail = (
        f"names version {projection.champion}"
        if ok
        else (
            f"names version {projection.champion}, but the ledger's champion is version {expected_alias}. The next "
            "promotion or rollback repairs it, or now: aoi reconcile"
        )
    )
    yield Finding(what="alias champion", ok=ok, detail=detail)


def _objects(store: ObjectStore) -> Finding:
    count = 0
    damaged: list[str] = []
    for ref in store:
        count += 1
        if not store.has(ref):
            damaged.append(ref.short)
    if damaged:
        return Finding(
            what="store", ok=False, detail=f"{len(damaged)} of {count} objects are damaged, first {damaged[0]}"
        )
    return Finding(what="store", ok=True, detail=f"{count} objects match their digests")
