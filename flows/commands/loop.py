"""`aoi retrain`, `aoi collect`, `aoi evaluate`, `aoi ui`: the loop and its parts, started by hand."""

from typing import Annotated, Literal

import typer

from aoi.records.seed import MAX_SEED
from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(retrain)
    app.command()(collect)
    app.command()(evaluate)
    app.command()(ui)


def retrain(
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Approve what the gate proposes without asking. For demonstrations.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Pause until a reviewer has filled in the form in the Prefect UI.")
    ] = False,
    json: Json = False,
) -> None:
    """Run one cycle: collect, validate, evolve, train, evaluate, ask for promotion. Continues an unfinished one."""
    from aoi.errors import SettingsError
    from flows.console import print_json, shown_progress
    from flows.server import prefect_server
    from tasks.workspace import keep_settings, workspace

    if wait and workspace().settings.gate.team:
        raise SettingsError("in team mode a form cannot prove who fills it in: leave --wait out, then `aoi review`")
    keep_settings()  # a store that refuses writes is told now, not after an hour
    # The server first: Prefect reads its address when it is imported.
    with shown_progress(quiet=json), prefect_server(workspace().settings.home):
        from flows.retrain import RetrainParameters
        from flows.retrain import retrain as flow
        from flows.runs import crash_dead_runs
        from flows.summary import print_report

        crash_dead_runs()
        made = flow(RetrainParameters(auto_approve=auto_approve, wait_for_approval=wait))
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        print_report(made)


def collect(
    problems: Annotated[int, typer.Option(min=1, help="Problems of the training split.")] = 16,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the sample and of every episode.")] = 0,
    json: Json = False,
) -> None:
    """Collect episodes of the champion, outside of any cycle, and store them."""
    from aoi.store.shards import read_set
    from flows.console import out, print_json, shown_progress
    from tasks.collect import collect_outside
    from tasks.workspace import workspace

    with shown_progress(quiet=json):
        ref = collect_outside(problems, seed)
    grades = [row.content.outcome.success for row in read_set(workspace().store, ref)]
    solved = sum(grades)
    if json:
        print_json({"set": ref.short, "sha256": ref.sha256, "episodes": len(grades), "solved": solved})
    else:
        out.print(f"{ref.short}  {len(grades)} episodes, {solved} solved. Look: aoi data show {ref.short}")


def evaluate(
    challenger: Annotated[str, typer.Argument(help="Registered version, or alias, to compare with the champion.")],
    split: Annotated[Literal["development", "test"], typer.Option(help="Which held-out problems.")] = "test",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of problems, worlds and sampling.")] = 0,
    json: Json = False,
) -> None:
    """Compare a version with the champion on held-out problems, beside the references. Decides and changes nothing."""
    from flows.console import print_json, shown_progress
    from flows.summary import print_evaluation
    from tasks.evaluate import evaluate_outside

    with shown_progress(quiet=json):
        measured = evaluate_outside(challenger, split, seed)
    if json:
        print_json(measured.model_dump(mode="json"))
    else:
        print_evaluation(measured.evaluation, measured.standings)


def ui(
    prefect_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the Prefect UI.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the MLflow UI.")] = 5000,
) -> None:
    """Serve both UIs on the same state, on loopback, until Ctrl-C."""
    from flows.ui import serve
    from tasks.workspace import workspace

    serve(workspace().settings, prefect_port, mlflow_port)
