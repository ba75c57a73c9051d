"""Diagnose a registered cluster or an embedded world, as a deployment. `aoi diagnose` needs no Prefect."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, Self
from uuid import UUID

import orjson
from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.states import Completed, State
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from typing_extensions import override

from aoi import progress
from aoi.access.alerts import read_alerts
from aoi.access.redaction import redact_text
from aoi.errors import NothingFires
from aoi.records.diagnosis import Diagnosis
from aoi.records.event import Event, Surveyed
from aoi.records.problem import TaskKind
from aoi.records.request import MAX_BUDGET_S, ClusterName, DiagnosisRequest, NamespaceName, Symptom
from aoi.records.seed import MAX_SEED
from flows.events import EventLog
from flows.markdown import page
from flows.runs import watched
from tasks.diagnose import SurveyClock, diagnose

SURVEYED, STEP, ENDED = 50.0, 5.0, 100.0
"""Per cent of the progress that Prefect's page shows: after the survey, for each step of a model, at the end."""


class DiagnoseParameters(BaseModel):
    """Where to look, and why. Prefect's page makes a form of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cluster: ClusterName | None = Field(default=None, description="A registered cluster, see `aoi clusters list`.")
    namespaces: tuple[NamespaceName, ...] = Field(
        default=(), description="Empty: those that the alerts name, else those that the cluster was registered with."
    )
    is_everywhere: bool = Field(default=False, description="Every namespace that the identity may read.")
    symptoms: tuple[Symptom, ...] = Field(default=(), description="What you saw, in words; no secrets.")
    alertmanager: dict[str, JsonValue] | None = Field(
        default=None, description="What Alertmanager posts to a webhook (version 4)."
    )
    kind: Literal["detection", "localization", "analysis"] = Field(
        default="localization", description="What a model is asked to find out."
    )
    budget_s: float | None = Field(
        default=None, gt=0, le=MAX_BUDGET_S, description="Seconds for the whole answer; else those of the settings."
    )
    problem: str | None = Field(
        default=None, description="In the place of a cluster: id of an embedded problem, see `aoi problems list`."
    )
    seed: int = Field(default=0, ge=0, le=MAX_SEED, description="Of the problem's world.")

    @model_validator(mode="after")
    def _is_a_request(self) -> Self:
        with suppress(NothingFires):  # whoever posted it posted nothing wrong
            self.request()
        return self

    def request(self) -> DiagnosisRequest:
        """As every face asks. Raises: ValueError, AlertUnreadable, NothingFires."""
        alerts = read_alerts(orjson.dumps(self.alertmanager)) if self.alertmanager else ()
        fields = self.model_dump(exclude={"alertmanager", "kind"})
        return DiagnosisRequest(**fields, alerts=alerts, kind=TaskKind(self.kind))


@watched
@flow(name="diagnose")
def diagnose_on_demand(parameters: DiagnoseParameters) -> Diagnosis | State[None]:
    """Diagnose, with a line in the log for what happens, and leave the answer as an artifact.

    A run that is cancelled ends its look early, keeps what it has come to, and is cancelled then. One that was started
    by alerts of which none fires any more is complete, and says so.
    """
    try:
        request = parameters.request()
    except NothingFires as error:
        return Completed(message=f"Nothing to diagnose: {error}")
    clock = SurveyClock()
    with _ending_on_termination(clock):
        with progress.reporting_to(_Shown(get_run_logger())) as shown:
            diagnosis = diagnose(request, clock=clock)
            shown.reach(ENDED)
        create_markdown_artifact(key="diagnosis", markdown=page(diagnosis), description=diagnosis.kept_as)
    if clock.is_stopped:
        signal.raise_signal(signal.SIGTERM)  # held back until the answer was kept
    return diagnosis


class _Shown(EventLog):
    """Lines in the log, and a bar on the page of the run."""

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[Any]") -> None:
        super().__init__(logger)
        self._warn = logger.warning
        self._bar: UUID | None = None
        self._at = 0.0
        with self._unharmed():
            self._bar = UUID(str(create_progress_artifact(0.0, key="diagnosis-progress")))

    @override
    def tell(self, event: Event) -> None:
        """Log it, and move the bar."""
        super().tell(event)
        step = getattr(event, "step", 0)
        self.reach(SURVEYED if isinstance(event, Surveyed) else SURVEYED + STEP * step)

    def reach(self, percent: float) -> None:
        """Move the bar, never back, and not to its end before the end."""
        if self._bar is not None and percent > self._at:
            self._at = percent
            with self._unharmed():
                update_progress_artifact(self._bar, min(percent, 95.0) if percent < ENDED else ENDED)

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        """A Prefect server that is away costs the bar, and not the diagnosis nor, more than once, its time."""
        try:
            yield
        except Exception as error:
            self._bar = None
            self._warn("the progress is not shown: %s", redact_text(f"{type(error).__name__}: {error}"))


@contextmanager
def _ending_on_termination(clock: SurveyClock) -> Iterator[None]:
    """The first SIGTERM, which is how Prefect cancels, ends the look early; a second one ends the run."""
    if threading.current_thread() is not threading.main_thread():
        yield  # a handler can be set in the main thread only
        return
    before = signal.getsignal(signal.SIGTERM)

    def stopped(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, before)
        clock.stop()

    signal.signal(signal.SIGTERM, stopped)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
