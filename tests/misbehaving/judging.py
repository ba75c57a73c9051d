"""A diagnosis of a misbehaving server by the real use case, timed, and what is wrong with what came of it."""

import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aoi.access.live.connections import MAX_BYTES
from aoi.access.live.transport import PARALLEL_READS
from aoi.errors import AoiError
from aoi.records.diagnosis import Diagnosis
from tasks.diagnose import LiveTarget, diagnose_live
from tasks.workspace import workspace
from tests.estate.estates import SHOP
from tests.misbehaving.case import REQUEST_S, SLACK_S, Case
from tests.misbehaving.server import misbehaving

MEMORY_BYTES = 2 * PARALLEL_READS * MAX_BYTES
"""Most that a diagnosis may hold at once: each reader one answer of the largest size, and a copy of it."""


@dataclass(frozen=True)
class Told:
    """What came of one case."""

    case: Case
    said: Diagnosis | AoiError
    seconds: float
    requests: int
    peak_bytes: int = 0

    @property
    def verdict(self) -> str:
        """Of a diagnosis, or the class of the error."""
        if isinstance(self.said, Diagnosis):
            return self.said.answer.verdict if self.said.answer else "none"
        return type(self.said).__name__

    @property
    def gaps(self) -> dict[str, str]:
        """What was not read -> why."""
        coverage = self.said.answer.coverage if isinstance(self.said, Diagnosis) and self.said.answer else None
        return {gap.what: gap.reason for gap in coverage.gaps} if coverage else {}


def wrong(told: Told, *, is_broken: bool = False) -> Iterator[str]:
    """What a diagnosis of the calm namespace, or of the broken one, must not be."""
    case, verdict = told.case, told.verdict
    if told.seconds > case.within_s + SLACK_S:
        yield f"took {told.seconds:.1f} s of {case.within_s} s"
    if told.peak_bytes > MEMORY_BYTES:
        yield f"held {told.peak_bytes} bytes"
    if isinstance(told.said, AoiError):
        if not case.is_silent:
            yield f"no answer: {told.said}"
        return
    if not is_broken and verdict == "fault":
        yield f"accused {told.said.answer and told.said.answer.summary}"
    if is_broken and verdict == "no_fault":
        yield "said that nothing is wrong"
    if not case.loses and not is_broken and verdict != "no_fault":
        yield f"said {verdict} though nothing was lost: {told.gaps}"
    yield from _untold(case, told.gaps)


def _untold(case: Case, gaps: Mapping[str, str]) -> Iterator[str]:
    for what in case.loses:
        if not any(gap == what or gap.startswith(f"{what} ") for gap in gaps):
            yield f"did not tell that {what} was lost, only {sorted(gaps)}"


def diagnosed(case: Case, objects: Mapping[str, list[Any]]) -> Told:
    """Serve the objects, misbehave, diagnose."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="misbehaving-")))
        if case.serving is not None:
            return told_of(case, stack.enter_context(case.serving(folder)))
        server = stack.enter_context(misbehaving(case.answer, case.hits, objects))
        kubeconfig = server.kubeconfig(folder / "config")
        return told_of(case, kubeconfig, lambda: len(server.requests))


def told_of(case: Case, kubeconfig: Path, requests: Any = lambda: 0) -> Told:
    """Diagnose by a kubeconfig, within the case's budget."""
    target = LiveTarget(kubeconfig=str(kubeconfig), namespaces=(SHOP,))
    with home(kubeconfig.parent / "home", case.within_s):
        workspace()
        if case.is_large:
            tracemalloc.start()
        began = time.monotonic()
        try:
            said: Diagnosis | AoiError = diagnose_live(target)
        except AoiError as error:
            said = error
        seconds = time.monotonic() - began
        peak = tracemalloc.get_traced_memory()[1] if case.is_large else 0
        tracemalloc.stop()
    return Told(case, said, seconds, requests(), peak)


@contextmanager
def home(folder: Path, budget_s: float) -> Iterator[None]:
    """Settings of an installation of its own, with budgets of seconds."""
    given = {
        "AOI_HOME": str(folder),
        "AOI_CLUSTER__BUDGET_S": str(budget_s),
        "AOI_CLUSTER__REQUEST_S": str(REQUEST_S),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    workspace.cache_clear()
    try:
        yield
    finally:
        workspace().database.close()
        workspace.cache_clear()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
