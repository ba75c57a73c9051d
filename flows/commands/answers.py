"""`aoi answers` and `aoi feedback`: what was answered, and what people who know say of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json

if TYPE_CHECKING:
    from aoi.database.answers import GivenAnswer
    from aoi.database.feedback import Feedback

NAME = "What a diagnosis was kept as: diagnosis:digits, or the digits alone."


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    answers = typer.Typer(help="Answers that were given.", no_args_is_help=True)
    answers.callback()(_answers)
    answers.command("list")(list_)
    answers.command()(show)
    app.add_typer(answers, name="answers")
    app.command()(feedback)


def _answers() -> None:
    """Answers that were given."""


def list_(
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """The newest answers: when, about what, verdict, who answered."""
    from flows.console import print_json
    from tasks.answers import newest

    found = newest(last)
    if json:
        print_json([given.model_dump(mode="json") for given in found])
    elif not found:
        _print("no answer yet. Ask for one: aoi diagnose --problem ID (aoi problems list)")
    else:
        for given in found:
            _print(_line(given))


def _line(given: "GivenAnswer") -> str:
    from aoi.visible import visible

    verdict = given.verdict.replace("_", " ")
    accused = f" {given.component} ({given.cause})" if given.verdict == "fault" else ""
    when = given.given_at.strftime("%Y-%m-%d %H:%M")
    return visible(f"{when}  {given.answer}  {given.about}  {verdict}{accused}, by {given.answered_by}")


def show(answer: Annotated[str, typer.Argument(help=NAME)], json: Json = False) -> None:
    """One answer as it was given, what was done because of it, and what was said of it."""
    from flows.console import print_json
    from flows.transcript import print_diagnosis
    from tasks.answers import rated

    found = rated(answer)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    print_diagnosis(found.diagnosis)
    for action in found.actions:
        _print(f"{'action':<9} {'; '.join(action.summaries)}: {action.state} (aoi actions show {action.id})")
    for said in found.feedback:
        _print(_word(said))


def _word(said: "Feedback") -> str:
    from aoi.visible import visible
    from tasks.answers import HEALTHY

    instead = ""
    if said.cause == HEALTHY:
        instead = ": nothing was wrong"
    elif said.component or said.cause:
        instead = f": {said.component or 'somebody'} ({said.cause or 'no cause given'})"
    comment = f' "{said.comment}"' if said.comment else ""
    use = "with consent" if said.consent else "without consent"
    return visible(f"{said.author} says it was {said.verdict}{instead}{comment}; kept {use} to learn from it")


def feedback(
    answer: Annotated[str | None, typer.Argument(help=NAME)] = None,
    *,
    right: Annotated[bool | None, typer.Option("--right/--wrong", help="Whether it was what was wrong.")] = None,
    component: Annotated[str | None, typer.Option(metavar="<str>", help="What was at fault instead.")] = None,
    cause: Annotated[str | None, typer.Option(metavar="<str>", help="Its cause, in words.")] = None,
    no_fault: Annotated[bool, typer.Option("--no-fault", help="Nothing was wrong at all.")] = False,
    comment: Annotated[str, typer.Option(metavar="<str>", help="Anything else; no secrets.")] = "",
    consent: Annotated[
        bool, typer.Option("--consent/--no-consent", help="Whether the diagnosis may be used for training.")
    ] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Forget all that you have ever said.")] = False,
    author: Annotated[
        str | None, typer.Option(metavar="<str>", help="With --withdraw: whose words, a revoked token's for one.")
    ] = None,
    json: Json = False,
) -> None:
    """Say whether an answer was right, or what it should have been.

    It is kept for 90 days under your login name and this machine's; said again of the same answer, it takes the place
    of what you had said. With --consent the next cycles learn from it.
    """
    from flows.console import print_json
    from tasks import answers

    if withdraw:
        if answer is not None or right is not None or component or cause or no_fault or comment or consent:
            raise typer.BadParameter("--withdraw forgets all that you said: give it alone")
        gone = answers.withdraw(author)
        if json:
            print_json({"forgotten": gone})
        else:
            _print(f"forgotten: {gone}")
        return
    if author:
        raise typer.BadParameter("--author is whose words --withdraw forgets; nobody speaks for another")
    if answer is None or right is None:
        raise typer.BadParameter(
            "say which answer, and --right or --wrong: aoi feedback diagnosis:0123456789ab --right"
        )
    if no_fault and cause:
        raise typer.BadParameter("--no-fault says that nothing was wrong and --cause what was: give one of them")
    given = answers.rate(
        answer,
        is_right=right,
        component=component,
        cause=answers.HEALTHY if no_fault else cause,
        comment=comment,
        consent=consent,
    )
    if json:
        print_json(given.model_dump(mode="json"))
    else:
        _print(_word(given))


def _print(line: str) -> None:
    """What people wrote is printed as they wrote it."""
    from flows.console import out

    out.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
