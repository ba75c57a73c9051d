"""The only place where a change leaves AOI: proof of dry runs, dry run, diff check, approval, pinned write, journal.

What came of a write is read back (`aoi.agents.read_back`), never taken from the answer alone.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aoi.access.redaction import redact_text
from aoi.access.transport import Response, Transport
from aoi.agents.actions.change import Change, FailureClass, Obj, Refused, differences, is_allowed
from aoi.agents.actions.proposal import Proposal, shown_differences
from aoi.agents.approval import ActionApproval, Approver, Clock, check_approval, check_time
from aoi.agents.dry_runs import DryRunProof
from aoi.agents.journal import EntryState, Journal, JournalEntry
from aoi.agents.read_back import LOST, Answer, Outcome, is_ours, look, own_differences, settle
from aoi.agents.sending import (
    BEFORE_A_COMMAND,
    answer_of,
    dry_object,
    intent_of,
    is_base,
    object_path,
    refusal_of,
    request_of,
)
from aoi.errors import AoiError, ApprovalRefused, ClusterUnavailable, StoreNotWritable
from aoi.records.action import WriteStatus
from aoi.records.base import Sha256


class NotAsApproved(Refused):
    """A request was sent, and what was approved does not stand as it was approved."""

    def __init__(self, message: str, failure_class: FailureClass, entry: JournalEntry) -> None:
        super().__init__(message, failure_class)
        self.entry = entry
        """With its status, and what the cluster holds."""


class Gate:
    """Takes a rendered change through every check, and writes down what came of it."""

    def __init__(
        self,
        transport: Transport,
        approver: Approver,
        journal: Journal,
        clock: Clock,
        *,
        namespace: str,
        wait: Callable[[int], None],
    ) -> None:
        """`namespace` is where dry runs are tried out. Raises: ApprovalRefused for a transport not the approver's."""
        approver.check_transport(transport)
        self._transport = transport
        self._approver = approver
        self._journal = journal
        self._clock = clock
        self._wait = wait
        self._dry_runs = DryRunProof(transport, journal, clock, namespace)
        self._used: set[tuple[Sha256, datetime, datetime]] = set()
        """Approvals that have been spent: one yes, one write, unless it is a standing one."""

    def apply(self, change: Change, action: str, *, is_fresh: Callable[[], bool] = lambda: True) -> JournalEntry:
        """Carry a change out; gives its entry, status `written`.

        `is_fresh` is asked after the approval, for what no resourceVersion can pin: a script that is run.

        Raises: Refused where nothing was sent; NotAsApproved where something was, with its status; ClusterUnavailable
        before anything was sent.
        """
        proposal = self.propose(change)
        approval = self._approved(proposal)
        if not is_fresh():
            raise Refused(f"{change.summary}: what was approved has changed meanwhile", "resource")
        self._check_unmoved(change, proposal.approved)
        entry = self._intend(proposal, approval, action)
        return self._write(change, entry)

    def propose(self, change: Change) -> Proposal:
        """What the server would make of a change, checked against the fields that may differ. Raises: Refused."""
        self._dry_runs.check()
        if change.is_exec:
            return Proposal(change, ())
        response = self._transport.request(request_of(change, dry_run=True))
        if response.status >= 300:
            raise refusal_of(change, response)
        after = None if change.method == "DELETE" else dry_object(change, response)
        changed = differences(change.before, after)
        self._check_only_shown(change, after)
        if change.before is not None and after is not None:
            version = after["metadata"].get("resourceVersion", change.resource_version)
            if version != change.resource_version:
                raise Refused(f"{change.summary}: the dry run was of another state of the object", "resource")
        outside = [difference for difference in changed if not is_allowed(difference.pointer, change.allowed)]
        if outside:
            shown = "; ".join(shown_differences(outside[:3], change.before, after))
            raise Refused(f"{change.summary}: would also change {len(outside)} other fields: {shown}", "configuration")
        if not changed:
            raise Refused(f"{change.summary}: it is already so", "method")
        return Proposal(change, changed, after)

    def resolve(self) -> tuple[JournalEntry, ...]:
        """Read back every intent whose end is not on record: of an interrupted process, or of a lost connection.

        Changes nothing in the cluster, and gives the entries as they are then; one that still cannot be read stays.
        """
        return tuple(self._resolved(entry) for entry in self._journal.open_entries())

    def mark_undone(self, entry: JournalEntry) -> None:
        """Note that an entry was taken back, and read so."""
        self._journal.close(entry.model_copy(update={"state": "undone"}))

    def note_present(self, entry: JournalEntry, after: Obj | None) -> None:
        """Note what a failed undo left, so that the next one starts from it."""
        self._journal.close(entry.model_copy(update={"after": after, "status": "written-but-different"}))

    def _resolved(self, entry: JournalEntry) -> JournalEntry:
        if entry.kind == "exec":
            detail = "interrupted: what a command did cannot be read back; look at what it was to change"
            update = {"state": "failed", "status": "unknown", "detail": detail}
            return self._journal.close(entry.model_copy(update=update))
        return self._closed(entry, settle(entry, LOST, self._transport, self._wait), "")

    def _check_only_shown(self, change: Change, dry: Obj | None) -> None:
        """After a dry run: the object is as it was rendered from. Raises: Refused."""
        path = object_path(change)
        found = look(self._transport, path)
        if found.trouble:
            raise Refused(f"{change.summary}: it could not be read after the dry run: {found.trouble}", "resource")
        if is_base(change, found.obj):
            return
        is_stored = (
            found.obj is None or bool(found.obj["metadata"].get("deletionTimestamp"))
            if change.method == "DELETE"
            else found.obj is not None and not own_differences(dry, found.obj)
        )
        if not is_stored:
            raise Refused(f"{change.summary}: the object has changed meanwhile", "resource")
        raise self._stored_by_dry_run(change, dry, found.obj)

    def _stored_by_dry_run(self, change: Change, dry: Obj | None, present: Obj | None) -> NotAsApproved:
        """On record, so that it can be undone; nothing else is sent to this server."""
        entry = intent_of(Proposal(change, (), dry), self._journal, self._clock, action="dry run", approver="nobody")
        update = {"state": "done", "status": "written", "after": present, "detail": "stored by a dry run"}
        entry = self._journal.close(entry.model_copy(update=update))
        why = self._dry_runs.condemn(f"it stored the dry run of {change.summary}; entry {entry.index} of the journal")
        return NotAsApproved(f"{change.summary}: written without approval: {why}", "configuration", entry)

    def _check_unmoved(self, change: Change, dry: Obj | None) -> None:
        """After the approval: the object is the one that was approved, in the state that was shown. Raises: Refused."""
        if change.is_exec:
            return
        found = look(self._transport, object_path(change))
        if found.trouble:
            raise Refused(f"{change.summary}: it could not be read before the write: {found.trouble}", "resource")
        if is_base(change, found.obj):
            return
        is_dry_one = found.obj is not None and dry is not None and not own_differences(dry, found.obj)
        if found.obj is not None and is_dry_one and is_ours(change.before, found.obj):
            # It was stored after it had been looked for: by a proxy that queues, say.
            raise self._stored_by_dry_run(change, dry, found.obj)
        raise Refused(f"{change.summary}: what was approved has changed meanwhile", "resource")

    def _approved(self, proposal: Proposal) -> ActionApproval:
        try:
            approval = self._approver.approve(proposal)
            check_approval(approval, proposal, self._clock())
            spent = (approval.proposal, approval.issued_at, approval.expires_at)
            if spent in self._used and not approval.is_standing:
                raise ApprovalRefused(f"the approval of {proposal.change.summary!r} has been used")
        except ApprovalRefused as error:
            raise Refused(str(error), "permission") from error
        self._used.add(spent)
        return approval

    def _intend(self, proposal: Proposal, approval: ActionApproval, action: str) -> JournalEntry:
        """The entry on disk, and the approval still in time after all that was read. Raises: Refused."""
        entry = intent_of(proposal, self._journal, self._clock, action=action, approver=approval.approver)
        try:
            check_time(approval, proposal.change.summary, self._clock())
            return self._journal.append(entry)
        except ApprovalRefused as error:
            raise Refused(str(error), "permission") from error
        except StoreNotWritable as error:
            raise Refused(f"{proposal.change.summary}: {error}", "resource") from error

    def _write(self, change: Change, entry: JournalEntry) -> JournalEntry:
        """Send what was approved, and find out what came of it. Raises: NotAsApproved."""
        failure: Refused | None = None
        try:
            response = self._transport.request(request_of(change, dry_run=False))
        except ClusterUnavailable as error:
            answer, failure = LOST, Refused(f"{change.summary}: {error}", "resource")
        except AoiError as error:  # this side of the wire refused to send it
            answer, failure = Answer("refused"), Refused(f"{change.summary}: {error}", "permission")
        else:
            if change.is_exec:
                return self._ran(change, entry, response)
            answer = answer_of(response)
            failure = refusal_of(change, response) if response.status >= 300 else None
        if change.is_exec:
            status: WriteStatus = "unknown" if answer.kind == "lost" else "not-written"
            outcome = Outcome(status, reason="a command cannot be read back" if status == "unknown" else "")
            entry = self._closed(entry, outcome, str(failure), state="failed")
        else:
            entry = self._closed(entry, settle(entry, answer, self._transport, self._wait), str(failure or ""))
        if entry.status == "written":
            return entry
        default: FailureClass = "resource" if entry.status == "unknown" else "configuration"
        failure_class = failure.failure_class if failure else default
        raise NotAsApproved(f"{change.summary}: {entry.status}: {entry.detail}", failure_class, entry)

    def _ran(self, change: Change, entry: JournalEntry, response: Response) -> JournalEntry:
        """What a command came to, by its exit code: nothing else of it can be read. Raises: NotAsApproved."""
        said = redact_text(response.body.decode("utf-8", "replace"))
        if response.status >= 300:
            failure = refusal_of(change, response)
            is_refused = response.status in BEFORE_A_COMMAND
            entry = self._closed(
                entry, Outcome("not-written" if is_refused else "unknown"), str(failure), state="failed"
            )
            raise NotAsApproved(f"{failure} ({entry.status})", failure.failure_class, entry)
        code = response.headers.get("X-Exit-Code", "")
        if code == "0":
            return self._closed(entry, Outcome("written"), said[:2000])
        ended = f"exit code {code}" if code else "it did not say how it ended"
        entry = self._closed(entry, Outcome("unknown"), f"{ended}: {said[:2000]}", state="failed")
        raise NotAsApproved(f"{change.summary}: {ended}: {said[:400]}", "method" if code else "resource", entry)

    def _closed(
        self, entry: JournalEntry, outcome: Outcome, said: str, *, state: EntryState | None = None
    ) -> JournalEntry:
        """An entry with what came of it; `detail` says so in words, with the live differences where they matter."""
        parts = [part for part in (said, outcome.reason) if part]
        if outcome.status in ("written-but-different", "unknown") and outcome.after is not None:
            parts += _live(entry, outcome.after)
        if outcome.status == "written-but-different" and entry.undoable:
            parts.append(f"entry {entry.index} undoes it")
        update: dict[str, Any] = {
            "state": state or _state(outcome),
            "status": outcome.status,
            "after": outcome.after if outcome.status != "not-written" else None,
            "detail": redact_text("; ".join(parts)),
        }
        return self._journal.close(entry.model_copy(update=update))


def _state(outcome: Outcome) -> EntryState:
    """Open only while it could not be read: what was read and cannot be told apart will not be told apart later."""
    if outcome.status == "unknown":
        return "intended" if outcome.after is None else "failed"
    return "failed" if outcome.status == "not-written" else "done"


def _live(entry: JournalEntry, now: Obj) -> list[str]:
    """What stands, against what was before and against what was approved."""
    lines = []
    for title, side in (("before -> now", entry.before), ("approved -> now", entry.approved)):
        if side is not None:
            shown = shown_differences(own_differences(side, now), side, now)
            lines.append(f"{title}: {', '.join(shown) or 'no difference'}")
    return lines


def is_stale(again: tuple[Change, ...], change: Change) -> bool:
    """Whether an exec rendered anew is no longer the one that was approved: other pod, other script."""
    return not any(Proposal(other, ()).digest == Proposal(change, ()).digest for other in again)
