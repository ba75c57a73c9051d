"""What was done to a cluster, in order, with how to undo it. An intent is on disk before its request is sent."""

import os
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from aoi.errors import CorruptObject, StoreNotWritable
from aoi.records.action import WriteStatus
from aoi.records.base import Record, Sha256

EntryState = Literal["intended", "done", "failed", "undone"]
"""`intended`: on its way, or nobody could read yet what came of it. `done`: something of it stands. `failed`: nothing
of it stands, or nobody will ever know (a command, an object that is gone). `undone`: taken back, and read so."""


class JournalEntry(Record):
    """One request that changed, or was to change, one object. The newest line of an index counts.

    Version 2 brought `approved`, `status` and `verb`; lines of version 1 are read as they are.
    """

    schema_version: Literal[1, 2] = 2
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
    approved: dict[str, JsonValue] | None = None
    """As the dry run showed it: what somebody said yes to. None if it was deleted."""
    after: dict[str, JsonValue] | None = None
    """As it was read back; None if it is gone, or nothing was stored."""
    status: WriteStatus | None = None
    """None while nobody has read back what came of it."""
    allowed: tuple[str, ...] = ()
    """Fields that were allowed to change."""
    undoable: bool = True
    detail: str = ""
    verb: Literal["", "create", "patch", "delete", "exec"] = ""
    """Empty in lines of version 1."""

    @property
    def kind(self) -> Literal["create", "patch", "delete", "exec"]:
        """What was sent; of a line of version 1, by what else it holds."""
        if self.verb:
            return self.verb
        if self.before is None:
            return "create" if self.allowed else "exec"
        return "delete" if not self.undoable and self.allowed == ("/**",) else "patch"


class Journal:
    """Append-only, in memory and, given a path, in a file of JSON lines that is read back at start.

    A file holds objects as the cluster has them, ConfigMap values too: it is readable for its owner alone. What a
    crash left half written at its end is moved to `FILE.broken`, and told by `take_notes`.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raises: CorruptObject if a line before the last is broken; StoreNotWritable."""
        self._path = path
        self._entries: dict[int, JournalEntry] = {}
        self._size = 0
        """Bytes of the file that are known to be whole lines."""
        self._notes: list[str] = []
        if path is None:
            return
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unwritable(path, error) from error
        self._read(path, data)

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """Every entry in its present state, oldest first."""
        return tuple(self._entries[index] for index in sorted(self._entries))

    def append(self, entry: JournalEntry) -> JournalEntry:
        """Write an entry, or a new state of one: on disk, folder entry included, when this returns.

        Raises: StoreNotWritable; nothing of the entry is kept then.
        """
        if self._path is not None:
            self._size += self._append(self._path, entry.to_bytes() + b"\n")
        self._keep(entry)
        return entry

    def close(self, entry: JournalEntry) -> JournalEntry:
        """Write what came of an intent. Where the disk refuses it, it is known in this process alone: the intent on
        disk is read back at the next start."""
        try:
            return self.append(entry)
        except StoreNotWritable as error:
            self._notes.append(f"entry {entry.index} could not be closed: {error}")
            self._keep(entry)
            return entry

    def next_index(self) -> int:
        """Index of the next entry."""
        return max(self._entries, default=-1) + 1

    def open_entries(self) -> tuple[JournalEntry, ...]:
        """Intents of which nobody has read back what came of them."""
        return tuple(entry for entry in self.entries if entry.state == "intended")

    def newest_done(self) -> JournalEntry | None:
        """What an undo would take back."""
        return next(iter(self.standing()), None)

    def standing(self) -> tuple[JournalEntry, ...]:
        """Changes that stand, can be undone and are not themselves an undo, the newest first."""
        return tuple(
            entry
            for entry in reversed(self.entries)
            if entry.state == "done" and entry.undoable and not entry.action.startswith("undo ")
        )

    def take_notes(self) -> tuple[str, ...]:
        """What somebody should hear about the file, and has not heard yet."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def _keep(self, entry: JournalEntry) -> None:
        self._entries[entry.index] = entry

    def _read(self, path: Path, data: bytes) -> None:
        lines = data.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            entry = _entry(line)
            if entry is not None and line.endswith(b"\n"):
                self._keep(entry)
                self._size += len(line)
            elif number == len(lines):
                self._set_aside(path, line)
            else:
                raise CorruptObject(
                    f"{path}: line {number} of {len(lines)} is no journal entry. Nothing is changed while what was "
                    "done is unreadable: repair that line, or move the file away and undo by hand"
                )

    def _set_aside(self, path: Path, tail: bytes) -> None:
        """Take what a crash left half written off the end. Its request was never sent: the entry comes first."""
        aside = path.with_name(f"{path.name}.broken")
        try:
            _write(aside, tail if tail.endswith(b"\n") else tail + b"\n")
            with path.open("r+b") as file:
                file.truncate(self._size)
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from error
        self._notes.append(f"{path}: its last line was half written ({len(tail)} bytes); it was moved to {aside.name}")

    def _append(self, path: Path, line: bytes) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            present = path.stat().st_size if path.exists() else 0
            if present != self._size:
                raise StoreNotWritable(
                    f"journal {path}: somebody else wrote to it ({present} bytes, expected {self._size}). One Executor "
                    "at a time: end the other one and start anew"
                )
            _write(path, line)
        except OSError as error:
            raise _unwritable(path, error) from error
        return len(line)


def _entry(line: bytes) -> JournalEntry | None:
    try:
        return JournalEntry.from_bytes(line)
    except ValidationError:
        return None


def _unwritable(path: Path, error: OSError) -> StoreNotWritable:
    return StoreNotWritable(
        f"journal {path}: {error.strerror or error}. Nothing is changed without its entry on disk: free some space, or "
        "name a file that can be written"
    )


def _write(path: Path, data: bytes) -> None:
    """Append, and return when the disk has it. What did not fit is taken off again. Raises: OSError."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
        size = os.fstat(file).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
