"""The Probe's hands: one line in, one redacted observation out. It holds a `ReadTransport` and nothing else.

Nothing that this module imports can build a mutating request (a test reads the import graph).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aoi.access.redaction import CREDENTIALS, Level
from aoi.access.transport import ReadTransport
from aoi.agents.kubectl import parse, run
from aoi.agents.kubectl.run import LIMIT_BYTES
from aoi.errors import CommandRefused
from aoi.records.coverage import Evidence


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one line came to."""

    command: str
    """As typed, handles resolved."""
    status: Literal["ok", "refused", "failed"]
    """`refused`: the line is not one that may be run. `failed`: the cluster answered with an error."""
    observation: bytes = b""
    """What was printed, redacted and bounded. Of a failed line the server's words, which are evidence too."""
    error: str | None = None
    is_cut: bool = False
    """Whether the command printed more than may be kept."""
    evidence: Evidence | None = None
    """What may be concluded from what came back; None of a line that was not run."""


class Probe:
    """Runs lines of kubectl syntax, and `prom` and `jaeger` lines, in one namespace."""

    def __init__(
        self,
        transport: ReadTransport,
        namespace: str,
        *,
        now: Callable[[], datetime] | None = None,
        limit_bytes: int = LIMIT_BYTES,
        level: Level = CREDENTIALS,
    ) -> None:
        """`now` is what ages count from; without it, the server's Date header. `level` says what is hidden."""
        self._transport = transport
        self.namespace = namespace
        self._now = now
        self.limit_bytes, self._level = limit_bytes, level

    def run(self, line: str) -> ProbeResult:
        """Parse, read, render. Raises: ClusterUnavailable; every other failure is a result."""
        try:
            command = parse(line, self.namespace)
        except CommandRefused as error:
            return ProbeResult(line, "refused", error=str(error))
        try:
            now = self._now() if self._now else None
            rendered = run(command, self._transport, now, limit_bytes=self.limit_bytes, level=self._level)
        except CommandRefused as error:  # a name that no path may hold: of the line, or of what was answered
            return ProbeResult(line, "refused", error=str(error), evidence="unreadable")
        status: Literal["ok", "failed"] = "failed" if rendered.error else "ok"
        return ProbeResult(line, status, rendered.text, rendered.error, rendered.is_cut, rendered.evidence)
