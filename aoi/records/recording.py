"""A recorded look at namespaces: every read with what came back, redacted, to be looked at again anywhere."""

from typing import Literal

from pydantic import Field

from aoi.records.alert import Alert
from aoi.records.base import Record, Sha256


class RecordedRead(Record):
    """One read and its outcome: an answer, or why there was none."""

    backend: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    accept: str
    status: int = Field(default=0, ge=0, le=599)
    """HTTP status; 0 if no answer came."""
    content_type: str = ""
    is_final: bool = False
    """Asking again would have changed nothing: the answer was no data of a cluster."""
    body: str = ""
    """Redacted."""
    failure: str = ""
    """Why no answer came, after the last attempt."""


class RecordingHead(Record):
    """The first line of a recording: what was looked at and when. Neither a server's address nor a token is in it."""

    format: Literal["aoi-recording"] = "aoi-recording"
    aoi_version: str
    redaction: Literal["credentials"] = "credentials"
    """What was taken out before it was written: credentials, by `aoi/access/redaction/`. Names stay."""
    clock: str
    """The server's time, as an HTTP date: ages are counted up to it. Empty if the server did not tell."""
    namespaces: tuple[str, ...] = Field(min_length=1)
    is_everywhere: bool = False
    """Every namespace that the identity could read was looked at."""
    symptoms: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()
    retried: int = Field(default=0, ge=0)
    untold: tuple[str, ...] = ()
    """What the server did not tell of the identity's rights."""
    is_interrupted: bool = False
    answer: Sha256
    """Digest of the answer that this look came to."""
    reads: int = Field(ge=0)
    sha256: Sha256
    """Of all lines that follow."""
