"""`aoi actions`: changes of a live cluster. AOI proposes, a person approves exactly what was shown."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json

if TYPE_CHECKING:
    from aoi.records.action import ProposedAction

Id = Annotated[str, typer.Argument(help="Of the action, as `aoi actions list` shows it.")]
Digest = Annotated[
    str | None,
    typer.Option(metavar="<str>", help="In the place of a `yes` at a terminal: the digest of what you were shown."),
]


def add_to(app: typer.Typer) -> None:
    """Register the `actions` group."""
    group = typer.Typer(help="Changes of a live cluster, proposed and approved one by one.", no_args_is_help=True)
    group.callback()(_group)
    for command in (propose, show, approve, reject, undo, resolve):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="actions")


def _group() -> None:
    """Changes of a live cluster, proposed and approved one by one."""


def propose(
    action: Annotated[
        str | None, typer.Argument(help="A typed action; else the one that fits the answer's cause.")
    ] = None,
    component: Annotated[str | None, typer.Argument(help="Name of what it changes.")] = None,
    value: Annotated[str | None, typer.Argument(help="What some actions take; no secrets.")] = None,
    *,
    answer: Annotated[
        str | None, typer.Option(help="Answer that it comes of: diagnosis:digits (aoi answers list).")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Registered cluster, in the place of an answer (aoi clusters list).")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", metavar="<str>", help="Of that cluster, if it has several.")
    ] = None,
    json: Json = False,
) -> None:
    """Propose what may put right what an answer found, or an action that you name. Nothing but dry runs is sent.

    The cluster has to be registered with an identity that may change it (aoi clusters add --executor-kubeconfig).
    """
    from aoi.records.decision import ExecDo
    from tasks.mitigating import propose_for, propose_in

    if (answer is None) == (cluster is None):
        raise typer.BadParameter("say what it comes of: --answer ID, or --cluster NAME with an action; one of them")
    if (action is None) != (component is None):
        raise typer.BadParameter("an action needs the name of what it changes: aoi actions propose ... scale geo 2")
    wanted = ExecDo(action, component, value) if action and component else None
    if answer is not None:
        if namespace is not None:
            raise typer.BadParameter("--answer names the namespace already")
        proposed = propose_for(answer, wanted)
    elif wanted is None or cluster is None:
        raise typer.BadParameter("--cluster needs an action: aoi actions propose --cluster NAME scale geo 2")
    else:
        proposed = propose_in(cluster, namespace, wanted)
    _told(proposed, json=json)


def list_(last: Annotated[int, typer.Option(min=1, help="How many.")] = 20, json: Json = False) -> None:
    """The newest actions: when, state, where, what, who asked."""
    from flows.console import print_json
    from tasks.actions import known

    found = known(last)
    if json:
        print_json([action.model_dump(mode="json") for action in found])
    elif not found:
        _print("nothing was proposed yet. Propose what fits an answer: aoi actions propose --answer ID")
    for action in [] if json else found:
        when = action.proposed_at.strftime("%Y-%m-%d %H:%M")
        place = f"{action.cluster}/{action.namespace}"
        what = "; ".join(action.summaries)
        _print(f"{when}  {action.id}  {action.state:<8}  {place}  {what}, asked for by {action.proposed_by}")


def show(action: Id, json: Json = False) -> None:
    """One action with every character of what it changes, and what became of it."""
    from tasks.actions import action_named

    _told(action_named(action), json=json)


def approve(action: Id, *, digest: Digest = None, json: Json = False) -> None:
    """Show what an action changes once more and, at your `yes`, carry it out, read it back and see whether it helps.

    It is rendered anew first: what has moved since is refused. Without a terminal give --digest, which names exactly
    what `aoi actions show` showed. Exit status: 0 applied, 1 refused or failed, 75 it may work later.
    """
    from tasks.actions import approve as approved

    _ended(approved(action, _agreement(digest, json=json)), json=json)


def reject(action: Id, json: Json = False) -> None:
    """Let nobody approve an action any more."""
    from tasks.actions import reject as rejected

    _told(rejected(action), json=json)


def undo(action: Id, json: Json = False) -> None:
    """Propose to take an action back, and ask for its approval if this is a terminal."""
    from tasks.actions import approve as approved
    from tasks.actions import propose_undo

    proposed = propose_undo(action)
    if proposed.id == action or json or not sys.stdin.isatty():
        _told(proposed, json=json)
    else:
        _ended(approved(proposed.id, _agreement(None, json=json)), json=json)


def resolve(action: Id, json: Json = False) -> None:
    """Find out by reading what became of an action whose process ended. Changes nothing."""
    from tasks.actions import resolve as resolved

    _told(resolved(action), json=json)


def _agreement(digest: str | None, *, json: bool) -> "Callable[[ProposedAction], None]":
    """Who asks a person, or compares the digest that they give."""
    from aoi.agents.approval import ask_for_yes
    from aoi.errors import ApprovalRefused
    from tasks.workspace import actor

    def compared(action: "ProposedAction") -> None:
        if digest != action.request_digest:
            raise ApprovalRefused(
                f"the digest given is not that of action {action.id}: nothing is changed. Read it, and give the digest "
                f"that it shows: aoi actions show {action.id}"
            )

    def asked(action: "ProposedAction") -> None:
        ask_for_yes(_ask, "\n".join(_lines(action)), about=f"action {action.id}", name=actor())

    if digest is not None:
        return compared
    if json or not sys.stdin.isatty():
        raise typer.BadParameter("this is no terminal to ask at: name what you were shown with --digest")
    return asked


def _ask(text: str) -> str | None:
    """What is typed after the text; None at its end, and for what is no text."""
    *lines, question = text.split("\n")
    for line in lines:
        _print(line)
    try:
        return input(question)
    except (EOFError, UnicodeDecodeError):
        return None


def _ended(action: "ProposedAction", *, json: bool) -> None:
    """What came of an approved one, with the status of the command."""
    from flows.console import print_json
    from flows.exit_status import WRONG

    if json:
        print_json(action.model_dump(mode="json"))
    for line in [] if json else (*_outcome(action), *_then(action)):
        _print(line)
    if action.state != "applied":
        raise typer.Exit(WRONG)


def _told(action: "ProposedAction", *, json: bool) -> None:
    from flows.console import print_json

    if json:
        print_json(action.model_dump(mode="json"))
        return
    for line in (*_lines(action), *_then(action)):
        _print(line)


def _lines(action: "ProposedAction") -> list[str]:
    """What it is, what it would send with every field that changes, and what became of it."""
    return [
        f"action    {action.id} ({action.state}), {'; '.join(action.summaries)}",
        f"where     cluster {action.cluster}, namespace {action.namespace}",
        f"why       {action.why or 'somebody named it'}" + (f" ({action.answer})" if action.answer else ""),
        f"proposed  {action.proposed_at:%F %T} by {action.proposed_by}, expires {action.expires_at:%F %T} UTC",
        *(f"          {line}" for line in action.text.split("\n")),
        f"digest    {action.request_digest}",
        *_outcome(action),
    ]


def _outcome(action: "ProposedAction") -> list[str]:
    """Who decided, and what came of it."""
    lines: list[str] = []
    if action.decided_by and action.decided_at:
        verb = "rejected" if action.state == "rejected" else "approved"
        lines.append(f"{verb}  {action.decided_at:%F %T} by {action.decided_by}")
    if action.result:
        lines.append(f"result    {action.result}" + (f" (in the cluster: {action.write})" if action.write else ""))
    return lines


def _then(action: "ProposedAction") -> list[str]:
    """What to do next."""
    look = f"aoi diagnose --cluster {action.cluster} -n {action.namespace}"
    steps: list[str] = []
    match action.state:
        case "proposed":
            steps = [f"aoi actions approve {action.id}", f"aoi actions reject {action.id}"]
        case "approved":
            steps = [f"it is being carried out, or its process ended: aoi actions resolve {action.id}"]
        case "applied" | "failed" if action.undoes is None and action.write not in (None, "not-written"):
            steps = [f"see whether it helped: {look}", f"take it back: aoi actions undo {action.id}"]
        case "applied" | "failed" | "undone":
            steps = [look]
        case _:
            pass
    return [f"{'' if place else 'next':<9} {step}" for place, step in enumerate(steps)]


def _print(line: str) -> None:
    """Names come from clusters: what does not print, or reorders, is shown as its code."""
    from aoi.visible import visible
    from flows.console import out

    out.print(visible(line), markup=False, highlight=False, emoji=False, soft_wrap=True)
