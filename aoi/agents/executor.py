"""The Executor's hands: one typed action in, one result out. It alone holds a `Transport`.

Render, dry run, diff check, approval, pinned write, reading back, verification, journal with undo. Agents name an
action, a component and at most one value; they never write a patch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from aoi.access.redaction import redact_text
from aoi.access.transport import ReadTransport, Transport
from aoi.agents.actions.base import Action
from aoi.agents.actions.catalogue import make
from aoi.agents.actions.change import Change, FailureClass, Refused
from aoi.agents.actions.proposal import Proposal
from aoi.agents.actions.view import View
from aoi.agents.approval import Approver, Clock
from aoi.agents.gate import Gate, NotAsApproved, is_stale
from aoi.agents.journal import Journal, JournalEntry
from aoi.agents.read_back import look
from aoi.agents.undo import reverse
from aoi.errors import ClusterUnavailable, CommandRefused
from aoi.records.action import WriteStatus
from aoi.records.base import Sha256

VERIFY_MS = 120_000
"""How long an action may take to show: a rollout with a slow start."""
VERIFY_STEP_MS = 5_000


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What one action came to."""

    status: Literal["ok", "refused", "failed"]
    """`ok`: written and seen to work. `refused`: nothing was written. `failed`: the cluster said no, holds something
    else than was approved, or it was written and did not help; `write` says which."""
    text: str
    failure_class: FailureClass | None = None
    entries: tuple[int, ...] = ()
    """Indices of its journal entries, one for each request that was sent."""
    writes: tuple[WriteStatus, ...] = ()
    """What the cluster holds of each of them, read back."""

    @property
    def write(self) -> WriteStatus:
        """Of the action as a whole: the worst that is known of a part, and of parts of it `written-but-different`."""
        if "unknown" in self.writes:
            return "unknown"
        if not self.writes or set(self.writes) == {"not-written"}:
            return "not-written"
        return "written" if set(self.writes) == {"written"} else "written-but-different"


class Executor:
    """Carries out typed actions in one namespace, one at a time."""

    def __init__(
        self,
        transport: Transport,
        approver: Approver,
        journal: Journal,
        namespace: str,
        *,
        reader: ReadTransport | None = None,
        recorded: ReadTransport | None = None,
        scripts: frozenset[Sha256] = frozenset(),
        clock: Clock = lambda: datetime.now(UTC),
        rendered_at: datetime | None = None,
        wait: Callable[[int], None] = lambda ms: time.sleep(ms / 1000),
        verify_ms: int = VERIFY_MS,
        verify_step_ms: int = VERIFY_STEP_MS,
    ) -> None:
        """`reader` renders and verifies in the place of the transport. `recorded` is an earlier capture, for
        `set_config`. `scripts` are digests of the scripts that `repair_database` may run, and no other. `wait` lets
        milliseconds of `clock` pass. `rendered_at` is the time that a restart is marked with, if not the present.

        Raises: ApprovalRefused if the approver may not decide about this transport.
        """
        self._clock, self._wait, self._rendered_at = clock, wait, rendered_at
        self._transport = transport
        self._journal = journal
        self._scripts = scripts
        self._view = View(reader or transport, namespace, recorded)
        self._gate = Gate(transport, approver, journal, clock, namespace=namespace, wait=wait)
        self._verify_ms, self._verify_step_ms = verify_ms, verify_step_ms

    def propose(self, name: str, component: str, value: str | None = None) -> tuple[Proposal, ...]:
        """What one action would send and change, by the server's dry runs. Nothing is changed.

        Raises: Refused, ClusterUnavailable.
        """
        self._settle_open()
        _, changes = self._rendered(name, component, value)
        return tuple(self._gate.propose(change) for change in changes)

    def propose_undo(self, *indices: int) -> tuple[Proposal, ...]:
        """What taking back these entries would send and change; nothing where all is as before already.

        Raises: Refused, ClusterUnavailable.
        """
        self._settle_open()
        changes = [self._reverse(entry) for entry in self._to_undo(indices)]
        return tuple(self._gate.propose(change) for change in changes if change is not None)

    def perform(self, name: str, component: str, value: str | None = None) -> ActionResult:
        """Carry out one action. Raises: ClusterUnavailable before anything was sent; all else is a result."""
        return self._told(self._perform(name, component, value))

    def _perform(self, name: str, component: str, value: str | None) -> ActionResult:
        text = " ".join(part for part in (name, component, value) if part)
        done: list[JournalEntry] = []
        try:
            self._settle_open()
            action, changes = self._rendered(name, component, value)
        except Refused as refused:
            return _failed(refused, done, status="refused")
        try:
            self._apply(action, changes, text, done)
        except Refused as refused:
            return _failed(refused, done)
        except ClusterUnavailable as error:
            if not done:
                raise
            return _failed(Refused(f"{_summary(done)}; then: {error}", "resource"), done)
        problem = self._verify(action)
        if problem is not None:
            seconds = self._verify_ms // 1000
            without = f"{_summary(done)}: without effect after {seconds} s: {problem}"
            return _failed(Refused(without, "method"), done, status="failed")
        return _result("ok", f"{_summary(done)}: verified", None, done)

    def resolve(self) -> tuple[ActionResult, ...]:
        """Read back what an interrupted process, or a lost connection, left open in the journal. Changes nothing."""
        return tuple(
            _result("ok" if entry.status == "written" else "failed", f"{entry.summary}: {entry.status}: {entry.detail}",
                    None if entry.status == "written" else "resource", [entry])
            for entry in self._gate.resolve()
        )  # fmt: skip

    def undo(self, *indices: int) -> ActionResult:
        """Take these standing changes of fields back, else the newest one, each as an approved action of its own.

        Done only if the fields read as they were before; any other end has its own status, and can be undone again.
        Raises: ClusterUnavailable before anything was sent.
        """
        done: list[JournalEntry] = []
        undone: list[str] = []
        try:
            self._settle_open()
            for entry in self._to_undo(indices):
                self._undo(entry, done)
                self._gate.mark_undone(entry)
                undone.append(entry.summary)
        except Refused as refused:
            return self._told(_failed(refused, done, status=None if done else "refused"))
        return self._told(_result("ok", f"undone: {'; '.join(undone)}", None, done))

    def _to_undo(self, indices: tuple[int, ...]) -> tuple[JournalEntry, ...]:
        """Newest first, and none from under a newer one that stands. Raises: Refused."""
        standing = self._journal.standing()
        if not standing:
            raise Refused("nothing to undo", "method")
        if not indices:
            return standing[:1]
        for entry, index in zip(standing, sorted(set(indices), reverse=True), strict=False):
            if entry.index != index:
                raise Refused(f"{entry.summary}, entry {entry.index} of the journal, is newer: undo it first", "method")
        return standing[: len(set(indices))]

    def _undo(self, entry: JournalEntry, done: list[JournalEntry]) -> None:
        change = self._reverse(entry)
        if change is None:
            return
        try:
            self._send(change, f"undo {entry.index}", done)
        except NotAsApproved as sent:
            if sent.entry.status == "written-but-different":
                self._gate.note_present(entry, sent.entry.after)
            raise

    def _told(self, result: ActionResult) -> ActionResult:
        """With what somebody should hear about the journal, once."""
        notes = self._journal.take_notes()
        return replace(result, text=" ".join((result.text, *(f"({note})" for note in notes))))

    def _rendered(self, name: str, component: str, value: str | None) -> tuple[Action, tuple[Change, ...]]:
        """Raises: Refused, ClusterUnavailable."""
        try:
            action = make(name, component, value, self._stamp, self._scripts)
            return action, action.render(self._view)
        except CommandRefused as refused:  # a component whose name no path may hold
            raise Refused(str(refused), "syntax") from refused

    def _stamp(self) -> str:
        return (self._rendered_at or self._clock()).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _settle_open(self) -> None:
        """Nothing is changed while it is unknown, and unreadable, what an earlier request did. Raises: Refused."""
        for entry in self._gate.resolve():
            if entry.state == "intended":
                raise Refused(
                    f"entry {entry.index} of the journal, {entry.summary}: unknown: {entry.detail}. Nothing else is "
                    "changed until it can be told: look at the object, then try again",
                    "resource",
                )

    def _apply(self, action: Action, changes: tuple[Change, ...], text: str, done: list[JournalEntry]) -> None:
        for position, change in enumerate(changes):
            try:
                self._send(change, text, done, is_fresh=partial(self._is_fresh, action, change))
            except Refused as refused:
                # A command of which nobody knows whether it still runs is not followed by another.
                is_over = not isinstance(refused, NotAsApproved) or refused.failure_class != "resource"
                if not change.alternative or position == len(changes) - 1 or not is_over:
                    raise
                continue
            if change.alternative:
                return

    def _send(
        self, change: Change, text: str, done: list[JournalEntry], *, is_fresh: Callable[[], bool] = lambda: True
    ) -> None:
        """Through the gate, with its entry in `done` however it ended. Raises: Refused, ClusterUnavailable."""
        try:
            done.append(self._gate.apply(change, text, is_fresh=is_fresh))
        except NotAsApproved as sent:
            done.append(sent.entry)
            raise

    def _is_fresh(self, action: Action, change: Change) -> bool:
        return not change.is_exec or not is_stale(action.render(self._view), change)

    def _verify(self, action: Action) -> str | None:
        """None as soon as the action shows; else what was missing at the end."""
        waited = 0
        while True:
            try:
                problem = action.verify(self._view)
            except (Refused, ClusterUnavailable) as error:
                problem = str(error)
            if problem is None or waited >= self._verify_ms:
                return problem
            self._wait(self._verify_step_ms)
            waited += self._verify_step_ms

    def _reverse(self, entry: JournalEntry) -> Change | None:
        """The change that takes an entry back; None if it is as before already. Raises: Refused."""
        found = look(self._transport, entry.path)
        if found.trouble:
            raise Refused(f"{entry.summary}: {found.trouble}", "resource")
        if found.obj is None:
            raise Refused(f"{entry.summary}: the object is gone", "resource")
        return reverse(entry, found.obj)


def _summary(done: list[JournalEntry]) -> str:
    return "; ".join(entry.summary for entry in done)


def _failed(
    refused: Refused, done: list[JournalEntry], *, status: Literal["refused", "failed"] | None = None
) -> ActionResult:
    stands = any(entry.status != "not-written" for entry in done)
    status = status or ("failed" if stands or refused.failure_class == "resource" else "refused")
    return _result(status, str(refused), refused.failure_class, done)


def _result(
    status: Literal["ok", "refused", "failed"],
    text: str,
    failure_class: FailureClass | None,
    done: list[JournalEntry],
) -> ActionResult:
    writes: tuple[WriteStatus, ...] = tuple(entry.status or "unknown" for entry in done)
    return ActionResult(status, redact_text(text), failure_class, tuple(entry.index for entry in done), writes)
