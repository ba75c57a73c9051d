"""`aoi episodes show`: what was decided in an episode and why, and every prompt as a model read it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json

if TYPE_CHECKING:
    from aoi.records.episode import Trajectory
    from tasks.episodes import Exchange


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    episodes = typer.Typer(help="Recorded episodes.", no_args_is_help=True)
    episodes.callback()(_episodes)
    episodes.command()(show)
    app.add_typer(episodes, name="episodes")


def _episodes() -> None:
    """Recorded episodes."""


def show(
    ref: Annotated[str, typer.Argument(help="kind:digits of a set of episodes or of a diagnosis.")],
    episode: Annotated[
        str | None, typer.Argument(help="First digits of one episode's id, where there are several.")
    ] = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="Every prompt and completion, whole.")] = False,
    json: Json = False,
) -> None:
    """What was decided in an episode and why. Of several, a line each: name one, or none is printed whole.

    `--prompts` prints what a model was asked, role by role, as its tokenizer wrote it, and what it said.
    """
    from flows.console import out, print_json
    from flows.transcript import print_exchanges, print_trajectory
    from tasks.episodes import episodes_of, exchanges

    found = episodes_of(ref, episode)
    if json:
        print_json([_document(one, list(exchanges(one)) if prompts else None) for one in found])
    elif len(found) > 1:
        for one in found:
            content = one.content
            came = "success" if content.outcome.success else "failure"
            line = f"{one.id}  {content.instance.problem.id} seed {content.instance.seed}  {content.ended}, {came}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    elif prompts:
        print_exchanges(exchanges(found[0]))
    else:
        print_trajectory(found[0])


def _document(trajectory: "Trajectory", asked: "Sequence[Exchange] | None") -> dict[str, object]:
    told = {} if asked is None else {"exchanges": [exchange._asdict() for exchange in asked]}
    return {"episode": trajectory.model_dump(mode="json"), **told}
