"""`aoi diagnose`: an answer with evidence. Needs neither Prefect nor MLflow."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from aoi.records.request import MAX_BUDGET_S
from aoi.records.seed import MAX_SEED
from flows.commands.options import AlertFile, Context, Everywhere, Json, Namespaces, Symptoms

if TYPE_CHECKING:
    from aoi.records.alert import Alert
    from aoi.records.diagnosis import Diagnosis
    from aoi.records.request import DiagnosisRequest
    from tasks.diagnose import LiveTarget, SurveyClock

Kind = Literal["detection", "localization", "analysis"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(diagnose)


def diagnose(
    *,
    problem: Annotated[
        str | None, typer.Option("--problem", help="Diagnose an embedded world: id of a problem.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of that world.")] = 0,
    kubeconfig: Annotated[
        str | None, typer.Option(help="Diagnose a live cluster, as an identity that can only read (aoi access print).")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Diagnose a registered cluster (aoi clusters list).")
    ] = None,
    context: Context = None,
    namespace: Namespaces = None,
    all_namespaces: Everywhere = False,
    symptom: Symptoms = None,
    alert: AlertFile = None,
    budget: Annotated[
        float | None, typer.Option(min=1, max=MAX_BUDGET_S, help="Seconds for the whole answer; else the settings'.")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="What a model is asked to find out on a live cluster.")] = "localization",
    demo: Annotated[
        bool, typer.Option("--demo", help="Let the seed model answer on a live cluster, which it was not made for.")
    ] = False,
    events: Annotated[
        str | None,
        typer.Option(help="Write what happens as it happens, a line of JSON each, to this file; - is stderr."),
    ] = None,
    json: Json = False,
) -> None:
    """Diagnose: verdict, component, cause, why, what to do next, evidence, and what was looked at.

    The world of a problem is diagnosed by the champion. A live cluster is surveyed, which gives a verdict of its own;
    with a model server (AOI_SERVER__URL) the champion answers beside it. Ctrl-C ends either early with what it has come
    to, a second one ends the command. Exit status: 0 a verdict (fault, no fault), 2 wrong usage, 3 no answer
    (inconclusive), 69 it cannot work, 75 it may work later, 130 interrupted.
    """
    if problem is not None and (cluster or kubeconfig or context or namespace or all_namespaces or symptom or alert):
        raise typer.BadParameter(
            "--problem is a world of ours, --kubeconfig, --namespace and the like are yours: give one of them"
        )
    if cluster is not None and (kubeconfig or context):
        raise typer.BadParameter("--cluster names a kubeconfig and its context already: give one of them")
    if not (problem or cluster or kubeconfig or context or namespace or all_namespaces or is_configured()):
        raise typer.BadParameter(
            "say where to look: --problem ID (aoi problems list), --cluster NAME (aoi clusters list), or --kubeconfig "
            "FILE --namespace NAME with an identity that can only read (aoi access print)"
        )
    target = target_of(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=namespace,
        is_everywhere=all_namespaces,
        symptoms=symptom,
        alert=alert,
        kind=kind,
    )
    if problem or cluster:
        request = _requested(target, cluster, problem, seed, budget, is_demonstration=demo)
        asked = partial(_diagnose, request)
    else:
        asked = partial(_diagnose_live, target, budget, is_demonstration=demo)
    with _opened(events) as stream:
        diagnosis = _diagnosed(asked, is_quiet=json, events=stream)
    show(diagnosis, as_json=json)


def show(diagnosis: "Diagnosis", *, as_json: bool) -> None:
    """Print it, and end with its exit status."""
    from flows.console import print_json
    from flows.exit_status import status_of
    from flows.transcript import print_diagnosis

    if as_json:
        print_json(diagnosis.model_dump(mode="json"))
    else:
        print_diagnosis(diagnosis)
    if status := status_of(diagnosis.answer):
        raise typer.Exit(status)


def target_of(
    *,
    kubeconfig: str | None,
    context: str | None,
    namespaces: list[str] | None,
    is_everywhere: bool,
    symptoms: list[str] | None,
    alert: str | None,
    kind: Kind = "localization",
) -> "LiveTarget":
    """What the options say about where to look. Raises: typer.BadParameter."""
    from aoi.records.problem import TaskKind
    from tasks.diagnose import LiveTarget

    if namespaces and is_everywhere:
        raise typer.BadParameter("--all-namespaces are all of them, --namespace is one: give one of them")
    return LiveTarget(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=tuple(_checked(name) for name in namespaces or ()),
        is_everywhere=is_everywhere,
        symptoms=tuple(symptoms or ()),
        alerts=_alerts(alert) if alert else (),
        kind=TaskKind(kind),
    )


def _requested(
    target: "LiveTarget",
    cluster: str | None,
    problem: str | None,
    seed: int,
    budget: float | None,
    *,
    is_demonstration: bool,
) -> "DiagnosisRequest":
    """Raises: typer.BadParameter."""
    from pydantic import ValidationError

    from aoi.records.request import DiagnosisRequest

    where = target.model_dump(exclude={"schema_version", "kubeconfig", "context", "alerts"})
    try:
        return DiagnosisRequest(
            **where,
            alerts=target.alerts,
            cluster=cluster,
            problem=problem,
            seed=seed,
            budget_s=budget,
            is_demonstration=is_demonstration and problem is None,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise typer.BadParameter(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _diagnose(request: "DiagnosisRequest", clock: "SurveyClock") -> "Diagnosis":
    from tasks.diagnose import diagnose

    return diagnose(request, clock=clock)


def _diagnose_live(
    target: "LiveTarget", budget: float | None, clock: "SurveyClock", *, is_demonstration: bool
) -> "Diagnosis":
    from tasks.diagnose import diagnose_live

    return diagnose_live(target, is_demonstration=is_demonstration, clock=clock, budget_s=budget)


def _diagnosed(asked: "Callable[[SurveyClock], Diagnosis]", *, is_quiet: bool, events: TextIO | None) -> "Diagnosis":
    from flows.console import shown_progress
    from tasks.diagnose import SurveyClock

    with unavailable_if_refused(), shown_progress(quiet=is_quiet, events=events):
        clock = SurveyClock()
        with ending_early(clock, is_quiet=events is sys.stderr):
            diagnosis = asked(clock)
        if clock.is_stopped and not has_seen_something(diagnosis):
            raise KeyboardInterrupt
        return diagnosis


@contextmanager
def unavailable_if_refused() -> Iterator[None]:
    """Ends with the status of what cannot work; what may work later is told as by every command."""
    from aoi.errors import Permanent
    from flows.exit_status import EX_UNAVAILABLE, print_error

    try:
        yield
    except Permanent as error:
        print_error(error)
        raise typer.Exit(EX_UNAVAILABLE) from None


def has_seen_something(diagnosis: "Diagnosis") -> bool:
    """Whether an interrupted survey read anything that could be told."""
    answer = diagnosis.answer
    return answer is not None and answer.coverage is not None and bool(answer.coverage.looked)


@contextmanager
def _opened(events: str | None) -> Iterator[TextIO | None]:
    """Where events are written, readable by nobody else. Raises: typer.BadParameter for a file that cannot be."""
    if events is None or events == "-":
        yield sys.stderr if events else None
        return
    try:
        handle = os.open(events, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise typer.BadParameter(f"{events} cannot be written: {error.strerror}", param_hint="--events") from None
    stream = os.fdopen(handle, "w", encoding="utf-8")
    try:
        yield stream
    finally:
        with suppress(OSError):  # of what could not be written it was told then
            stream.close()


@contextmanager
def ending_early(clock: "SurveyClock", *, is_quiet: bool = False) -> Iterator[None]:
    """The first Ctrl-C ends a survey or an episode with what it has; the second one, or one at any other time, ends
    the command."""
    if threading.current_thread() is not threading.main_thread():
        yield  # a handler can be set in the main thread only
        return

    def interrupted(number: int, frame: Any) -> None:
        if clock.is_stopped or not clock.is_counting:
            raise KeyboardInterrupt
        clock.stop()
        if not is_quiet:  # lines of JSON stay lines of JSON
            print("\ninterrupted: telling what has been seen. Once more ends at once.", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def is_configured() -> bool:
    """Whether the environment says where to look: a setting, KUBECONFIG, or the pod that this runs in."""
    from aoi.settings import Settings

    named = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")
    return bool(Settings.load().cluster.kubeconfig or any(os.environ.get(name) for name in named))


def _checked(name: str) -> str:
    from aoi.access.alerts import NAMESPACE

    if not NAMESPACE.fullmatch(name):
        raise typer.BadParameter(f"{name!r:.80} is no name of a namespace", param_hint="--namespace")
    return name


def _alerts(file: str) -> "tuple[Alert, ...]":
    """Of a file or stdin. Raises: typer.BadParameter if it cannot be read or is no webhook body."""
    from aoi.access.alerts import MAX_BYTES, read_alerts
    from aoi.errors import AlertUnreadable

    try:
        if file == "-":
            return read_alerts(sys.stdin.buffer.read(MAX_BYTES + 1))
        with Path(file).open("rb") as stream:
            return read_alerts(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="--alert") from None
    except AlertUnreadable as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--alert") from None
