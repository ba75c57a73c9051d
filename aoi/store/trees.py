"""Stored folders: what lists their files, and the names that files may have."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from aoi.errors import CorruptObject
from aoi.records.base import Record, Ref, Sha256
from aoi.store.files import not_writable

_MAX_NAME = 240


class TreeFile(Record):
    """One file of a stored folder."""

    sha256: Sha256 = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)

    @property
    def ref(self) -> Ref[Any]:
        """Where its bytes lie."""
        return Ref(kind="file", sha256=self.sha256, size_bytes=self.size_bytes)


class Tree(Record):
    """A stored folder: relative POSIX path -> file. Its digest is the digest of the folder."""

    files: dict[str, TreeFile]


def checked_relative(name: str) -> str:
    """`name` if it is a plain relative POSIX path that stays inside its folder. Raises: CorruptObject."""
    parts = name.split("/")
    is_plain = all(part not in ("", ".", "..") for part in parts) and not re.match(r"[A-Za-z]:", name)
    if not is_plain or "\\" in name or len(name) > _MAX_NAME or not name.isprintable():
        raise CorruptObject(f"{name!r} is no file name inside a folder: it is refused before anything is written")
    return name


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A folder beside another one, for as long as the block runs. Raises: StoreNotWritable."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
