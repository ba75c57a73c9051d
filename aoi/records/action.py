"""A change of a live cluster that is proposed to a person, and what became of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from aoi.records.base import Record, Sha256
from aoi.records.request import ClusterName, NamespaceName

ActionState = Literal["proposed", "approved", "applied", "failed", "rejected", "expired", "undone"]
"""`approved`: used, and being carried out, or its process ended. `applied`: written and seen to work. `failed`: another
end; `write` says what the cluster holds. `expired`: its time is over, or what it was about moved."""

WriteStatus = Literal["written", "written-but-different", "not-written", "unknown"]
"""What the cluster holds after a write, read back and compared with what was approved.

`written`: what was approved. `written-but-different`: what a webhook or the server made of it. `not-written`: nothing
of it. `unknown`: it cannot be read, or what is there cannot be told from somebody else's work."""


class ProposedAction(Record):
    """One typed action, with the differences that the server's dry runs showed. It holds no credential.

    What would be sent is not kept: it is rendered anew when somebody approves, and held against `request_digest`.
    """

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    state: ActionState = "proposed"
    cluster: ClusterName
    """As `aoi clusters add` registered it."""
    namespace: NamespaceName
    place: str = Field(pattern=r"^[0-9a-f-]{36}$")
    """The namespace's uid: one Executor works there at a time, with one journal, whatever the cluster is called."""
    action: str
    """Of the lexicon's actions, or `undo`."""
    component: str
    value: str | None = None
    undoes: str | None = None
    """The action that this one takes back."""
    answer: str | None = None
    """Reference of the kept diagnosis that it came of."""
    why: str = ""
    """What the diagnosis says, in words."""
    summaries: tuple[str, ...]
    """One for each request that would be sent."""
    text: str
    """Every request with every field that changes, whole; of a credential length and keyed digest. What does not print,
    or reorders, stands there as its code."""
    request_digest: Sha256
    """Of place and requests under a key of this home: they can be compared, and nothing in them be guessed."""
    parts: tuple[Sha256, ...]
    """The same of each request: which entries of the journal are its own."""
    sealed_with: str
    """First digits of the digest of that key: proposals of another home can be told."""
    proposed_at: datetime
    """UTC, as all times."""
    proposed_by: str
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    """Who approved or rejected it."""
    ended_at: datetime | None = None
    write: WriteStatus | None = None
    """None as long as nothing was sent."""
    result: str = ""
    """In words, of what came of it; of one that expired or was rejected, why."""
    entries: tuple[int, ...] = ()
    """Of the journal, one for each request that was sent."""
