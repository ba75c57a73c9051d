"""Bundles as stages see them: a reference to a stored folder, unpacked locally when somebody needs the files."""

import fcntl
from pathlib import Path

from aoi.records.base import Ref, Sha256
from aoi.records.promotion import Champion
from aoi.store.objects import Tree
from tasks.workspace import workspace


def unpack(ref: Ref[Tree]) -> Path:
    """Local folder of a stored folder, every file verified against its digest. Raises: CorruptObject."""
    ws = workspace()
    folder = ws.cache_folder / ref.kind / ref.sha256
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{ref.sha256}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            ws.store.get_folder(ref, folder)
            (folder / ".complete").touch()
    return folder


def tree_ref(kind: str, sha256: Sha256) -> Ref[Tree]:
    """The reference of a stored folder of which only the digest is known (from the ledger)."""
    return workspace().store.find(f"{kind}:{sha256}")


def champion_ref(champion: Champion) -> Ref[Tree]:
    """The champion's stored folder."""
    return tree_ref("bundle", champion.tree)
