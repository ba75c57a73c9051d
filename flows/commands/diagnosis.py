"""`aoi diagnose`: an answer with evidence. Needs neither Prefect nor MLflow."""

from typing import Annotated, Literal

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(diagnose)


def diagnose(
    *,
    problem: Annotated[
        str | None, typer.Option("--problem", help="Diagnose an embedded world: id of a problem.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of that world.")] = 0,
    kubeconfig: Annotated[
        str | None, typer.Option(help="Diagnose a live cluster, as an identity that can only read (aoi access print).")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Context of the kubeconfig; its current one if not given.")
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Namespace of the live cluster.")] = None,
    kind: Annotated[
        Literal["detection", "localization", "analysis"], typer.Option(help="What to find out on a live cluster.")
    ] = "localization",
    demo: Annotated[
        bool, typer.Option("--demo", help="Let the seed model answer on a live cluster, which it was not made for.")
    ] = False,
    json: Json = False,
) -> None:
    """Diagnose with the champion: verdict, component, cause, confidence, evidence, what it did.

    On a live cluster without a model server (AOI_SERVER__URL) the ranked findings are given, as inconclusive.
    """
    from aoi.records.problem import TaskKind
    from aoi.settings import Settings
    from flows.console import print_json, shown_progress
    from flows.transcript import print_diagnosis
    from tasks.diagnose import LiveTarget, diagnose_live, diagnose_problem

    if problem is not None and (kubeconfig or namespace):
        raise typer.BadParameter(
            "--problem is a world of ours, --kubeconfig and --namespace are yours: give one of them"
        )
    if problem is None and not (kubeconfig or Settings.load().cluster.kubeconfig):
        raise typer.BadParameter(
            "say where to look: --problem ID (aoi problems list), or --kubeconfig FILE --namespace NAME with an "
            "identity that can only read (aoi access print)"
        )
    with shown_progress(quiet=json):
        if problem is not None:
            diagnosis = diagnose_problem(problem, seed)
        else:
            target = LiveTarget(kubeconfig=kubeconfig, context=context, namespace=namespace, kind=TaskKind(kind))
            diagnosis = diagnose_live(target, is_demonstration=demo)
    if json:
        print_json(diagnosis.model_dump(mode="json"))
    else:
        print_diagnosis(diagnosis)
