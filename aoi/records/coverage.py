"""What a diagnosis looked at, and what it could not look at: every answer about a cluster carries it."""

from typing import Literal

from pydantic import Field

from aoi.records.base import Record

GapReason = Literal["refused", "throttled", "timeout", "unreachable", "unreadable", "cut", "skipped"]
"""`refused`: 401 or 403. `throttled`: 429 to the end of the budget. `timeout`, `unreachable`: no whole answer came.
`unreadable`: an answer that is no data (5xx, a redirect, a page of something else). `cut`: only a part was kept.
`skipped`: not asked, since the budget was spent or there was no need."""

Evidence = Literal["seen", "absent", "unreadable", "cut"]
"""What an answer shows. `seen`: what is there, to its end. `absent`: the server says that it is not there.
`unreadable`: a refusal, a failure or no data, which shows neither. `cut`: a part; what is in it is there, and nothing
follows from what is not."""


class Look(Record):
    """One thing that was read to its end."""

    what: str
    """A resource as kubectl names it (`deployments.apps`), or `logs POD -c CONTAINER`."""
    namespace: str
    """Empty for what belongs to no namespace."""
    items: int = Field(ge=0)
    """Objects of a list, lines of a log."""


class Gap(Record):
    """One thing that was not read, or not to its end."""

    what: str
    namespace: str
    reason: GapReason
    detail: str
    """The server's words, or how many items or bytes are missing."""


class Coverage(Record):
    """What an answer rests on. `no fault` is a claim about what is covered, never about the rest."""

    cluster: str = ""
    """The server's address; empty for an embedded cluster."""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    looked: tuple[Look, ...] = ()
    gaps: tuple[Gap, ...] = ()
    retried: int = Field(default=0, ge=0)
    """Reads that were asked again after a dropped connection, a 429 or a 5xx."""

    def lacks(self, *what: str) -> tuple[Gap, ...]:
        """The gaps in these resources."""
        return tuple(gap for gap in self.gaps if gap.what in what)
