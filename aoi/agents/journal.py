"""What was done to a cluster, in order, with how to undo it. An intent is written before its request is sent."""

from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from aoi.records.base import Record, Sha256

EntryState = Literal["intended", "done", "failed", "undone"]


class JournalEntry(Record):
    """One request that changed, or was to change, one object. The newest line of an index counts."""

    index: int
    action: str
    """`scale geo 1`; of an undo `undo 3`."""
    summary: str
    state: EntryState
    at: str
    """RFC 3339."""
    approver: str
    proposal: Sha256
    path: str
    """Of the object itself."""
    before: dict[str, JsonValue] | None = None
    """As it was; None if it was created."""
    after: dict[str, JsonValue] | None = None
    """As the server stored it; None if it was deleted, or nothing was stored."""
    allowed: tuple[str, ...] = ()
    """Fields that were allowed to change."""
    undoable: bool = True
    detail: str = ""


class Journal:
    """Append-only, in memory and, given a path, in a file of JSON lines that is read back at start.

    A file holds objects as the cluster has them, ConfigMap values too: it is made readable for its owner alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._entries: dict[int, JournalEntry] = {}
        if path is not None and path.exists():
            for line in path.read_bytes().splitlines():
                self._keep(JournalEntry.from_bytes(line))

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """Every entry in its present state, oldest first."""
        return tuple(self._entries[index] for index in sorted(self._entries))

    def append(self, entry: JournalEntry) -> JournalEntry:
        """Write an entry, or a new state of one."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            with self._path.open("ab") as file:
                file.write(entry.to_bytes() + b"\n")
                file.flush()
        self._keep(entry)
        return entry

    def next_index(self) -> int:
        """Index of the next entry."""
        return max(self._entries, default=-1) + 1

    def newest_done(self) -> JournalEntry | None:
        """What an undo would take back: the newest change that stands, can be undone and is not itself an undo."""
        for entry in reversed(self.entries):
            if entry.state == "done" and entry.undoable and not entry.action.startswith("undo "):
                return entry
        return None

    def _keep(self, entry: JournalEntry) -> None:
        self._entries[entry.index] = entry
