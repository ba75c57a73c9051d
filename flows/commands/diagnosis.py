"""`aoi diagnose`: an answer with evidence. Needs neither Prefect nor MLflow."""

from typing import Annotated

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(diagnose)


def diagnose(
    problem: Annotated[str, typer.Option("--problem", help="Diagnose an embedded world: id of a problem.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    json: Json = False,
) -> None:
    """Diagnose a world with the champion: verdict, component, cause, confidence, evidence, what it did."""
    from flows.console import print_json
    from flows.transcript import print_diagnosis
    from tasks.diagnose import diagnose_problem

    found = diagnose_problem(problem, seed)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_diagnosis(found)
