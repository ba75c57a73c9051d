"""A home that was copied or restored elsewhere: the embedded MLflow is told where its artifacts lie now.

MLflow keeps an absolute address for each experiment, run, model and version. Left as they are, a copied home would go
on to write into the one that it was copied from. `models.registry` asks before it uses them.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


def follow(uri: str, experiment: str, artifacts: Path) -> bool:
    """Let every address that begins where the experiment's artifacts were begin with `artifacts`. Returns whether any
    had to be changed. Raises: sqlite3.Error."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"), timeout=60.0)) as connection, connection:
        found = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
        former, present = (str(found[0]) if found else ""), artifacts.as_uri()
        if not former or former == present:
            return False
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (present, len(former) + 1, former, len(former) + 1, f"{former}/"),
            )
        return True
