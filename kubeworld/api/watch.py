"""Watches: pull-style, so that nothing runs in the background. The front polls and streams what it gets."""

from collections.abc import Callable
from typing import Any

import orjson

from kubeworld.api.options import number
from kubeworld.api.reads import selected
from kubeworld.api.results import Call
from kubeworld.api.selectors import matcher
from kubeworld.kinds.errors import ApiError, expired
from kubeworld.kinds.table import row_of, wants_table
from kubeworld.kinds.versions import shown
from kubeworld.machine.integers import natural
from kubeworld.machine.store import Change, Obj
from kubeworld.machine.world import World

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Watch:
    """One open watch. `poll` returns the events since the last poll, each as one line of JSON."""

    def __init__(self, world: World, call: Call) -> None:
        """Opens at the requested resourceVersion; without one, with what exists now. Raises: ApiError 400."""
        self.is_open = True
        self.timeout_s = number(call.query, "timeoutSeconds")
        """0 means as long as the client stays."""
        self._world = world
        self._call = call
        self._kind = call.kind
        self._matches: Callable[[Obj], bool] | None = matcher(
            call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""), call.kind
        )
        self._is_table = wants_table(call.headers.get("accept", ""))
        self._sent_columns = False
        self._log = world.store.log  # a restore replaces it: the history that this watch follows is gone
        self._pending: list[bytes] = []
        self._revision = self._start()
        self._bookmarked = self._revision

    def poll(self, *, bookmark: bool = False) -> list[bytes]:
        """Events since the last poll; `bookmark` adds one if the client allows it and the world has moved."""
        events = list(self._pending)
        self._pending.clear()
        store = self._world.store
        # After a restore the same revision names another history: the client has to list again.
        if self.is_open and (store.log is not self._log or store.revision < self._revision):
            return [*events, self._gone()]
        if self.is_open and store.revision > self._revision:
            changes = store.changes_since(self._revision)
            if changes is None:
                return [*events, self._gone()]
            self._revision = store.revision
            events += [line for change in changes if (line := self._event(change)) is not None]
        if bookmark and self.is_open and self._revision > self._bookmarked and self._call.flag("allowWatchBookmarks"):
            events.append(self._bookmark({}))
        return events

    def _start(self) -> int:
        query, store = self._call.query, self._world.store
        text = query.get("resourceVersion", "")
        wants_all = query.get("sendInitialEvents") == "true"
        # No version, or 0, means any: synthetic ADDED events of what there is come first.
        if text in ("", "0") or wants_all:
            if query.get("sendInitialEvents") != "false":
                self._pending = [self._line("ADDED", obj) for obj in selected(self._world, self._call)]
            if wants_all and self._call.flag("allowWatchBookmarks"):
                self._revision = store.revision
                self._pending.append(self._bookmark({INITIAL_EVENTS_END: "true"}))
            return store.revision
        revision = natural(text)
        if revision is None or revision > store.revision or store.changes_since(revision) is None:
            self._revision = store.revision
            self._pending = [self._gone(-1 if revision is None else revision)]
            return store.revision
        return revision

    def _event(self, change: Change) -> bytes | None:
        if change.resource != self._kind.table or not self._in_scope(change.obj):
            return None
        # To the watcher an object that begins to match appears, and one that ceases to match is gone.
        now = change.verb != "DELETED" and self._selects(change.obj)
        before = change.previous is not None and self._selects(change.previous)
        if now:
            return self._line("MODIFIED" if before else "ADDED", change.obj)
        return self._line("DELETED", change.obj) if before else None

    def _in_scope(self, obj: Obj) -> bool:
        meta = obj["metadata"]
        if self._call.name and meta["name"] != self._call.name:
            return False
        namespace = self._call.namespace if self._kind.namespaced else ""
        return not namespace or meta.get("namespace") == namespace

    def _selects(self, obj: Obj) -> bool:
        if self._matches is None:
            return True
        return self._matches(shown(self._kind, obj) if self._kind.conversion else obj)

    def _line(self, event: str, obj: Obj) -> bytes:
        try:
            payload: Any = shown(self._kind, obj)
        except ApiError as error:  # it cannot be had in this version
            self.is_open = False
            return orjson.dumps({"type": "ERROR", "object": error.status()}) + b"\n"
        if self._is_table:
            payload = self._table(obj)
        return orjson.dumps({"type": event, "object": payload}) + b"\n"

    def _table(self, obj: Obj) -> dict[str, Any]:
        """One row; the columns come with the first event only."""
        clock = self._world.clock
        include = self._call.query.get("includeObject", "Metadata")
        definitions = None if self._sent_columns else self._kind.printer.columns
        self._sent_columns = True
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": obj["metadata"]["resourceVersion"]},
            "columnDefinitions": definitions,
            "rows": [row_of(self._kind, obj, clock.epoch_ms + clock.now_ms, include)],
        }

    def _bookmark(self, annotations: dict[str, str]) -> bytes:
        self._bookmarked = self._revision
        meta: dict[str, Any] = {"resourceVersion": str(self._revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        obj: dict[str, Any] = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": meta}
        if self._is_table:
            row = {"cells": [""] * len(self._kind.printer.columns), "object": obj}
            head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
            obj = {**head, "columnDefinitions": None, "rows": [row]}
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _gone(self, revision: int | None = None) -> bytes:
        """The last event: the client must list again."""
        self.is_open = False
        at = self._revision if revision is None else revision
        status = expired(f"too old resource version: {at} ({self._world.store.revision})").status()
        return orjson.dumps({"type": "ERROR", "object": status}) + b"\n"
