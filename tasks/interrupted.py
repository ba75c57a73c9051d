"""What came of an approved action, by its journal: when it ended, and when its process did before that."""

from datetime import UTC, datetime

from aoi.access.redaction import redact_text
from aoi.agents.actions.proposal import seal
from aoi.agents.executor import ActionResult
from aoi.agents.journal import JournalEntry
from aoi.database.actions import ActionBook
from aoi.errors import StageBusy
from aoi.records.action import ActionState, ProposedAction, WriteStatus
from aoi.records.base import sha256_hex
from aoi.visible import visible
from tasks.executing import Hands, home_key

CARRIED_OUT: tuple[ActionState, ...] = ("applied", "failed")


def ended(action: ProposedAction, result: ActionResult) -> ProposedAction:
    """The action with what came of it."""
    update = {
        "state": "applied" if result.status == "ok" else "failed",
        "write": result.write if result.entries else "not-written",
        "result": visible(redact_text(result.text)),
        "entries": result.entries,
        "ended_at": datetime.now(UTC),
    }
    return action.model_copy(update=update)


def ended_elsewhere(action: ProposedAction, who: str) -> ProposedAction:
    """One that was approved in a home whose journal is not here."""
    why = f"closed by {who} without the journal of the home where it was approved: look at the object"
    update = {"state": "failed", "write": "unknown", "result": why, "ended_at": datetime.now(UTC)}
    return action.model_copy(update=update)


def standing_of(own: Hands, action: ProposedAction) -> tuple[int, ...]:
    """Journal entries of an action that stand and can be undone."""
    return tuple(entry.index for entry in own.journal.standing() if entry.index in action.entries)


def enter_end(book: ActionBook, own: Hands, action: ProposedAction) -> ProposedAction:
    """Enter what came of an action and, of an undo that was carried out, that what it undoes is undone."""
    entered = book.move(action, "approved")
    if entered.undoes and entered.state == "applied":
        taken_back = book.get(entered.undoes)
        if entries := standing_of(own, taken_back):  # its process ended before the journal said so: nothing is sent
            own.executor.undo(*entries)
        book.move(taken_back.model_copy(update={"state": "undone"}), *CARRIED_OUT)
    return entered


def settle_interrupted(book: ActionBook, own: Hands, place: str) -> None:
    """Find out by reading what became of actions in a namespace whose process ended, and enter it.

    Whoever holds the namespace's lease knows that nobody carries them out. Raises: StageBusy where the journal of
    another home knows.
    """
    own.executor.resolve()
    key = home_key()
    for action in book.under_way(place):
        if action.sealed_with != sealed_with(key):
            raise StageBusy(
                f"action {action.id} was approved by {action.decided_by} in another home, and nobody knows here what "
                f"came of it. There, or here if that home is gone: aoi actions resolve {action.id}"
            )
        sent = _sent(own, action, key)
        if all(entry.state != "intended" for entry in sent):  # else it cannot be read now: nothing else is changed
            enter_end(book, own, ended(action, _read_back(action, sent)))


def sealed_with(key: bytes) -> str:
    """What tells one key from another, and nothing of it."""
    return sha256_hex(key)[:12]


def _sent(own: Hands, action: ProposedAction, key: bytes) -> list[JournalEntry]:
    since = action.decided_at or action.proposed_at
    return [
        entry
        for entry in own.journal.entries
        if seal(entry.proposal, key) in action.parts and datetime.fromisoformat(entry.at) >= since
    ]


def _read_back(action: ProposedAction, sent: list[JournalEntry]) -> ActionResult:
    """As if its process had lived to tell, but that nobody waited for it to show."""
    entries = tuple(entry.index for entry in sent)
    writes: tuple[WriteStatus, ...] = tuple(entry.status or "unknown" for entry in sent)
    if not sent:
        return ActionResult("failed", "interrupted before anything was sent")
    told = "; ".join(f"{entry.summary}: {entry.status}" for entry in sent)
    is_whole = len(sent) == len(action.parts) and set(writes) == {"written"}
    text = f"interrupted, and read back: {told}; whether it helped was not looked at"
    return ActionResult("ok" if is_whole else "failed", text, entries=entries, writes=writes)
