"""`aoi env`: problems for other people's agents and trainers."""

from typing import Annotated

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the `env` group."""
    group = typer.Typer(help="Problems for other people's agents and trainers.", no_args_is_help=True)
    group.callback()(_group)
    group.command()(serve)
    app.add_typer(group, name="env")


def _group() -> None:
    """Problems for other people's agents and trainers."""


def serve(
    *,
    problem: Annotated[
        list[str] | None, typer.Option(help="Draw from this problem, several times if you like; else from --set.")
    ] = None,
    set_: Annotated[str, typer.Option("--set", help="Draw from a set of problems.")] = "aiopslab",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8000,
    sessions: Annotated[int, typer.Option(min=1, help="At once, for each process.")] = 64,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; a session stays with one.")] = 1,
    max_steps: Annotated[int, typer.Option(min=1, help="Calls of tools that an episode may take.")] = 30,
    json: Json = False,
) -> None:
    """Serve problems to OpenEnv clients on loopback until Ctrl-C. A reset names a problem, or its seed draws one."""
    from aoi.errors import Permanent
    from aoi.interop.environments.sets import problem_ids
    from aoi.problems import catalogue
    from flows.console import out, print_json

    try:
        from aoi.interop.environments import openenv
    except ImportError as error:
        raise Permanent(
            f"{error.name or 'openenv'} is not installed. Serve from an environment that has it: "
            "pip install 'aoi[openenv]'; see docs/howto/train-elsewhere.md"
        ) from error

    chosen = tuple(catalogue.get(name).id for name in problem) if problem else problem_ids(set_)

    def announce(url: str) -> None:
        if json:
            print_json({"url": url, "problems": len(chosen), "sessions": sessions * workers})
            return
        out.print(f"Serving {len(chosen)} problems to OpenEnv clients at {url}, {sessions * workers} sessions at once.")
        out.print(f'  from openenv import GenericEnvClient; GenericEnvClient(base_url="{url}")', highlight=False)
        out.print("Ctrl-C ends it.")

    try:
        openenv.serve(chosen, port, sessions=sessions, workers=workers, max_steps=max_steps, announce=announce)
    except OSError as error:
        raise Permanent(f"cannot serve on 127.0.0.1:{port}: {error.strerror}. Choose another --port") from error
