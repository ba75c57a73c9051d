"""The Probe's hands: one line in, one redacted observation out. It holds a `ReadTransport` and nothing else.

Nothing that this module imports can build a mutating request (a test reads the import graph).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
    ) -> None:
        """`now` is what ages count from; without it, the server's Date header."""
        self._transport = transport
        self.namespace = namespace
        self._now = now
        self.limit_bytes = limit_bytes

    def run(self, line: str) -> ProbeResult:
        """Parse, read, render. Raises: ClusterUnavailable; every other failure is a result."""
        try:
            command = parse(line, self.namespace)
        except CommandRefused as error:
            return ProbeResult(line, "refused", error=str(error))
        try:
            rendered = run(command, self._transport, self._now() if self._now else None, limit_bytes=self.limit_bytes)
        except CommandRefused as error:  # a name that parses but that no path may hold
            return ProbeResult(line, "refused", error=str(error))
        status: Literal["ok", "failed"] = "failed" if rendered.error else "ok"
        return ProbeResult(line, status, rendered.text, rendered.error, rendered.is_cut, rendered.evidence)
