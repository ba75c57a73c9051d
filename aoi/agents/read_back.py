"""What came of a write: read back from the cluster and compared with what was approved. Nothing is claimed unread.

The server's answer alone is never believed: it may be lost after the write, an error after the write, or a success
without one, and a webhook may have made something else of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from aoi.access.transport import ReadRequest, ReadTransport, Response
from aoi.agents.actions.change import Difference, Obj, differences, value_at
from aoi.agents.journal import JournalEntry
from aoi.errors import ClusterUnavailable
from aoi.records.action import WriteStatus

FIELD_MANAGER = "aoi-executor"
"""Sent with every write: the server then records in `metadata.managedFields` which fields were written by it."""

WAITS_MS = (0, 500, 1_000, 2_000, 4_000, 8_000)
"""Before each try. A write whose answer was lost may still be on its way: nobody says `not-written` after one look."""

_REVISIONS = ("deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
"""Annotations that controllers write by themselves after a change of the template."""
_CORDONED = "node.kubernetes.io/unschedulable"
"""Taint that the node controller takes off by itself after an uncordon."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one GET showed."""

    obj: Obj | None = None
    """None if it is not there, or could not be read."""
    trouble: str = ""
    """Why it could not be read; empty if it could."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to a write."""

    kind: Literal["accepted", "refused", "lost"]
    """`lost`: none came, a server error came, or nobody remembers."""
    obj: Obj | None = None
    """The whole object, where it was accepted and sent back."""


LOST = Answer("lost")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the cluster holds."""

    status: WriteStatus
    after: Obj | None = None
    """As the write left it; None if it is gone or unread."""
    reason: str = ""


def look(transport: ReadTransport, path: str) -> Found:
    """Read one object. Only an object of that name is one, and only the API's own word for it is an absence."""
    try:
        response = transport.read(ReadRequest(path))
    except ClusterUnavailable as error:
        return Found(trouble=str(error))
    obj = object_of(response)
    if response.status == 404 and obj is not None and obj.get("reason") == "NotFound":
        return Found()
    if response.status != 200 or obj is None:
        return Found(trouble=f"HTTP {response.status} to GET {path}")
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") != path.rpartition("/")[2] or not metadata.get("uid"):
        return Found(trouble=f"GET {path} answered another object")
    return Found(obj)


def object_of(response: Response) -> Obj | None:
    """The JSON object of a body, or None if it is none, or not whole."""
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def settle(entry: JournalEntry, answer: Answer, transport: ReadTransport, wait: Callable[[int], None]) -> Outcome:
    """Read back until it is clear what the cluster holds, or the tries are used up. `wait` lets milliseconds pass."""
    outcome = Outcome("unknown")
    for pause_ms in WAITS_MS:
        if pause_ms:
            wait(pause_ms)
        found = look(transport, entry.path)
        if found.trouble:
            outcome = Outcome("unknown", reason=f"it could not be read back: {found.trouble}")
            continue
        outcome = judge(entry, answer, found.obj)
        if outcome.status != "not-written" or answer.kind == "refused":
            return outcome
    return outcome


def judge(entry: JournalEntry, answer: Answer, present: Obj | None) -> Outcome:
    """What a read object says of a write. `present` is None if the object is not there."""
    if entry.kind == "delete":
        return _deleted(entry, present)
    if present is None:
        return Outcome(
            "not-written", reason="the object is not there" if entry.before is None else "the object is gone"
        )
    if entry.kind == "create":
        return _created(entry, answer, present)
    if _uid(present) != _uid(entry.before):
        return Outcome("not-written", reason="another object has its name now")
    return _patched(entry, answer, present)


def _deleted(entry: JournalEntry, present: Obj | None) -> Outcome:
    if present is None or _uid(present) != _uid(entry.before):
        return Outcome("written")
    if present["metadata"].get("deletionTimestamp"):
        waits = ", ".join(map(str, present["metadata"].get("finalizers") or ())) or "its grace period"
        return Outcome("written", present, f"it is being deleted, and waits for {waits}")
    return Outcome("not-written", present, "the object is there")


def _created(entry: JournalEntry, answer: Answer, present: Obj) -> Outcome:
    if entry.approved is not None and not own_differences(entry.approved, present):
        return Outcome("written", present)
    if answer.kind == "accepted" or (answer.kind == "lost" and is_ours(None, present)):
        return Outcome("written-but-different", present)
    if answer.kind == "refused":
        return Outcome("not-written", present, "another object has that name")
    return Outcome("unknown", present, "an object of that name is there, and nobody can tell who made it")


def _patched(entry: JournalEntry, answer: Answer, present: Obj) -> Outcome:
    now = own_differences(entry.before, present)
    if not now:
        return Outcome("not-written", present, "the object is as it was")
    if entry.approved is None:
        return Outcome("unknown", present, "it has changed, and what was approved is not on record")
    approved = own_differences(entry.before, entry.approved)
    stored = _stored(entry, answer, present)
    if own_differences(entry.before, stored) == approved:
        return _as_approved(entry, answer, stored)
    untouched = all(value_at(present, d.pointer) == d.before for d in approved)
    if answer.kind == "accepted" or is_ours(entry.before, present):
        return Outcome("written-but-different", stored)
    if untouched or answer.kind == "refused":
        return Outcome("not-written", present, "somebody else changed it meanwhile")
    return Outcome("unknown", present, "it has changed otherwise, and nobody can tell whether by this write")


def _as_approved(entry: JournalEntry, answer: Answer, stored: Obj) -> Outcome:
    """It holds what was approved. By whom is asked as well: what somebody else wrote is not ours to take back."""
    if answer.kind == "accepted" or is_ours(entry.before, stored):
        return Outcome("written", stored)
    if answer.kind == "refused" and (stored["metadata"].get("managedFields") or ()):
        return Outcome("not-written", stored, "somebody else made the same change meanwhile")
    return Outcome("unknown", stored, "it is as approved, and nobody can tell whether by this write")


def _stored(entry: JournalEntry, answer: Answer, present: Obj) -> Obj:
    """As this write left it: the answer if what it says still stands, since controllers go on from there.

    Not if the server's own record of what this write made is another one: then the answer is something else's.
    """
    if answer.obj is None or _uid(answer.obj) != _uid(present) or _mine(answer.obj) != _mine(present):
        return present
    said = own_differences(entry.before, answer.obj)
    is_true = said and all(value_at(present, d.pointer) == d.after for d in said)
    return answer.obj if is_true else present


def is_ours(before: Obj | None, present: Obj) -> bool:
    """Whether the server's record of who wrote what shows a write of ours since `before`. False proves nothing."""
    mine = _mine(present)
    return bool(mine) and mine != _mine(before or {})


def _mine(obj: Obj) -> list[Any]:
    entries = (obj.get("metadata") or {}).get("managedFields") or []
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("manager") == FIELD_MANAGER]


def _uid(obj: Any) -> str:
    return str(value_at(obj, "/metadata/uid") or "")


def own_differences(before: Obj | None, after: Obj | None) -> tuple[Difference, ...]:
    """Fields that differ, apart from what controllers change by themselves in answer to a write."""
    return differences(_without_echoes(before), _without_echoes(after))


def _without_echoes(obj: Obj | None) -> Obj | None:
    if obj is None:
        return None
    metadata = obj.get("metadata") or {}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _REVISIONS}
    spec = obj.get("spec")
    if isinstance(spec, dict) and spec.get("taints"):
        spec = {**spec, "taints": [taint for taint in spec["taints"] if taint.get("key") != _CORDONED]}
    quiet = {**obj, "metadata": {**metadata, "annotations": annotations}}
    return {**quiet, "spec": spec} if spec is not None else quiet
