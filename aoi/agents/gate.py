"""The only place where a change leaves AOI: dry run, diff check, approval, pinned write, journal."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from aoi.access.redaction import redact_text
from aoi.access.transport import Request, Response, Transport
from aoi.agents.actions.change import (
    Change,
    Difference,
    FailureClass,
    Obj,
    Proposal,
    Refused,
    differences,
    is_allowed,
    pointer_parts,
    value_at,
)
from aoi.agents.approval import ActionApproval, Approver, Clock, check_approval
from aoi.agents.journal import EntryState, Journal, JournalEntry
from aoi.errors import ApprovalRefused
from aoi.records.base import Sha256

_CONTENT_TYPE: Mapping[str, str] = {
    "PATCH": "application/merge-patch+json",
    "POST": "application/json",
    "DELETE": "application/json",
}
_CLASSES: Mapping[int, FailureClass] = {
    400: "configuration",
    401: "permission",
    403: "permission",
    404: "resource",
    409: "resource",
    410: "resource",
    422: "configuration",
}


class Gate:
    """Takes a rendered change through every check, and writes down what came of it."""

    def __init__(self, transport: Transport, approver: Approver, journal: Journal, clock: Clock) -> None:
        """Raises: ApprovalRefused if the approver may not decide about this transport."""
        approver.check_transport(transport)
        self._transport = transport
        self._approver = approver
        self._journal = journal
        self._clock = clock
        self._used: set[tuple[Sha256, datetime]] = set()
        """Approvals that have been spent: one yes, one write, unless it is a standing one."""

    def apply(self, change: Change, action: str, *, is_fresh: Callable[[], bool] = lambda: True) -> JournalEntry:
        """Carry a change out. Raises: Refused; nothing was changed then, unless its message says so.

        `is_fresh` is asked after the approval, for what no resourceVersion can pin: a script that is run.

        Raises: ClusterUnavailable; the journal then holds an intent whose outcome is unknown.
        """
        proposal = self.propose(change)
        approval = self._approved(proposal)
        if not is_fresh():
            raise Refused(f"{change.summary}: what was approved has changed meanwhile", "resource")
        entry = self._intend(proposal, approval, action)
        try:
            response = self._send(change, dry_run=False)
        except Refused as refused:
            self._close(entry, "failed", detail=str(refused))
            raise
        if change.is_exec:
            return self._close(entry, "done", detail=redact_text(_text(response))[:2000])
        after = None if change.method == "DELETE" else _object(response)
        entry = self._close(entry, "done", after=after)
        stored = differences(change.before, after) if change.method != "DELETE" else proposal.differences
        if stored != proposal.differences:
            raise Refused(
                f"{change.summary}: stored otherwise than approved; entry {entry.index} undoes it", "configuration"
            )
        return entry

    def propose(self, change: Change) -> Proposal:
        """What the server would make of a change, checked against the fields that may differ. Raises: Refused."""
        if change.is_exec:
            return Proposal(change, ())
        response = self._send(change, dry_run=True)
        if change.method == "DELETE":
            changed = differences(change.before, None)
        else:
            changed = differences(change.before, _object(response))
        outside = [difference for difference in changed if not is_allowed(difference.pointer, change.allowed)]
        if outside:
            shown = "; ".join(str(difference) for difference in outside[:3])
            raise Refused(f"{change.summary}: would also change {len(outside)} other fields: {shown}", "configuration")
        if not changed:
            raise Refused(f"{change.summary}: it is already so", "method")
        return Proposal(change, changed)

    def _approved(self, proposal: Proposal) -> ActionApproval:
        try:
            approval = self._approver.approve(proposal)
            check_approval(approval, proposal, self._clock())
            spent = (approval.proposal, approval.expires_at)
            if spent in self._used and not approval.is_standing:
                raise ApprovalRefused(f"the approval of {proposal.change.summary!r} has been used")
        except ApprovalRefused as error:
            raise Refused(str(error), "permission") from error
        self._used.add(spent)
        return approval

    def _send(self, change: Change, *, dry_run: bool) -> Response:
        body = b"" if change.is_exec else orjson.dumps(change.body)
        headers = {"Content-Type": _CONTENT_TYPE[change.method], "Accept": "application/json"}
        request = Request(change.method, change.path, change.query, headers, body, dry_run=dry_run)
        response = self._transport.request(request)
        if response.status >= 400:
            raise _refusal(change, response)
        code = response.headers.get("X-Exit-Code", "0")
        if change.is_exec and code != "0":
            raise Refused(f"{change.summary}: exit code {code}: {redact_text(_text(response))[:400]}", "method")
        return response

    def _intend(self, proposal: Proposal, approval: ActionApproval, action: str) -> JournalEntry:
        change = proposal.change
        name = (change.body.get("metadata") or {}).get("name", "") if change.method == "POST" else ""
        path = f"{change.path}/{name}" if name else change.path.removesuffix("/exec")
        return self._journal.append(
            JournalEntry(
                index=self._journal.next_index(),
                action=action,
                summary=change.summary,
                state="intended",
                at=self._clock().isoformat(),
                approver=approval.approver,
                proposal=proposal.digest,
                path=path,
                before=None if change.is_exec else change.before,
                allowed=change.allowed,
                undoable=change.undoable,
            )
        )

    def _close(
        self, entry: JournalEntry, state: EntryState, *, after: Obj | None = None, detail: str = ""
    ) -> JournalEntry:
        return self._journal.append(entry.model_copy(update={"state": state, "after": after, "detail": detail}))

    def mark_undone(self, entry: JournalEntry) -> None:
        """Note that an entry was taken back."""
        self._journal.append(entry.model_copy(update={"state": "undone"}))


def is_stale(again: tuple[Change, ...], change: Change) -> bool:
    """Whether an exec rendered anew is no longer the one that was approved: other pod, other script."""
    return not any(Proposal(other, ()).digest == Proposal(change, ()).digest for other in again)


def restored(present: Obj, entry: JournalEntry) -> Obj:
    """`present` with the fields that an entry changed as they were before it.

    Raises: Refused (resource) if one of them has changed since: undoing would overwrite somebody's work.
    """
    changed = [d for d in differences(entry.before, entry.after) if is_allowed(d.pointer, entry.allowed)]
    moved = [d for d in changed if value_at(present, d.pointer) != d.after]
    if moved:
        raise Refused(f"{entry.summary}: {moved[0].pointer} has changed since; it is not undone", "resource")
    obj: Any = orjson.loads(orjson.dumps(present))
    # From the end, so that taking one item off a list does not move the next.
    for difference in sorted(changed, key=_last_first, reverse=True):
        _set_at(obj, difference)
    return obj


def _last_first(difference: Difference) -> tuple[tuple[int, int, str], ...]:
    parts = difference.pointer.split("/")
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def _set_at(obj: Any, difference: Difference) -> None:
    *way, last = pointer_parts(difference.pointer)
    for part in way:
        obj = obj[int(part)] if isinstance(obj, list) else obj.setdefault(part, {})
    if isinstance(obj, list):
        index = int(last)
        if difference.before is None:
            del obj[index]
        elif index < len(obj):
            obj[index] = difference.before
        else:
            obj.append(difference.before)
    elif difference.before is None:
        obj.pop(last, None)
    else:
        obj[last] = difference.before


def _object(response: Response) -> Obj:
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Refused("the server answered a write with something that is not an object", "resource")
    return value


def _text(response: Response) -> str:
    return response.body.decode("utf-8", "replace")


def _refusal(change: Change, response: Response) -> Refused:
    try:
        message = str(orjson.loads(response.body).get("message", ""))
    except (orjson.JSONDecodeError, AttributeError):
        message = ""
    failure = _CLASSES.get(response.status, "resource")
    if response.status == 403 and ("exceeded quota" in message or "LimitRange" in message):
        failure = "resource"
    text = redact_text(message or _text(response)[:400]) or f"HTTP {response.status}"
    return Refused(f"{change.summary}: {text}", failure)
