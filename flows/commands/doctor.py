"""`aoi doctor`: what this installation stands on, and whether it holds."""

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(doctor)


def doctor(json: Json = False) -> None:
    """Look at all that this installation stands on. Exit 1 if anything is broken."""
    from flows.console import out, print_json
    from tasks.doctor import examine

    found = []
    for each in examine():
        found.append(each)
        if not json:
            word = each.state.upper() if each.state in ("warning", "broken") else each.state
            out.print(f"{word:<8} {each.part:<13} {each.detail}", markup=False, highlight=False, soft_wrap=True)
    if json:
        print_json([each.model_dump(mode="json") for each in found])
    if any(each.state == "broken" for each in found):
        raise typer.Exit(1)
