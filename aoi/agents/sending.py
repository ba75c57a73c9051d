"""A change as a request, its intent as a journal entry, and what an answer claims. Sends nothing."""

from collections.abc import Mapping
from typing import Literal

import orjson

from aoi.access.redaction import redact_text
from aoi.access.transport import Request, Response
from aoi.agents.actions.change import Change, FailureClass, Obj, Refused
from aoi.agents.actions.proposal import Proposal
from aoi.agents.approval import Clock
from aoi.agents.journal import Journal, JournalEntry
from aoi.agents.read_back import FIELD_MANAGER, LOST, Answer, object_of

_CONTENT_TYPE: Mapping[str, str] = {
    "PATCH": "application/merge-patch+json",
    "POST": "application/json",
    "DELETE": "application/json",
}
_VERBS: Mapping[str, Literal["create", "patch", "delete"]] = {"PATCH": "patch", "POST": "create", "DELETE": "delete"}
_CLASSES: Mapping[int, FailureClass] = {
    400: "configuration",
    401: "permission",
    403: "permission",
    404: "resource",
    409: "resource",
    410: "resource",
    422: "configuration",
}
MAYBE_PASSED_ON = (408, 429)
"""Statuses below 500 that a proxy also gives to a request that it has passed on."""
BEFORE_A_COMMAND = (400, 401, 403, 404, 405, 415, 422)
"""Statuses that an API server gives to an exec before it starts anything. After any other nobody knows."""


def request_of(change: Change, *, dry_run: bool) -> Request:
    """The one request that a change is."""
    body = b"" if change.is_exec else orjson.dumps(change.body)
    headers = {"Content-Type": _CONTENT_TYPE[change.method], "Accept": "application/json"}
    is_named = change.method in ("PATCH", "POST") and not change.is_exec
    query = (*change.query, ("fieldManager", FIELD_MANAGER)) if is_named else change.query
    return Request(change.method, change.path, query, headers, body, dry_run=dry_run)


def object_path(change: Change) -> str:
    """Where the object itself is read, whatever the request goes to."""
    name = (change.body.get("metadata") or {}).get("name", "") if change.method == "POST" else ""
    return f"{change.path}/{name}" if name else change.path.removesuffix("/exec")


def is_base(change: Change, present: Obj | None) -> bool:
    """Whether an object is the very one, in the very state, that a change was rendered from."""
    if present is None or change.before is None:
        return present is None and change.before is None
    metadata = present["metadata"]
    return (metadata.get("uid"), metadata.get("resourceVersion")) == (change.uid, change.resource_version)


def intent_of(proposal: Proposal, journal: Journal, clock: Clock, *, action: str, approver: str) -> JournalEntry:
    """What is on disk before that request is sent."""
    change = proposal.change
    return JournalEntry(
        index=journal.next_index(),
        action=action,
        summary=change.summary,
        state="intended",
        at=clock().isoformat(),
        approver=approver,
        proposal=proposal.digest,
        path=object_path(change),
        before=None if change.is_exec else change.before,
        approved=proposal.approved,
        allowed=change.allowed,
        undoable=change.undoable,
        verb="exec" if change.is_exec else _VERBS[change.method],
    )


def answer_of(response: Response) -> Answer:
    """What an answer to a write claims. A server error claims nothing: it may come after the write."""
    if response.status >= 500 or response.status in MAYBE_PASSED_ON or 300 <= response.status < 400:
        return LOST
    if response.status >= 400:
        return Answer("refused")
    obj = object_of(response)
    is_whole = obj is not None and isinstance(obj.get("metadata"), dict) and obj.get("kind") != "Status"
    return Answer("accepted", obj if is_whole else None)


def dry_object(change: Change, response: Response) -> Obj:
    """The object that a dry run answered, of the same uid. Raises: Refused."""
    obj = object_of(response)
    if obj is None or not isinstance(obj.get("metadata"), dict):
        raise Refused(f"{change.summary}: the server answered a dry run with something that is no object", "resource")
    if change.before is not None and obj["metadata"].get("uid") != change.uid:
        raise Refused(f"{change.summary}: the dry run was of another object", "resource")
    return obj


def refusal_of(change: Change, response: Response) -> Refused:
    """An error of the server, in its words and with its class."""
    message = str((object_of(response) or {}).get("message", ""))
    failure = _CLASSES.get(response.status, "resource")
    if response.status == 403 and ("exceeded quota" in message or "LimitRange" in message):
        failure = "resource"
    text = redact_text(message or response.body.decode("utf-8", "replace")[:400]) or f"HTTP {response.status}"
    return Refused(f"{change.summary}: {text}", failure)
