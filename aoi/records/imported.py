"""What came of reading sessions that other frameworks recorded."""

from pydantic import Field

from aoi.records.base import Record, Sha256


class Unmapped(Record):
    """One session, or a whole file, that is none of what can be read."""

    file: str
    index: int = Field(ge=0)
    """Place of the session in its file."""
    reason: str


class ImportReport(Record):
    """Counts add up: `imported` and `quarantined` are all the sessions that were found."""

    files: int = Field(ge=0)
    sessions: int = Field(ge=0)
    """A file that cannot be read counts as one."""
    imported: int = Field(ge=0)
    known: int = Field(ge=0)
    """Of the imported, those that were in the store before."""
    quarantined: int = Field(ge=0)
    sets: tuple[str, ...]
    """References of the imported trajectories, one set each, in the order of the input."""
    unmapped: tuple[Unmapped, ...] = ()
    quarantine: Sha256 | None = None
    """Digest of the stored list of what was quarantined, with reasons."""
