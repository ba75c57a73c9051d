"""`aoi problems`: list them, run an operator on one, check that they are admissible."""

from typing import Annotated, Literal

import typer

from flows.commands.options import Json


def add_to(app: typer.Typer) -> None:
    """Register the `problems` group."""
    group = typer.Typer(help="Problems: application + fault + kind of task.", no_args_is_help=True)
    group.command("list")(list_problems)
    group.command("run")(run)
    group.command("check")(check)
    app.add_typer(group, name="problems")


def list_problems(
    split: Annotated[Literal["train", "development", "test"] | None, typer.Option(help="Split of the problem.")] = None,
    kind: Annotated[
        Literal["detection", "localization", "analysis", "mitigation"] | None, typer.Option(help="Kind of task.")
    ] = None,
    fault: Annotated[str | None, typer.Option(help="Key of a fault mechanism, or no_fault.")] = None,
    json: Json = False,
) -> None:
    """List the catalogue."""
    from aoi.errors import UnknownProblem
    from aoi.problems import catalogue
    from flows.console import out, print_json

    faults = sorted({problem.fault or "no_fault" for problem in catalogue.problems()})
    if fault is not None and fault not in faults:
        raise UnknownProblem(f"no fault mechanism {fault!r}. There are: {', '.join(faults)}")
    chosen = [
        problem
        for problem in catalogue.problems(fault=fault)
        if (split is None or problem.split == split) and (kind is None or problem.kind.value == kind)
    ]
    if json:
        print_json([problem.model_dump(mode="json") for problem in chosen])
        return
    width = max((len(problem.id) for problem in chosen), default=0)
    for problem in chosen:  # a line each, whatever the terminal's width: people grep and copy ids
        out.print(f"{problem.id:<{width}}  {problem.split:<11}  {problem.slice}", highlight=False, soft_wrap=True)
    out.print(f"{len(chosen)} problems. Work on one: aoi problems run ID, aoi diagnose --problem ID", highlight=False)


def run(
    problem_id: Annotated[str, typer.Argument(help="As `aoi problems list` prints it.")],
    operator: Annotated[Literal["golden", "expert", "junior"], typer.Option(help="Who works on it.")] = "expert",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world and of the operator.")] = 0,
    json: Json = False,
) -> None:
    """Let a scripted operator work on one problem and show every step."""
    from aoi.learning.operators import run_operator
    from flows.console import print_json
    from flows.transcript import print_trajectory

    trajectory = run_operator(problem_id, operator, seed)
    if json:
        print_json(trajectory.model_dump(mode="json"))
    else:
        print_trajectory(trajectory)


def check(
    problem_ids: Annotated[
        list[str] | None, typer.Argument(help="Which problems; none means one of each fault.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="World seeds for each problem.")] = 1,
    json: Json = False,
) -> None:
    """Prove that problems are admissible: observable, identifiable, and graded by an oracle that cannot be fooled."""
    from aoi import progress
    from aoi.problems import admission, catalogue
    from flows.console import print_json, shown_progress, table

    chosen = problem_ids or sorted({p.fault: p.id for p in catalogue.problems() if p.fault}.values())
    reports = []
    with shown_progress(quiet=json):
        progress.stage("check")
        for done, problem_id in enumerate(chosen):
            progress.advance(done, len(chosen), problem_id)
            reports.append(admission.check(problem_id, tuple(range(seeds))))
    if json:
        print_json([report.model_dump(mode="json") for report in reports])
    else:
        rows = [(r.problem_id, "admitted" if r.is_admitted else "refused", r.reason) for r in reports]
        table("Admission", ("problem", "verdict", "why"), rows)
    if not all(report.is_admitted for report in reports):
        raise typer.Exit(1)
