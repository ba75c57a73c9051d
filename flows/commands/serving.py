"""`aoi serve` and `aoi mcp`: diagnoses over HTTP and for assistants, and the tokens of those who ask."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.commands.options import Json

if TYPE_CHECKING:
    from aoi.database.tokens import TokenBook

Named = Annotated[str, typer.Argument(help="Of the person or program that has the token.")]


def add_to(app: typer.Typer) -> None:
    """Register the group, which is a command as well."""
    group = typer.Typer(help="Diagnoses over HTTP.", invoke_without_command=True)
    group.callback()(serve)
    token = typer.Typer(help="Who may ask.", no_args_is_help=True)
    token.callback()(_token)
    token.command()(add)
    token.command("list")(list_)
    token.command()(revoke)
    group.add_typer(token, name="token")
    app.add_typer(group, name="serve")
    app.command("mcp")(assist)


def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; AOI_SERVE__HOST, by default 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one; AOI_SERVE__PORT.")] = None,
    json: Json = False,
) -> None:
    """Serve diagnoses of registered clusters over HTTP, until SIGTERM or Ctrl-C.

    Whoever asks sends a token (aoi serve token add). At the end diagnoses that run are ended early and keep what they
    have come to, and those that wait are made by the next server on the same database, also after a crash.
    """
    if context.invoked_subcommand is not None:
        return
    from aoi.errors import SettingsError
    from aoi.settings import ServeSettings
    from flows.console import print_json
    from tasks.workspace import workspace

    try:
        from flows.serving.server import serve as run
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed, and the HTTP service needs it: pip install 'aoi[serve]'"
        ) from None
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings: ServeSettings = workspace().settings.serve.model_copy(update=given)

    def announce(url: str) -> None:
        if json:
            print_json({"url": url})
            sys.stdout.flush()  # whoever reads a pipe waits for this document
        else:
            print(f"serving on {url}. Ctrl-C ends it. Tokens: aoi serve token add NAME --role operator", flush=True)

    run(settings, announce)


def assist(
    http: Annotated[
        bool, typer.Option("--http", help="Over streamable HTTP with tokens, in the place of stdin and stdout.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on with --http; AOI_SERVE__HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="With --http; 0 takes a free one.")] = None,
) -> None:
    """Tools for assistants (Model Context Protocol): list clusters, diagnose, read, show and rate answers.

    On stdin and stdout the assistant acts as you. With --http it sends a token (aoi serve token add), whose role says
    what it may.
    """
    from aoi.errors import SettingsError
    from aoi.settings import ServeSettings
    from tasks.workspace import workspace

    if (host is not None or port is not None) and not http:
        raise typer.BadParameter("--host and --port are of HTTP: add --http")
    try:
        from flows import assistants
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed, and the server of tools needs it: pip install 'aoi[serve]'"
        ) from None
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings: ServeSettings = workspace().settings.serve.model_copy(update=given)
    if http:
        assistants.serve(settings, lambda url: print(f"tools at {url}. Ctrl-C ends it.", flush=True))
    else:
        assistants.speak(settings)


def _token() -> None:
    """Who may ask."""


def add(
    name: Named,
    role: Annotated[
        Literal["viewer", "operator"],
        typer.Option(help="A viewer reads; an operator diagnoses, cancels and rates, too."),
    ] = "viewer",
    json: Json = False,
) -> None:
    """Make a token. It is printed this once; a salted digest is kept."""
    from pydantic import ValidationError

    from flows.console import print_json

    try:
        plain = _book().add(name, role)
    except ValidationError:
        raise typer.BadParameter(f"{name!r:.80} is no name: letters, digits and ._@- after the first") from None
    if json:
        print_json({"name": name, "role": role, "token": plain})
    else:
        print(plain)
        print("It is not shown again. Send it as: Authorization: Bearer TOKEN", file=sys.stderr)


def list_(json: Json = False) -> None:
    """Whose tokens there are, and their roles."""
    from flows.console import print_json

    found = [token.model_dump(mode="json", include={"name", "role", "id", "made_at"}) for token in _book().all()]
    if json:
        print_json(found)
    elif not found:
        print("no token yet. Make one: aoi serve token add NAME --role operator")
    for token in [] if json else found:
        print(f"{token['name']}  {token['role']}  made {token['made_at'][:16]}")


def revoke(name: Named) -> None:
    """From the next request on the token opens nothing."""
    _book().revoke(name)
    print(f"{name} has no token any more")


def _book() -> "TokenBook":
    from aoi.database.tokens import TokenBook
    from tasks.workspace import workspace

    return TokenBook(workspace().database)
