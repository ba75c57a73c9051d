"""Bundles as stages see them: a reference to a stored folder, unpacked locally when somebody needs the files."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from aoi.errors import CorruptObject, UnknownBundle
from aoi.records.base import Ref, Sha256
from aoi.records.learning import BASES, StoredBase
from aoi.records.promotion import Champion
from aoi.store.files import make_folder, replace_file
from aoi.store.objects import Tree
from tasks.workspace import workspace

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.policies.of_bundle import Serving


def open_champion(champion: Champion) -> "Bundle":
    """The champion to answer with, as `open_bundle`. What this machine has unpacked needs no store."""
    return open_bundle(Ref(kind="bundle", sha256=champion.tree, size_bytes=0))


def open_bundle(ref: Ref[Tree]) -> "Bundle":
    """The bundle of a stored folder, on its base, every digest checked. Raises: CorruptObject, UnknownBundle."""
    from models.bundle import load

    try:
        return load(unpack(ref), base_of(ref))
    except CorruptObject:  # local copies can be made again; the store's own damage is told by the second try
        for folder in (unpack(ref), base_of(ref)):
            shutil.rmtree(folder)
        return load(unpack(ref), base_of(ref))


def serving() -> "Serving":
    """How this installation serves bundles: the same for every stage and command."""
    from models.policies.of_bundle import Serving

    return Serving.of(workspace().settings)


def base_of(ref: Ref[Tree]) -> Path:
    """Local folder of the base model that a stored bundle stands on. Raises: UnknownBundle."""
    from models.bundle import read_manifest

    return base_folder(read_manifest(unpack(ref)).base)


def base_folder(weights: Sha256) -> Path:
    """Local folder of a stored base model. Raises: UnknownBundle if it was never stored here.

    Which folder it is stands beside the unpacked ones, too: whoever answers from them does not ask the store.
    """
    ws = workspace()
    note = ws.cache_folder / BASES / f"{weights}.json"
    stored = _noted(note)
    if stored is None or not (ws.cache_folder / "base" / stored.tree).exists():
        stored = ws.store.marked(BASES, weights, StoredBase)
        if stored is None:
            raise UnknownBundle(
                f"base model {weights[:12]} is not in the store. Restore it from its backup: aoi verify"
            )
        make_folder(note.parent)
        replace_file(note, stored.to_bytes())
    return unpack(Ref(kind="base", sha256=stored.tree, size_bytes=0))


def keep_base(weights: Sha256, tree: Ref[Tree]) -> Path:
    """Remember where a base model was stored. Returns its local folder."""
    ws = workspace()
    ws.store.mark(BASES, weights, StoredBase(weights=weights, tree=tree.sha256))
    (ws.cache_folder / BASES / f"{weights}.json").unlink(missing_ok=True)
    return base_folder(weights)


def _noted(note: Path) -> StoredBase | None:
    try:
        return StoredBase.from_bytes(note.read_bytes())
    except (OSError, ValidationError):
        return None


def unpack(ref: Ref[Tree]) -> Path:
    """Local folder of a stored folder, written whole or not at all. Raises: CorruptObject.

    Without a lock: the cache may be shared by machines. Two that unpack at once write the same, and one draft is left.
    """
    ws = workspace()
    folder = ws.cache_folder / ref.kind / ref.sha256
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        ws.store.get_folder(ref, draft)
        draft.chmod(0o755)  # a model server reads it as another user; mkdtemp makes folders private
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # renaming onto a folder that is not empty fails: the other one was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def tree_ref(kind: str, sha256: Sha256) -> Ref[Tree]:
    """The reference of a stored folder of which only the digest is known (from the ledger)."""
    return workspace().store.find(f"{kind}:{sha256}")


def champion_ref(champion: Champion) -> Ref[Tree]:
    """The champion's stored folder."""
    return tree_ref("bundle", champion.tree)


def present_champion() -> Champion:
    """Who answers now. Raises: UnknownBundle before the first one was installed."""
    champion = workspace().ledger.champion()
    if champion is None:
        raise UnknownBundle("there is no champion yet. Make one: aoi retrain")
    return champion


def seed_bundle() -> "Bundle":
    """The base without any adapter, as the first champion was. Raises: UnknownBundle before it was installed."""
    former = workspace().ledger.former_champions()
    return open_bundle(champion_ref(former[-1] if former else present_champion()))
