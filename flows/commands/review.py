"""`aoi review`, `aoi rollback`, `aoi reconcile`: the human part of a promotion."""

from typing import Annotated

import typer

from aoi.errors import Permanent
from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(review)
    app.command()(rollback)
    app.command()(reconcile)


def review(
    request: Annotated[
        str | None,
        typer.Argument(help="First digits of a request; none shows the newest open one. A decision needs them."),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve and promote.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject; the champion stays.")] = False,
    comment: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
    json: Json = False,
) -> None:
    """Show the open promotion request and its page; decide it with --approve or --reject."""
    from flows.console import out, print_json
    from flows.summary import print_request
    from tasks.review import decide_request, find_request, page_of

    if approve and reject:
        raise Permanent("--approve and --reject exclude each other: choose one")
    if (approve or reject) and not request:
        raise typer.BadParameter("a decision names the request that was read: aoi review DIGITS --approve")
    opened = find_request(request)
    if not approve and not reject:
        if json:
            print_json(opened.model_dump(mode="json"))
        else:
            print_request(opened, page_of(opened.request.cycle))
        return
    outcome = decide_request(opened, "approve" if approve else "reject", comment, _passphrase)
    if json:
        print_json({"request": opened.sha256, "outcome": outcome})
    else:
        out.print(outcome, markup=False)


def _passphrase() -> str:
    """Of the key that signs, typed at the terminal and shown nowhere."""
    return str(typer.prompt("passphrase of AOI_APPROVAL__KEY", hide_input=True, err=True))


def rollback(
    to: Annotated[
        str | None, typer.Option(help="First digits of a former champion's bundle; none means the one before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
    json: Json = False,
) -> None:
    """Return to a former champion. Always allowed, also while promotions are frozen."""
    from flows.console import out, print_json
    from tasks.promote import roll_back

    champion = roll_back(to, reason)
    if json:
        print_json(champion.model_dump(mode="json"))
    else:
        out.print(f"champion is version {champion.version} again, bundle {champion.bundle[:12]}", markup=False)


def reconcile(json: Json = False) -> None:
    """Make the registry follow the ledger, and Prefect what became of killed runs; say if a retraining is wanted."""
    from flows.console import out, print_json
    from tasks.promote import reconcile as follow_the_ledger
    from tasks.wanted import retraining_wanted

    crashed = _crash_dead_runs()
    changed, wanted = follow_the_ledger(), retraining_wanted()
    if json:
        asked = wanted.model_dump(mode="json") if wanted else None
        print_json({"changed": changed, "wanted": asked, "crashed": crashed})
        return
    for line in crashed:
        out.print(line, markup=False)
    out.print("the alias follows the ledger again" if changed else "the alias was right already", markup=False)
    if wanted:
        out.print(f"a retraining is wanted: {wanted.reason}. Begin it: aoi retrain", markup=False)


def _crash_dead_runs() -> list[str]:
    """As `flows.runs` does, with a Prefect server only where there is something to tell it."""
    from flows.server import prefect_server
    from tasks.runs import dead_runs
    from tasks.workspace import workspace

    if not dead_runs():
        return []
    # The server first: Prefect reads its address when it is imported.
    with prefect_server(workspace().settings.home):
        from flows.runs import crash_dead_runs

        return crash_dead_runs()
