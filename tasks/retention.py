"""Delete from the store what neither the ledger, nor an answer that is kept, nor anything young needs any more."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aoi import progress
from aoi.database.answers import AnswerBook
from aoi.database.feedback import FeedbackBook
from aoi.errors import Permanent
from aoi.records.base import Record
from aoi.store.retention import unreachable
from tasks.workspace import Workspace, workspace

LEAST_DAYS = 7
"""A page that a reviewer is still to decide on shows episodes of its evaluation."""


class KindLeft(Record):
    """Objects of one kind that nobody needs."""

    kind: str
    objects: int
    size_bytes: int


class Retention(Record):
    """What deleting came to, or would come to."""

    keep_days: int
    is_removed: bool
    kept: int
    """Objects that stay."""
    left: tuple[KindLeft, ...]
    """The others, by kind."""
    answers: int
    """Entries of the list of answers that are past their time."""

    @property
    def size_bytes(self) -> int:
        """Of all that nobody needs."""
        return sum(each.size_bytes for each in self.left)


def collect_garbage(keep_days: int, *, is_removed: bool, now: datetime | None = None) -> Retention:
    """Find what nobody needs and is older than so many days; with `is_removed` also delete it.

    Raises: Permanent while a cycle is open, since nothing names yet what its stages hand to each other;
    StoreNotReadable, StoreNotWritable.
    """
    ws = workspace()
    if keep_days < LEAST_DAYS:
        raise Permanent(f"{keep_days} days are too few to keep: a review may need what it shows for {LEAST_DAYS}")
    opened = ws.ledger.entries(kind="cycle_opened")
    if opened and ws.ledger.is_open(opened[-1].cycle):
        raise Permanent(f"cycle {opened[-1].cycle} is open, and what its stages made is not entered yet: aoi retrain")
    before = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    book = AnswerBook(ws.database)
    rated = {said.answer for said in FeedbackBook(ws.database).since(datetime.min.replace(tzinfo=UTC))}
    expired = book.expired(before, rated)
    progress.stage("store")
    left = list(unreachable(ws.store, roots(ws, book, expired), before))
    if is_removed:
        book.forget(expired)
        for place, ref in enumerate(left):
            progress.advance(place, len(left))
            ws.store.discard(ref)
    counts, sizes = Counter(ref.kind for ref in left), Counter[str]()
    for ref in left:
        sizes[ref.kind] += ref.size_bytes
    return Retention(
        keep_days=keep_days,
        is_removed=is_removed,
        kept=sum(1 for _ in ws.store) - (0 if is_removed else len(left)),
        left=tuple(KindLeft(kind=kind, objects=counts[kind], size_bytes=sizes[kind]) for kind in sorted(counts)),
        answers=len(expired),
    )


def roots(ws: Workspace, book: AnswerBook, expired: set[str]) -> Iterator[bytes]:
    """Texts that name what has to stay: the ledger's entries, and the answers that are not past their time."""
    for entry in ws.ledger.entries():
        yield entry.to_bytes()
    for answer in book.digests():
        if answer not in expired:
            yield answer.encode()
