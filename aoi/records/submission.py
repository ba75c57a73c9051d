"""A diagnosis that was asked for and is made in its turn: what whoever asked is shown of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from aoi.records.base import Record
from aoi.records.request import DiagnosisRequest

State = Literal["queued", "running", "done", "cancelled", "failed"]
ENDED: tuple[State, ...] = ("done", "cancelled", "failed")


class Trouble(Record):
    """Why something was refused or failed, in the form of RFC 9457 (`application/problem+json`)."""

    type: str
    """`urn:aoi:error:` and the class of the error."""
    title: str
    status: int = Field(ge=400, le=599)
    """Of HTTP."""
    detail: str
    """What, which, and what to do next; redacted."""
    retry_in_s: float | None = None
    """Where trying again may help."""


class Submission(Record):
    """One request and what became of it."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    state: State = "queued"
    request: DiagnosisRequest
    """With symptoms and alerts redacted."""
    by: str
    """Whose token it was."""
    submitted_at: datetime
    """UTC, as all times."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = Field(default=0, ge=0)
    """How often it was begun: a server that was killed leaves it to the next one."""
    answer: str | None = None
    """Reference of the kept diagnosis; of one that was cancelled with what it had seen."""
    trouble: Trouble | None = None
    """Why there is no answer."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ENDED
