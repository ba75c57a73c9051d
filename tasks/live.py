"""Look at namespaces of a live cluster: connect as an identity that can only read, choose where, look, keep account.

`tasks/diagnose.py` calls it; it needs neither store nor ledger.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aoi import progress
from aoi.access.alerts import MAX_TEXT, NAMESPACE, clean
from aoi.access.patience import Patience, Patient
from aoi.access.transport import ReadRequest, ReadTransport
from aoi.agents.costs import Account, Counted
from aoi.errors import ClusterRefused, ClusterUnavailable, Permanent, RightsMissing, SettingsError, UnknownNamespace
from aoi.estate.estate import all_namespaces
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from aoi.records.alert import Alert
from aoi.records.base import Record
from aoi.records.coverage import Coverage, Gap
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind
from aoi.settings import ClusterSettings

if TYPE_CHECKING:
    from aoi.access.live import LiveReadTransport

ATTEMPTS = 3
"""Of one read: a list that hangs costs less than half of the budget, and the others are read beside it."""
_NAP_S = 0.2
"""An interrupt is noticed within this time."""
MAX_SYMPTOMS = MAX_ALERTS = 100
"""That are looked for; Alertmanager groups, and a group has few. More are told of."""
MAX_PLACES = 5
"""Namespaces that a next step names one by one."""
AGAIN = "run the diagnosis again: it was interrupted"
RIGHTS = "rights"
"""What a gap is about that tells what a server left untold of the identity."""
REPORTS = ("symptoms", "alerts")
"""What a gap is about that tells of reports for which there was no room."""
INTERRUPTED = "interrupted"
"""How a survey ended that was cut short."""
NOT_FOUND = 404


class LiveTarget(Record):
    """Where to look on a live cluster, and why. What is empty comes from the settings of the group `cluster`."""

    kubeconfig: str | None = None
    """None, in the settings too: the one of KUBECONFIG, ~/.kube/config, or the pod's own account."""
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    """Empty: those that the alerts name, else the one of the settings, else the one of the context."""
    is_everywhere: bool = False
    """Every namespace of the cluster, as far as the identity may read."""
    symptoms: tuple[str, ...] = ()
    """What the operator saw; names of components and objects in it are where the survey begins."""
    alerts: tuple[Alert, ...] = ()
    kind: TaskKind = TaskKind.LOCALIZATION


class SurveyClock:
    """Seconds of the wall clock; `stop` ends every budget that is counted with it, so that a survey ends early.

    Whoever handles an interrupt calls `stop` from its signal handler.
    """

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self.is_stopped = False
        self.is_counting = False
        """Whether a survey or an episode is under way: before, there is nothing that could be given."""

    def __call__(self) -> float:
        """Seconds since some time in the past; infinite once all time is over."""
        return float("inf") if self.is_stopped else time.monotonic()

    def left_s(self, budget_s: float) -> float:
        """Seconds of a budget that are left, counted from when this clock was made."""
        return max(0.0, self._began_s + budget_s - self())

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until time is over."""
        ends_s = time.monotonic() + seconds
        while not self.is_stopped and (left_s := ends_s - time.monotonic()) > 0:
            time.sleep(min(left_s, _NAP_S))

    def stop(self) -> None:
        """Let all time be over."""
        self.is_stopped = True

    @contextmanager
    def counting(self) -> Iterator[None]:
        """While the block runs, an interrupt ends it early with what it has."""
        self.is_counting = True
        try:
            yield
        finally:
            self.is_counting = False


@dataclass(frozen=True)
class Surveyed:
    """A look at everything, with the account of it complete."""

    survey: Survey
    answer: Answer
    """The survey's, with where it was and how often it asked again."""
    symptoms: tuple[str, ...]
    """What the operator said, redacted."""
    alerts: tuple[Alert, ...]
    """Those that were looked for."""
    reports: tuple[str, ...]
    """The same, and what alerts say."""
    account: Account
    """What the look cost."""


@contextmanager
def connected(
    target: LiveTarget, settings: ClusterSettings, clock: SurveyClock | None = None
) -> Iterator["LiveReadTransport"]:
    """The cluster, once the identity was found able to do nothing but look, and to look at some of the namespaces.

    Raises: SettingsError for an identity that can do more, or less than it needs; UnknownNamespace if that is why it
    can do less; ClusterRefused, ClusterUnavailable.
    """
    places, clock = _named(target, settings), clock or SurveyClock()
    opened = partial(_opened, target, settings, places, clock)
    try:
        # Of all namespaces an identity may read some: what is refused in the others is told, and no reason to stop.
        transport = opened(must_read=not target.is_everywhere)
    except RightsMissing:
        with suppress(SettingsError, ClusterRefused, ClusterUnavailable):
            _refuse_unknown(opened(must_read=False), places)
        raise
    try:
        yield transport
    finally:
        transport.close()


def _opened(
    target: LiveTarget, settings: ClusterSettings, places: Sequence[str], clock: SurveyClock, *, must_read: bool
) -> "LiveReadTransport":
    from aoi.access.live import LiveReadTransport  # TLS and clients: half a second
    from aoi.access.live.questions import NEEDED

    kubeconfig = target.kubeconfig or settings.kubeconfig
    return LiveReadTransport(
        Path(kubeconfig) if kubeconfig else None,
        namespaces=places,
        context=target.context or settings.context or None,
        prometheus_url=settings.prometheus_url or None,
        jaeger_url=settings.jaeger_url or None,
        timeout_s=settings.request_s,
        check_s=clock.left_s(settings.budget_s),
        needed_rights=NEEDED if must_read else (),
    )


def _refuse_unknown(transport: "LiveReadTransport", places: Sequence[str]) -> None:
    """Raises: UnknownNamespace for one that is not there: whoever lacks rights in it is told the better reason."""
    try:
        for place in places:
            if transport.read(ReadRequest(f"/api/v1/namespaces/{place}")).status == NOT_FOUND:
                raise UnknownNamespace(
                    f"the cluster has no namespace {place!r}. List them with: kubectl get namespaces; name another "
                    "with -n"
                )
    finally:
        transport.close()


def look(
    transport: "LiveReadTransport",
    target: LiveTarget,
    settings: ClusterSettings,
    clock: SurveyClock | None = None,
    through: Callable[[ReadTransport], ReadTransport] = lambda transport: transport,
) -> Surveyed:
    """Survey the target's namespaces, seen `through` what is put around the transport.

    Raises: UnknownNamespace, ClusterUnavailable, SettingsError, Permanent.
    """
    clock = clock or SurveyClock()
    progress.stage("survey")
    account = Account()
    reader, patience = _reading(transport, settings, clock, lambda inner: Counted(through(inner), account, "survey"))
    places: Sequence[str] = _named(target, settings) or (transport.config.namespace,)
    if target.is_everywhere:
        places = all_namespaces(reader)
        transport.check(places, clock.left_s(settings.budget_s))
    told, alerts, reports = _reported(target)
    with clock.counting(), account.timing("survey"):
        surveyed = survey(reader, places, reports)
    where = {"cluster": transport.config.server, "context": transport.config.context}
    retried = sum(sum(troubles.values()) for troubles in patience.retried.values())
    gaps = (*surveyed.coverage.gaps, *_untold(transport.checked.untold), *_left_out(target))
    surveyed_so = Surveyed(surveyed, surveyed.answer, told, alerts, reports, account)
    return _accounted(surveyed_so, {**where, "retried": retried, "gaps": gaps}, is_stopped=clock.is_stopped)


def look_again(
    transport: ReadTransport,
    target: LiveTarget,
    *,
    retried: int = 0,
    untold: Sequence[str] = (),
    is_interrupted: bool = False,
) -> Surveyed:
    """What `look` came to, from reads that were recorded. Raises: UnknownNamespace, ClusterUnavailable, Permanent."""
    progress.stage("survey")
    account = Account()
    reader = Reader(Counted(transport, account, "survey"), budget_s=float("inf"))
    places: Sequence[str] = all_namespaces(reader) if target.is_everywhere else target.namespaces
    told, alerts, reports = _reported(target)
    with account.timing("survey"):
        surveyed = survey(reader, places, reports)
    gaps = (*surveyed.coverage.gaps, *_untold(untold), *_left_out(target))
    surveyed_so = Surveyed(surveyed, surveyed.answer, told, alerts, reports, account)
    return _accounted(surveyed_so, {"retried": retried, "gaps": gaps}, is_stopped=is_interrupted)


def _untold(reasons: Sequence[str]) -> Iterator[Gap]:
    """What the server did not tell of the identity's rights."""
    return (Gap(what=RIGHTS, namespace="", reason="skipped", detail=why) for why in reasons)


def _reported(target: LiveTarget) -> tuple[tuple[str, ...], tuple[Alert, ...], tuple[str, ...]]:
    """What the operator said, redacted; the alerts; and what both say."""
    told = tuple(clean(text, MAX_TEXT) for text in target.symptoms[:MAX_SYMPTOMS])
    alerts = target.alerts[:MAX_ALERTS]
    return told, alerts, (*told, *(alert.symptom for alert in alerts))


def _accounted(surveyed: Surveyed, account: dict[str, Any], *, is_stopped: bool) -> Surveyed:
    """With what the coverage has to add, and what reports and an interruption forbid to say."""
    coverage = surveyed.survey.coverage.model_copy(update=account)
    answer = surveyed.answer.model_copy(update={"coverage": coverage})
    if surveyed.reports:
        answer = _unless_reported(answer)
    return replace(surveyed, answer=_cut_short(answer, coverage) if is_stopped else answer)


def _left_out(target: LiveTarget) -> Iterator[Gap]:
    """What was reported and nobody looked for."""
    counted = ((len(target.symptoms), MAX_SYMPTOMS), (len(target.alerts), MAX_ALERTS))
    for what, (count, most) in zip(REPORTS, counted, strict=True):
        if count > most:
            yield Gap(what=what, namespace="", reason="cut", detail=f"the first {most} of {count} were looked for")


def again_in(transport: "LiveReadTransport", settings: ClusterSettings, place: str, reports: Sequence[str]) -> Survey:
    """A survey of one of the namespaces alone, with names as people use them there. Raises: ClusterUnavailable."""
    return survey(_reading(transport, settings, SurveyClock(), lambda inner: inner)[0], (place,), reports)


def _reading(
    transport: "LiveReadTransport",
    settings: ClusterSettings,
    clock: SurveyClock,
    through: Callable[[ReadTransport], ReadTransport],
) -> tuple[Reader, Patience]:
    """Reads in parallel, again where that can help, within what is left of one budget."""
    from aoi.access.live.transport import PARALLEL_READS

    left_s = clock.left_s(settings.budget_s)
    patience = Patience(left_s, attempts=ATTEMPTS, clock=clock, sleep=clock.sleep)
    patient = Patient(transport, patience, request_s=settings.request_s)
    reader = Reader(through(patient), threads=PARALLEL_READS, budget_s=left_s, clock=clock)
    return reader, patience


def _unless_reported(answer: Answer) -> Answer:
    """Somebody saw something: that nothing was found does not explain it."""
    why = f"{answer.summary}; what was reported names no component that was read, or lies outside"
    places = answer.coverage.namespaces if answer.coverage else ()
    return _without_verdict(answer, why, *(f"kubectl get events -n {place}" for place in places[:MAX_PLACES]))


def _cut_short(answer: Answer, coverage: Coverage) -> Answer:
    """What an interrupted survey may say: a fault that it saw, never that there is none."""
    gap = Gap(
        what="survey", namespace="", reason="skipped", detail="interrupted by whoever asked: the rest was not read"
    )
    told = answer.model_copy(update={"coverage": coverage.model_copy(update={"gaps": (*coverage.gaps, gap)})})
    return _without_verdict(told, "what was read before the interruption shows no fault; the rest was not read", AGAIN)


def _without_verdict(answer: Answer, why: str, *then: str) -> Answer:
    """`inconclusive` for `no_fault`; every other answer as it is."""
    if answer.verdict != "no_fault":
        return answer
    return answer.model_copy(update={"verdict": "inconclusive", "confidence": 0.0, "summary": why, "next": then})


def _named(target: LiveTarget, settings: ClusterSettings) -> tuple[str, ...]:
    """The namespaces that somebody named; empty for the one of the context, and where all are meant.

    Raises: Permanent for what can be no name of one.
    """
    if target.is_everywhere:
        return ()
    alerted = tuple(alert.namespace for alert in target.alerts[:MAX_ALERTS] if alert.namespace)
    places = target.namespaces or alerted or ((settings.namespace,) if settings.namespace else ())
    for place in places:
        if not re.fullmatch(NAMESPACE, place):
            raise Permanent(f"{place!r:.80} is no name of a namespace. List them with: kubectl get namespaces")
    return tuple(dict.fromkeys(places))
