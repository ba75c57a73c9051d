"""One table of the store: objects by (namespace, name), and their order in runs that tables share.

Inserting into one long sorted tuple, or sorting on each list, makes n objects cost more than n. Here the order is
kept in runs of neighbours: a write replaces one run, and what a list needs of a run (its objects, their JSON) is
computed once and shared by every table, snapshot and world that still has that run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

import orjson

Obj = dict[str, Any]
"""A Kubernetes object as JSON. Immutable by convention after commit."""
Name = tuple[str, str]
"""(namespace, name); namespace is empty for cluster-scoped objects."""

RUN_LIMIT = 128
"""Names in a run before it is split: about the square root of the largest tables, where a write costs least."""


class Run:
    """Neighbours of one namespace. A run stands for particular objects: a change of one makes a new run."""

    __slots__ = ("_json", "_objects", "names")

    def __init__(self, names: tuple[Name, ...]) -> None:
        self.names = names
        self._objects: tuple[Obj, ...] | None = None
        self._json: bytes | None = None

    def objects(self, by_name: dict[Name, Obj]) -> tuple[Obj, ...]:
        """Its objects, which are the same in every table that has the run."""
        if self._objects is None:
            self._objects = tuple([by_name[name] for name in self.names])
        return self._objects

    def json(self, by_name: dict[Name, Obj]) -> bytes:
        """Its objects as JSON, separated by commas; nothing if one does not say its kind, which a list must add."""
        if self._json is None:
            objects = self.objects(by_name)
            is_complete = all("kind" in obj and "apiVersion" in obj for obj in objects)
            self._json = orjson.dumps(objects)[1:-1] if is_complete else b""
        return self._json


class Table:
    """Whoever holds a table that a snapshot shares copies it before writing; the store sees to that."""

    __slots__ = ("_runs", "_starts", "by_name")

    def __init__(self, by_name: dict[Name, Obj] | None = None) -> None:
        self.by_name = by_name or {}
        self._runs: list[Run] = []
        self._starts: list[Name] = []
        """First name of each run, to search by."""
        for name in sorted(self.by_name):
            self._order(name)

    def copy(self) -> "Table":
        """One that may be written to; objects and runs are shared."""
        twin = Table()
        twin.by_name, twin._runs, twin._starts = self.by_name.copy(), self._runs.copy(), self._starts.copy()
        return twin

    def add(self, name: Name, obj: Obj) -> None:
        """A name that is new."""
        self.by_name[name] = obj
        self._order(name)

    def replace(self, name: Name, obj: Obj) -> None:
        """Another object under a name that is there."""
        self.by_name[name] = obj
        at = bisect_right(self._starts, name) - 1
        self._runs[at] = Run(self._runs[at].names)

    def remove(self, name: Name) -> Obj:
        """Take an object out. Runs are not merged: there are never more of them than objects. Raises: KeyError."""
        removed = self.by_name.pop(name)
        at = bisect_right(self._starts, name) - 1
        names = self._runs[at].names
        within = bisect_left(names, name)
        self._put(at, at + 1, names[:within] + names[within + 1 :])
        return removed

    def objects(self, namespace: str | None = None) -> list[Obj]:
        """In (namespace, name) order; `None` means all namespaces."""
        objects: list[Obj] = []
        for run in self._runs_of(namespace):
            objects += run.objects(self.by_name)
        return objects

    def json(self, namespace: str | None = None) -> list[bytes] | None:
        """The same as JSON: pieces that commas separate. None if an object does not say its kind."""
        pieces = [run.json(self.by_name) for run in self._runs_of(namespace)]
        return pieces if all(pieces) else None

    def _runs_of(self, namespace: str | None) -> Iterator[Run]:
        if namespace is None:
            yield from self._runs
            return
        for at in range(bisect_left(self._starts, (namespace, "")), len(self._runs)):
            # A run never spans namespaces, so that one can be listed from its runs alone.
            if self._starts[at][0] != namespace:
                return
            yield self._runs[at]

    def _order(self, name: Name) -> None:
        """Put a new name into the run where it belongs: the one that starts before it, or the next."""
        at = bisect_right(self._starts, name) - 1
        for candidate in (at, at + 1):
            if 0 <= candidate < len(self._runs) and self._starts[candidate][0] == name[0]:
                names = self._runs[candidate].names
                within = bisect_left(names, name)
                self._put(candidate, candidate + 1, (*names[:within], name, *names[within:]))
                return
        self._put(at + 1, at + 1, (name,))

    def _put(self, start: int, end: int, names: tuple[Name, ...]) -> None:
        """Replace runs `start` to `end` by one of `names`, by two if it is too long, by none if it is empty."""
        # Halved when too long, like a leaf of a B-tree: the next split of either half is far away.
        half = len(names) // 2 if len(names) > RUN_LIMIT else len(names)
        parts = [part for part in (names[:half], names[half:]) if part]
        self._runs[start:end] = [Run(part) for part in parts]
        self._starts[start:end] = [part[0] for part in parts]
