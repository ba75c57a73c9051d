"""How commands end, for scripts and supervisors."""

import sys
from typing import TYPE_CHECKING

from aoi.visible import visible

if TYPE_CHECKING:
    from aoi.records.episode import Answer

WRONG = 1
"""Refused or wrong; `aoi verify` found something broken."""
NO_ANSWER = 3
"""A diagnosis came to no verdict: it is inconclusive, or a model gave none. The output says what would settle it."""
EX_UNAVAILABLE = 69
"""sysexits.h. A diagnosis was not possible and will not be: no such namespace, a refused identity, a wrong setting."""
EX_TEMPFAIL = 75
"""sysexits.h: a failure that may pass; cron and supervisors know to try again."""
INTERRUPTED = 130
"""By Ctrl-C."""
TERMINATED = 143
"""By SIGTERM, which ends a command in the same way."""


def status_of(answer: "Answer | None") -> int:
    """0 for a verdict."""
    return NO_ANSWER if answer is None or answer.verdict == "inconclusive" else 0


def print_error(error: Exception) -> None:
    """What a command ends with, on stderr: names in it come from files and servers."""
    for place, line in enumerate(str(error).split("\n")):
        print(visible(line) if place else f"error: {visible(line)}", file=sys.stderr)
