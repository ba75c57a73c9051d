"""The Executor's hands: one typed action in, one result out. It alone holds a `Transport`.

Render, dry run, diff check, approval, pinned write, verification by reading, journal with undo. Agents name an
action, a component and at most one value; they never write a patch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import orjson

from aoi.access.redaction import redact_text
from aoi.access.transport import ReadRequest, ReadTransport, Transport
from aoi.agents.actions.base import Action
from aoi.agents.actions.catalogue import make
from aoi.agents.actions.change import Change, FailureClass, Obj, Refused, patch_change, value_at
from aoi.agents.actions.view import View
from aoi.agents.approval import Approver, Clock
from aoi.agents.gate import Gate, is_stale, restored
from aoi.agents.journal import Journal, JournalEntry
from aoi.errors import CommandRefused

VERIFY_MS = 120_000
"""How long an action may take to show: a rollout with a slow start."""
VERIFY_STEP_MS = 5_000


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What one action came to."""

    status: Literal["ok", "refused", "failed"]
    """`ok`: written and seen to work. `refused`: nothing was written. `failed`: the cluster said no, or it was
    written and did not help; it then stands until it is undone."""
    text: str
    failure_class: FailureClass | None = None
    entries: tuple[int, ...] = ()
    """Indices of its journal entries."""


class Executor:
    """Carries out typed actions in one namespace, one at a time."""

    def __init__(
        self,
        transport: Transport,
        approver: Approver,
        journal: Journal,
        namespace: str,
        *,
        recorded: ReadTransport | None = None,
        clock: Clock = lambda: datetime.now(UTC),
        wait: Callable[[int], None] = lambda ms: time.sleep(ms / 1000),
        verify_ms: int = VERIFY_MS,
    ) -> None:
        """`recorded` is an earlier capture, for `set_config`. `wait` lets milliseconds of `clock` pass.

        Raises: ApprovalRefused if the approver may not decide about this transport.
        """
        self._clock, self._wait = clock, wait
        self._transport = transport
        self._journal = journal
        self._view = View(transport, namespace, recorded)
        self._gate = Gate(transport, approver, journal, self._clock)
        self._verify_ms = verify_ms

    def perform(self, name: str, component: str, value: str | None = None) -> ActionResult:
        """Carry out one action. Raises: ClusterUnavailable; every other failure is a result."""
        text = " ".join(part for part in (name, component, value) if part)
        try:
            action = make(name, component, value, lambda: self._clock().strftime("%Y-%m-%dT%H:%M:%SZ"))
            changes = action.render(self._view)
        except Refused as refused:
            return ActionResult("refused", redact_text(str(refused)), refused.failure_class)
        except CommandRefused as refused:  # a component whose name no path may hold
            return ActionResult("refused", redact_text(str(refused)), "syntax")
        done: list[JournalEntry] = []
        try:
            self._apply(action, changes, text, done)
        except Refused as refused:
            status: Literal["refused", "failed"] = (
                "failed" if done or refused.failure_class == "resource" else "refused"
            )
            return self._result(status, str(refused), refused.failure_class, done)
        problem = self._verify(action)
        summary = "; ".join(entry.summary for entry in done)
        if problem is not None:
            seconds = self._verify_ms // 1000
            return self._result("failed", f"{summary}: without effect after {seconds} s: {problem}", "method", done)
        return self._result("ok", f"{summary}: verified", None, done)

    def _apply(self, action: Action, changes: tuple[Change, ...], text: str, done: list[JournalEntry]) -> None:
        for position, change in enumerate(changes):
            is_fresh = partial(self._is_fresh, action, change)
            try:
                done.append(self._gate.apply(change, text, is_fresh=is_fresh))
            except Refused:
                if not change.alternative or position == len(changes) - 1:
                    raise
                continue
            if change.alternative:
                return

    def _is_fresh(self, action: Action, change: Change) -> bool:
        return not change.is_exec or not is_stale(action.render(self._view), change)

    def _verify(self, action: Action) -> str | None:
        """None as soon as the action shows; else what was missing at the end."""
        waited = 0
        while True:
            try:
                problem = action.verify(self._view)
            except Refused as refused:
                problem = str(refused)
            if problem is None or waited >= self._verify_ms:
                return problem
            self._wait(VERIFY_STEP_MS)
            waited += VERIFY_STEP_MS

    def _result(
        self,
        status: Literal["ok", "refused", "failed"],
        text: str,
        failure_class: FailureClass | None,
        done: list[JournalEntry],
    ) -> ActionResult:
        return ActionResult(status, redact_text(text), failure_class, tuple(entry.index for entry in done))

    def undo(self) -> ActionResult:
        """Take the newest standing change of fields back, as an approved action of its own."""
        entry = self._journal.newest_done()
        if entry is None:
            return ActionResult("refused", "nothing to undo", "method")
        try:
            done = self._gate.apply(self._reverse(entry), f"undo {entry.index}")
        except Refused as refused:
            return ActionResult("refused", redact_text(str(refused)), refused.failure_class)
        self._gate.mark_undone(entry)
        return ActionResult("ok", redact_text(f"undone: {entry.summary}"), None, (done.index,))

    def _reverse(self, entry: JournalEntry) -> Change:
        """The change that takes an entry back. Raises: Refused."""
        present = self._read(entry.path)
        if present is None:
            raise Refused(f"{entry.summary}: the object is gone", "resource")
        if present["metadata"].get("uid") != value_at(entry.before, "/metadata/uid"):
            raise Refused(f"{entry.summary}: another object has its name now", "resource")
        summary = f"undo: {entry.summary}"
        return patch_change(summary, entry.path, present, restored(present, entry), entry.allowed)

    def _read(self, path: str) -> Obj | None:
        response = self._transport.read(ReadRequest(path))
        if response.status == 404:
            return None
        if response.status >= 400:
            raise Refused(f"{path}: HTTP {response.status}", "permission" if response.status == 403 else "resource")
        obj: Obj = orjson.loads(response.body)
        return obj
