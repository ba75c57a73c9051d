"""`aoi status|verify|trace|data|settings`: what there is, where it came from, and whether it is whole."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(status)
    app.command()(verify)
    app.command()(trace)
    app.command("settings")(show_settings)
    app.command("gc")(collect_garbage)
    data = typer.Typer(help="Stored objects.", no_args_is_help=True)
    data.command("show")(show_data)
    data.command("import-aiopslab")(import_aiopslab)
    data.command("purge")(purge_data)
    app.add_typer(data, name="data")


def status(json: Json = False) -> None:
    """On one screen: champion and former ones, open cycle, requests that wait, last cycle, what runs next."""
    from datetime import UTC, datetime

    from flows.console import print_json
    from flows.schedule import planned_runs, told
    from flows.summary import print_status
    from tasks.status import status as find_status
    from tasks.workspace import workspace

    stands, planned = find_status(), planned_runs(workspace().settings.home)
    if json:
        runs = None if planned is None else [one.model_dump(mode="json") for one in planned]
        print_json({**stands.model_dump(mode="json"), "planned": runs})
    else:
        print_status(stands, told(planned, datetime.now(UTC)))


def verify(json: Json = False) -> None:
    """Check the ledger's chain, every champion's files and the registry's alias. Exit 1 if anything is wrong."""
    from flows.console import out, print_json
    from tasks.status import check

    findings = check()
    if json:
        print_json([finding.model_dump(mode="json") for finding in findings])
    else:
        for finding in findings:
            out.print(f"{'ok    ' if finding.ok else 'BROKEN'}  {finding.what}: {finding.detail}", markup=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def trace(
    bundle: Annotated[
        str | None,
        typer.Argument(help="First digits of a bundle digest, as every answer carries it; none means the champion's."),
    ] = None,
    json: Json = False,
) -> None:
    """From an answer to weights, data, code and approver. Needs no server."""
    from flows.console import out, print_json
    from flows.standings import interval
    from tasks.bundles import present_champion
    from tasks.status import trace as find_trace

    origin = find_trace(bundle or present_champion().bundle)
    if json:
        print_json(origin.model_dump(mode="json"))
    else:
        values = origin.model_dump(mode="json", exclude={"schema_version", "gain"})
        for name, value in values.items():
            said = ", ".join(value) if isinstance(value, list) else value
            out.print(
                f"{name.replace('_', ' '):<18} {'-' if said in (None, '') else said}", markup=False, highlight=False
            )
        if origin.gain:
            out.print(f"{'gain':<18} {interval(origin.gain)}")


def show_settings(json: Json = False) -> None:
    """Every setting with its variable and its present value; secrets are not shown."""
    from aoi.settings import Settings
    from flows.console import print_json, table
    from flows.settings_table import rows

    listed = rows(Settings.load())
    if json:
        print_json([row._asdict() for row in listed])
    else:
        table("Settings", ("variable", "value", "default", "meaning"), [tuple(row) for row in listed])


def show_data(
    ref: Annotated[str, typer.Argument(help="kind:digits, as messages print it.")],
    limit: Annotated[int, typer.Option(min=1, help="Rows or lines to show.")] = 20,
) -> None:
    """Print a stored object: JSON lines as they are, one a row. Raises: Permanent for what is no text."""
    from aoi.errors import Permanent
    from tasks.workspace import workspace

    store = workspace().store
    data = store.get(store.find(ref))
    if b"\0" in data:
        raise Permanent(f"{ref} holds {len(data)} bytes that are no text, of a model most likely. It is whole")
    lines = data.decode("utf-8", "replace").splitlines()
    for line in lines[:limit]:
        print(line)
    if len(lines) > limit:
        print(f"... {len(lines) - limit} more; --limit {len(lines)} shows all")


def import_aiopslab(
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="Session files (.json, .jsonl), or folders of them.")
    ],
    json: Json = False,
) -> None:
    """Import sessions that AIOpsLab recorded, redacted. They are looked at, and never learned from as verified.

    A session that cannot be mapped is quarantined with its file, its place in it and the reason. The same files again
    change nothing. Exit status: 1 if nothing could be imported.
    """
    from flows.console import out, print_json, shown_progress
    from tasks.imports import QUARANTINE
    from tasks.imports import import_aiopslab as import_files

    with shown_progress(quiet=json):
        report = import_files(paths)
    if json:
        print_json(report.model_dump(mode="json"))
    else:
        for ref in report.sets:
            out.print(f"imported     {ref} (aoi data show {ref})", markup=False, highlight=False)
        for row in report.unmapped:
            out.print(f"quarantined  {row.file} [{row.index}]: {row.reason}", markup=False, highlight=False)
        kept = f", kept as {QUARANTINE}:{report.quarantine[:12]}" if report.quarantine else ""
        out.print(
            f"{report.sessions} sessions of {report.files} files: {report.imported} imported, of which {report.known} "
            f"were known, {report.quarantined} quarantined{kept}",
            markup=False,
            highlight=False,
        )
    if not report.imported:
        raise typer.Exit(1)


def purge_data(
    secret: Annotated[
        bool, typer.Option("--secret", help="A secret, asked for at the terminal or read as one line of stdin.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out, too; without it, it is only found.")] = False,
    json: Json = False,
) -> None:
    """Find a secret in all that is kept, and take it out. Exit 0 if none is left, 1 if any is.

    It is never an argument, since those are seen by everybody on the machine. Objects that hold it are deleted and
    leave a sign; rows and text files are rewritten. Change the secret as well: what was read once may lie elsewhere.
    """
    from flows.console import print_json, shown_progress
    from flows.summary import print_purge
    from tasks.purge import purge_secret

    if not secret:
        raise typer.BadParameter("say what is to be purged: --secret")
    with shown_progress(quiet=json):
        purged = purge_secret(_asked("Secret"), is_removed=remove)
    if json:
        print_json(purged.model_dump(mode="json"))
    else:
        print_purge(purged, is_removed=remove)
    if not purged.is_clean:
        raise typer.Exit(1)


def _asked(what: str) -> str:
    """Typed unseen at a terminal, else one line of stdin."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def collect_garbage(
    keep_days: Annotated[int, typer.Option(min=1, help="Nothing younger is deleted, whoever needs it.")] = 90,
    remove: Annotated[bool, typer.Option("--remove", help="Delete it; otherwise it is only told.")] = False,
    json: Json = False,
) -> None:
    """Tell what of the store nobody needs any more, or delete it.

    What the ledger names stays, with all that it leads to; so does every answer that was given since, or that somebody
    rated. Not while a cycle is open.
    """
    from flows.console import print_json, shown_progress
    from flows.summary import print_retention
    from tasks.retention import collect_garbage as collect

    with shown_progress(quiet=json):
        found = collect(keep_days, is_removed=remove)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_retention(found)
