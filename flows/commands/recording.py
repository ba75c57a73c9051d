"""`aoi record` and `aoi replay`: a look at a live cluster as one file, and the same look again without the cluster."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.diagnosis import (
    ending_early,
    has_seen_something,
    is_configured,
    show,
    target_of,
    unavailable_if_refused,
)
from flows.commands.options import AlertFile, Context, Everywhere, Json, Namespaces, Symptoms

if TYPE_CHECKING:
    from aoi.records.diagnosis import Diagnosis
    from tasks.diagnose import LiveTarget


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(record)
    app.command()(replay)


def record(
    *,
    to: Annotated[Path, typer.Option("--to", help="The file to write, which must not exist yet.")],
    kubeconfig: Annotated[
        str | None, typer.Option(help="Of an identity that can only read (aoi access print), as for aoi diagnose.")
    ] = None,
    context: Context = None,
    namespace: Namespaces = None,
    all_namespaces: Everywhere = False,
    symptom: Symptoms = None,
    alert: AlertFile = None,
    json: Json = False,
) -> None:
    """Diagnose a live cluster by the survey, and write all that it read to one file, redacted.

    The file replays to the same answer anywhere (aoi replay). It holds no credential that was recognised, no token and
    no address of the server; names, events, logs and configuration are in it, so read it before you hand it on.
    Exit status: as of aoi diagnose.
    """
    if not (kubeconfig or context or namespace or all_namespaces or is_configured()):
        raise typer.BadParameter(
            "say where to look: --kubeconfig FILE --namespace NAME with an identity that can only read "
            "(aoi access print)"
        )
    target = target_of(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=namespace,
        is_everywhere=all_namespaces,
        symptoms=symptom,
        alert=alert,
    )
    diagnosis, said = _recorded(target, to, is_quiet=json)
    print(said, file=sys.stderr)
    show(diagnosis, as_json=json)


def _recorded(target: "LiveTarget", to: Path, *, is_quiet: bool) -> "tuple[Diagnosis, str]":
    from flows.console import shown_progress
    from tasks.diagnose import SurveyClock
    from tasks.recording import record_live

    clock = SurveyClock()
    with unavailable_if_refused(), shown_progress(quiet=is_quiet), ending_early(clock):
        diagnosis, head = record_live(target, to, clock)
    if clock.is_stopped and not has_seen_something(diagnosis):
        to.unlink()
        raise KeyboardInterrupt
    size = to.stat().st_size
    return diagnosis, f"recorded {head.reads} reads, {size} bytes: {to}. Look again: aoi replay {to}"


def replay(
    file: Annotated[Path, typer.Argument(help="What `aoi record` wrote.")],
    json: Json = False,
) -> None:
    """Diagnose a recording by the survey, without its cluster. Ages are counted up to when it was recorded.

    Says so on stderr if this version comes to another answer than the one that recorded. Exit status: as of aoi
    diagnose.
    """
    from flows.console import shown_progress
    from tasks.recording import replay as look_again

    with unavailable_if_refused(), shown_progress(quiet=json):
        diagnosis, head, answer = look_again(file)
    if answer != head.answer:
        print(
            f"note: version {head.aoi_version} answered differently when it recorded this (answer "
            f"{head.answer[:12]}, now {answer[:12]})",
            file=sys.stderr,
        )
    show(diagnosis, as_json=json)
