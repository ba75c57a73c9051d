"""A copy of a SQLite database as it was at one moment, whoever writes meanwhile: by SQLite's own backup.

Copying its file would miss what still stands in the log beside it, or tear a change in two.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from aoi.errors import Permanent
from aoi.records.base import Sha256
from aoi.store.files import copied


def copy_sqlite(source: Path, target: Path) -> Sha256:
    """Make `target`, one file for its owner alone. Returns its digest. Raises: Permanent for a damaged source."""
    target.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True, timeout=60.0)) as there,
            closing(sqlite3.connect(target)) as here,
        ):
            there.backup(here)
            here.execute("PRAGMA journal_mode = DELETE")  # one file: nothing of it lies in a log beside it
    except sqlite3.Error as error:
        raise Permanent(
            f"{source} cannot be copied to {target}: {error}. Look whether it is whole (`aoi verify`), and whether "
            "there is room"
        ) from error
    return file_digest(target)


def file_digest(path: Path) -> Sha256:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return copied(file)
