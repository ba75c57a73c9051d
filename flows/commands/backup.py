"""`aoi backup|restore`: this home as a folder, and back into an empty one."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("backup")(back_up)
    app.command("restore")(restore)


def back_up(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, on another disk.")],
    json: Json = False,
) -> None:
    """Copy ledger, answers, objects and registry into a folder, while others go on. Exit 1 if something was damaged.

    Objects that nothing needs any more are left out, and so is what can be made again. What lies on other servers is
    named. It is for its owner alone: it holds what the home holds.
    """
    from flows.console import err, out, print_json, shown_progress
    from tasks.backup import back_up as make

    with shown_progress(quiet=json):
        made = make(folder)
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        out.print(f"backed up {made.objects} objects and {', '.join(made.databases) or 'no database'}", markup=False)
        for place in made.elsewhere:
            out.print(f"elsewhere {place}", markup=False)
        if made.variables:
            out.print(f"note down the values of {', '.join(made.variables)}", markup=False)
        for lost in made.damaged:
            err.print(f"damaged   {lost}", markup=False)
    if made.damaged:
        raise typer.Exit(1)


def restore(
    folder: Annotated[Path, typer.Argument(exists=True, help="What `aoi backup` made.")],
    json: Json = False,
) -> None:
    """Put a backup into the home of AOI_HOME, which has to be empty and may lie anywhere. Then: `aoi verify`."""
    from flows.console import out, print_json, shown_progress
    from tasks.backup import restore as put_back

    with shown_progress(quiet=json):
        kept = put_back(folder)
    if json:
        print_json(kept.model_dump(mode="json"))
    else:
        out.print(f"restored {kept.objects} objects and {', '.join(kept.databases) or 'no database'} of {kept.at}")
        for place in kept.elsewhere:
            out.print(f"restore yourself: {place}", markup=False)
        out.print("now look: aoi verify")
