"""Record a look at a live cluster as one file, and look at it again without the cluster.

The survey answers in both: no model is asked. Whoever records sees what is written, so that both answers are equal.
"""

import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aoi import progress
from aoi.access.recording import RecordedTransport, Recorder, load, save
from aoi.access.transport import ReadTransport
from aoi.errors import Permanent
from aoi.records.base import Sha256
from aoi.records.diagnosis import Diagnosis
from aoi.records.recording import RecordingHead
from tasks.answers import kept
from tasks.diagnose import of_survey
from tasks.live import INTERRUPTED, REPORTS, RIGHTS, LiveTarget, SurveyClock, Surveyed, connected, look, look_again
from tasks.workspace import workspace

if TYPE_CHECKING:
    from aoi.access.live import LiveReadTransport

SURVEY = "survey"


def record_live(target: LiveTarget, to: Path, clock: SurveyClock | None = None) -> tuple[Diagnosis, RecordingHead]:
    """Diagnose namespaces of a live cluster by the survey, and write all that it read to a new file.

    Raises: as `tasks.diagnose.diagnose_live`; Permanent if the file is there already, StoreNotWritable.
    """
    if to.exists() or not to.parent.is_dir():
        why = "exists already" if to.exists() else "lies in a folder that does not exist"
        raise Permanent(f"{to} {why}: name another file with --to")
    clock = clock or SurveyClock()
    settings = workspace().settings.cluster
    began = time.monotonic()
    with connected(target, settings, clock) as transport:
        recorders: list[Recorder] = []

        def through(inner: ReadTransport) -> ReadTransport:
            recorders.append(Recorder(inner, _addresses(transport), lambda: clock.left_s(settings.budget_s)))
            return recorders[-1]

        surveyed = _without_place(look(transport, target, settings, clock, through))
    progress.stage("write")
    head = save(to, _head(surveyed, target, recorders[0], is_interrupted=clock.is_stopped), recorders[0].reads)
    ended = INTERRUPTED if clock.is_stopped else SURVEY
    return kept(of_survey(surveyed, target, ended, time.monotonic() - began)), head


def replay(file: Path) -> tuple[Diagnosis, RecordingHead, Sha256]:
    """The diagnosis of a recording, with the digest of its answer. Raises: RecordingUnreadable, UnknownNamespace."""
    began = time.monotonic()
    recording = load(file)
    head = recording.head
    target = LiveTarget(
        namespaces=head.namespaces, is_everywhere=head.is_everywhere, symptoms=head.symptoms, alerts=head.alerts
    )
    surveyed = look_again(
        RecordedTransport(recording),
        target,
        retried=head.retried,
        untold=head.untold,
        is_interrupted=head.is_interrupted,
    )
    ended = INTERRUPTED if head.is_interrupted else SURVEY
    diagnosis = kept(of_survey(surveyed, target, ended, time.monotonic() - began), is_listed=False)
    return diagnosis, head, surveyed.answer.digest()


def _addresses(transport: "LiveReadTransport") -> tuple[str, ...]:
    """By which the server could be found. An IP address alone stays: it is a node's too, and logs tell of it."""
    server = transport.config.server
    parts = urlsplit(server)
    host = parts.hostname or ""
    is_name = "." in host and any(character.isalpha() for character in host)
    return (server, parts.netloc, host if is_name else "")


def _without_place(surveyed: Surveyed) -> Surveyed:
    """A recording does not tell which cluster it is of, and neither does its answer."""
    coverage = surveyed.answer.coverage or surveyed.survey.coverage
    # Nor of reports beyond those that were looked for: it holds the others alone.
    gaps = tuple(gap for gap in coverage.gaps if gap.what not in REPORTS)
    nowhere = coverage.model_copy(update={"cluster": "", "context": "", "gaps": gaps})
    return replace(surveyed, answer=surveyed.answer.model_copy(update={"coverage": nowhere}))


def _head(surveyed: Surveyed, target: LiveTarget, recorder: Recorder, *, is_interrupted: bool) -> RecordingHead:
    coverage = surveyed.answer.coverage or surveyed.survey.coverage
    return RecordingHead(
        aoi_version=version("aoi"),
        clock=recorder.clock,
        namespaces=surveyed.survey.estate.namespaces,
        is_everywhere=target.is_everywhere,
        symptoms=surveyed.symptoms,
        alerts=surveyed.alerts,
        retried=coverage.retried,
        untold=tuple(gap.detail for gap in coverage.gaps if gap.what == RIGHTS),
        is_interrupted=is_interrupted,
        answer=surveyed.answer.digest(),
        reads=0,
        sha256="",
    )
