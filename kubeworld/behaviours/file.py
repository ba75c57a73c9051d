"""A file of behaviours that takes effect whenever it changes."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kubeworld.behaviours.apply import apply
from kubeworld.behaviours.entries import Behaviours
from kubeworld.behaviours.parse import BadBehaviours, read
from kubeworld.machine.world import World

Stamp = tuple[int, int, int] | None


class BehavioursFile:
    """Keeps worlds behaving as a file says. Only the thread that serves the worlds may call it."""

    def __init__(self, path: Path, worlds: Sequence[World], report: Callable[[str], None]) -> None:
        """`report` is told what came of every change. Raises: BadBehaviours, OSError."""
        self._path, self._worlds, self._report = path, worlds, report
        self._read = self._seen = self._stamp()
        self._apply(read(path))

    def look(self) -> None:
        """Read the file again if it has changed and whoever writes it has paused. A bad one changes nothing."""
        stamp = self._stamp()
        # An editor empties a file before it fills it: what changes between two looks is not finished.
        is_settled, self._seen = stamp == self._seen, stamp
        if not is_settled or stamp == self._read:
            return
        self._read = stamp
        try:
            behaviours = read(self._path)
        except (BadBehaviours, OSError) as error:
            self._report(f"{reason(error)}\nThe behaviours stay as they were.")
            return
        self._apply(behaviours)
        self._report(f"{self._path}: read again, {describe(behaviours)}")

    def _apply(self, behaviours: Behaviours) -> None:
        for world in self._worlds:
            apply(world, behaviours)

    def _stamp(self) -> Stamp:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def describe(behaviours: Behaviours) -> str:
    """How many entries there are."""
    return f"{behaviours.count} {'entry' if behaviours.count == 1 else 'entries'}"


def reason(error: BadBehaviours | OSError) -> str:
    """Why behaviours cannot be had, for people."""
    if isinstance(error, OSError):
        return f"{error.filename}: cannot be read: {error.strerror}"
    return str(error)
