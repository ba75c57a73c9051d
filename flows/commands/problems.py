"""`aoi problems`: list and show them, let operators work on them, check that they are admissible, hand them out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aoi.records.seed import MAX_SEED
from flows.commands.options import Json, to_be_written

if TYPE_CHECKING:
    from aoi.problems.admission import Report
    from aoi.records.problem import Problem, ProblemInstance

SetName = Literal["aiopslab", "catalogue", "controls"]
SplitName = Literal["train", "development", "test"]
Ids = Annotated[list[str] | None, typer.Argument(help="Which problems, as `aoi problems list` prints them.")]
Set = Annotated[
    SetName | None,
    typer.Option("--set", help="AIOpsLab's own, one of each mechanism, or the controls."),
]
Split = Annotated[SplitName | None, typer.Option(help="Split of the problem.")]
Kind = Annotated[
    Literal["detection", "localization", "analysis", "mitigation"] | None, typer.Option(help="Kind of task.")
]
Part = Annotated[
    Literal["seen", "unseen_mechanism", "unseen_application", "unseen_style", "several", "control"] | None,
    typer.Option("--slice", help="How far the problem lies from training."),
]
Seeds = Annotated[int, typer.Option(min=1, help="World seeds for each problem.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core.")]
Page = Annotated[
    Path | None,
    typer.Option(help="File to write the report page to.", dir_okay=False, writable=True, callback=to_be_written),
]
Reveal = Annotated[bool, typer.Option("--reveal", help="With the truth: never show it to who is to find it.")]


def add_to(app: typer.Typer) -> None:
    """Register the `problems` group."""
    group = typer.Typer(help="Problems: application + fault + kind of task.", no_args_is_help=True)
    group.command("list")(list_problems)
    group.command("show")(show)
    group.command("run")(run)
    group.command("report")(report)
    group.command("check")(check)
    group.command("export")(export)
    group.command("words")(words)
    app.add_typer(group, name="problems")


def list_problems(
    split: Split = None,
    kind: Kind = None,
    fault: Annotated[str | None, typer.Option(help="Key of a fault mechanism, or no_fault.")] = None,
    application: Annotated[str | None, typer.Option(help="Key of an application.")] = None,
    members_of: Set = None,
    *,
    part: Part = None,
    json: Json = False,
) -> None:
    """List the catalogue."""
    from flows.console import out, print_json

    chosen = _chosen(members_of, split, kind, fault, application)
    chosen = [problem for problem in chosen if part in (None, problem.slice)]
    if json:
        print_json([problem.model_dump(mode="json") for problem in chosen])
        return
    width = max((len(problem.id) for problem in chosen), default=0)
    # A line each, whatever the terminal's width: people grep and copy ids.
    lines = (f"{problem.id:<{width}}  {problem.split:<11}  {problem.slice}" for problem in chosen)
    out.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
    out.print(f"{len(chosen)} problems. Work on one: aoi problems run ID, aoi diagnose --problem ID", highlight=False)


def _chosen(
    members_of: SetName | None,
    split: SplitName | None,
    kind: str | None,
    fault: str | None,
    application: str | None,
) -> Sequence["Problem"]:
    """Problems by whatever was asked. Raises: UnknownProblem for a mechanism or an application that is not there."""
    from aoi.errors import UnknownProblem
    from aoi.problems import catalogue
    from aoi.problems.applications import APPLICATIONS
    from aoi.problems.compounds import is_compound
    from aoi.problems.faults import FAULTS
    from aoi.problems.sets import members
    from aoi.records.problem import TaskKind

    if fault is not None and fault != catalogue.NO_FAULT and fault not in FAULTS and not is_compound(fault):
        raise UnknownProblem(
            f"no fault mechanism {fault!r}. There are: {', '.join((*sorted(FAULTS), catalogue.NO_FAULT))}"
        )
    if application is not None and application not in APPLICATIONS:
        raise UnknownProblem(f"no application {application!r}. There are: {', '.join(APPLICATIONS)}")
    wanted = TaskKind(kind) if kind else None
    if members_of is None:
        return catalogue.problems(split=split, kind=wanted, fault=fault, application=application)
    return [
        problem
        for problem in members(members_of)
        if (split is None or problem.split == split)
        and (wanted is None or problem.kind == wanted)
        and (fault is None or (problem.fault or catalogue.NO_FAULT) == fault)
        and (application is None or problem.application == application)
    ]


def _named_or_chosen(
    problem_ids: Sequence[str] | None,
    members_of: SetName | None,
    split: SplitName | None,
    kind: str | None,
    fault: str | None,
) -> Sequence["Problem"]:
    """Named problems, each once, or chosen ones. Raises: SettingsError if both are asked for, or nothing is chosen."""
    from aoi.errors import SettingsError
    from aoi.problems import catalogue

    asked = {"--set": members_of, "--split": split, "--kind": kind, "--fault": fault}
    said = " ".join(f"{option} {value}" for option, value in asked.items() if value)
    if problem_ids and said:
        raise SettingsError(f"{len(problem_ids)} problems are named and others chosen with {said}: give one of both")
    if problem_ids:
        return [catalogue.get(one) for one in dict.fromkeys(problem_ids)]
    chosen = _chosen(members_of, split, kind, fault, None)
    if not chosen:
        raise SettingsError(f"no problem is of {said}. See what there is: aoi problems list")
    return chosen


def show(
    problem_id: Annotated[str, typer.Argument(help="As `aoi problems list` prints it.")],
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the world.")] = 0,
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Show a problem: its application, who calls whom, and what an agent is told of it."""
    from aoi.problems import catalogue, scenario
    from aoi.problems.exporting import exported
    from aoi.records.problem import ProblemInstance
    from flows.console import out, print_json

    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)
    (row,) = exported([instance], reveal=reveal)
    situation = scenario.build(instance)
    calls = {c.name: list(c.callees) for c in situation.application.components if not c.namespace}
    pages = [f"{alert.word} {alert.component}" for alert in situation.alerts()]
    if json:
        print_json(row.model_dump(mode="json") | {"calls": calls, "pages": pages, "nodes": list(situation.nodes)})
        return
    slice_ = f", {row.slice}" if row.slice else ""
    out.print(f"[bold]{row.id}[/bold], seed {row.seed}: {row.kind.value}, {row.split} split{slice_}")
    out.print(f"application {row.application} in namespace {row.namespace}, {len(calls)} components:")
    for name, callees in calls.items():
        out.print(f"  {name}" + (f" -> {', '.join(callees)}" if callees else ""), highlight=False, markup=False)
    out.print("an agent is told:")
    for page in pages or ["nothing pages"]:
        out.print(f"  {page}", highlight=False, markup=False)
    for root in row.truth or ():
        out.print(f"at fault: {root.component}: {root.fault} ({', '.join(root.causes)}); {root.system_level}, "
                  f"{root.fault_type}")  # fmt: skip
    if row.truth == ():
        out.print("at fault: nothing")


def run(
    problem_ids: Ids = None,
    operator: Annotated[
        Literal["golden", "null", "survey", "expert", "champion"], typer.Option(help="Who works on it.")
    ] = "expert",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="First seed of the worlds.")] = 0,
    seeds: Seeds = 1,
    *,
    members_of: Set = None,
    split: Split = None,
    kind: Kind = None,
    fault: Annotated[str | None, typer.Option(help="Key of a fault mechanism, or no_fault.")] = None,
    workers: Workers = 0,
    page: Page = None,
    json: Json = False,
) -> None:
    """Let somebody work on problems: on one to see every step, on many to count them.

    Many are kept in the store as they finish: killed and run again, the same command goes on where it was.
    """
    from aoi.errors import SettingsError
    from aoi.problems.sampling import in_worlds

    filters = (members_of, split, kind, fault)
    is_counted = seeds > 1 or page is not None or any(filters) or operator == "champion"
    if problem_ids and len(problem_ids) == 1 and not is_counted:
        _run_one(problem_ids[0], operator, seed, json=json)
        return
    if not problem_ids and not any(filters):
        raise SettingsError("which problems? Name some, or choose: aoi problems run --set aiopslab")
    chosen = _named_or_chosen(problem_ids, members_of, split, kind, fault)
    _run_many(in_worlds(chosen, seed, seeds), operator, workers, page, json=json)


def _run_one(
    problem_id: str, operator: Literal["golden", "null", "survey", "expert"], seed: int, *, json: bool
) -> None:
    from aoi.learning.operators import run_operator
    from flows.console import print_json
    from flows.transcript import print_trajectory

    trajectory = run_operator(problem_id, operator, seed)
    if json:
        print_json(trajectory.model_dump(mode="json"))
    else:
        print_trajectory(trajectory)


def _run_many(
    instances: Sequence["ProblemInstance"],
    operator: Literal["golden", "null", "survey", "expert", "champion"],
    workers: int,
    page: Path | None,
    *,
    json: bool,
) -> None:
    from aoi import progress
    from aoi.problems.fanning import cores
    from flows.console import shown_progress
    from tasks.problems import run_problems

    with shown_progress(quiet=json):
        progress.stage(f"{operator} at work")
        kept = run_problems(instances, operator, workers or cores())
    _count(kept.short, operator, None, page, json=json)


def report(
    run_ref: Annotated[str, typer.Argument(metavar="RUN", help="As `aoi problems run` prints it.")],
    against: Annotated[str | None, typer.Option(help="An earlier run to compare with, paired by problem.")] = None,
    page: Page = None,
    json: Json = False,
) -> None:
    """Count a kept run, and compare it with another one."""
    _count(run_ref, run_ref, against, page, json=json)


def _count(ref: str, title: str, against: str | None, page: Path | None, *, json: bool) -> None:
    from aoi.promotion import scorecard
    from flows.console import out, print_json, table
    from tasks.problems import rows_of

    rows = rows_of(ref)
    card = scorecard.scorecard(title, rows)
    compared = scorecard.compare(rows_of(against), rows, (against, title)) if against else None
    if page is not None:
        page.write_text(scorecard.render(card, compared), encoding="utf-8")
    if json:
        differences = [one.model_dump(mode="json") for one in compared.differences] if compared else []
        print_json({"run": ref, **card.model_dump(mode="json"), "differences": differences})
        return
    k = card.most_worlds
    parts = (card.overall, *card.kinds, *card.slices, *card.families)
    shown = [
        (
            part.name,
            str(part.problems),
            f"{part.average.estimate:.1%} [{part.average.low:.1%}, {part.average.high:.1%}]",
            f"{part.best.estimate:.1%}",
            f"{part.aiopslab:.1%}",
            f"{part.steps:.1f}",
            f"{part.tokens:.0f}",
            str(part.false_alarms),
        )
        for part in parts
    ]
    columns = ("part", "problems", f"avg@{k}", f"best@{k}", "AIOpsLab", "steps", "tokens", "false alarms")
    table(f"{title}: {card.overall.runs} episodes, {card.broken} broken", columns, shown)
    for one in compared.differences if compared else ():
        gain = f"{100 * one.gain.estimate:+.1f} [{100 * one.gain.low:+.1f}, {100 * one.gain.high:+.1f}] points"
        out.print(f"{one.name}: {gain} over {one.gain.n} problems", highlight=False)
    out.print(f"kept as {ref}. Again, or against another: aoi problems report {ref} --against RUN --page FILE")


def check(
    problem_ids: Ids = None,
    members_of: Set = None,
    seeds: Seeds = 1,
    workers: Workers = 0,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/problems.md shows it.")] = False,
    json: Json = False,
) -> None:
    """Prove that problems are admissible: observable, identifiable, and graded by an oracle that cannot be fooled.

    Without ids, one of each mechanism. Stopped, it tells what it found; run again, it goes on where it was.
    """
    from aoi import progress
    from aoi.errors import SettingsError
    from aoi.problems.checking import check_all, markdown_table
    from aoi.problems.fanning import cores
    from aoi.problems.sets import members
    from flows.console import err, out, print_json, shown_progress
    from tasks.workspace import workspace

    if problem_ids and members_of:
        raise SettingsError(f"{len(problem_ids)} problems are named and others chosen with --set {members_of}: "
                            "give one of both")  # fmt: skip
    chosen = list(dict.fromkeys(problem_ids or [problem.id for problem in members(members_of or "catalogue")]))
    reports: list[Report] = []
    is_stopped = False
    with shown_progress(quiet=json or markdown):
        progress.stage("check")
        try:
            for one in check_all(chosen, seeds, workers=workers or cores(), store=workspace().store):
                reports.append(one)
        except KeyboardInterrupt:
            is_stopped = True
    place = {problem_id: number for number, problem_id in enumerate(chosen)}
    reports.sort(key=lambda one: place[one.problem_id])
    if json:
        print_json([one.model_dump(mode="json") for one in reports])
    elif markdown:
        out.print(markdown_table(reports), highlight=False, markup=False, soft_wrap=True)
        for one in (one for one in reports if not one.is_admitted):
            err.print(f"refused: {one.problem_id}: {one.reason}", highlight=False, markup=False)
    else:
        _print_reports(reports)
    if is_stopped:
        raise KeyboardInterrupt
    if not all(one.is_admitted for one in reports):
        raise typer.Exit(1)


def _print_reports(reports: Sequence["Report"]) -> None:
    from aoi.problems.checking import COLUMNS, table_rows
    from flows.console import out, table

    if len(reports) > 1:
        table("Mechanisms", COLUMNS, table_rows(reports))
    rows = [
        (one.problem_id, "admitted" if one.is_admitted else "refused", one.reason)
        for one in reports
        if len(reports) <= 8 or not one.is_admitted
    ]
    if rows:
        table("Admission", ("problem", "verdict", "why"), rows)
    admitted = sum(one.is_admitted for one in reports)
    out.print(f"{admitted} of {len(reports)} problems admitted, {sum(len(one.seeds) for one in reports)} worlds")


def export(
    problem_ids: Ids = None,
    members_of: Set = None,
    split: Split = None,
    kind: Kind = None,
    *,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="First seed of the worlds.")] = 0,
    seeds: Seeds = 1,
    to: Annotated[
        Path | None,
        typer.Option(
            help="File to write to; stdout if not given.", dir_okay=False, writable=True, callback=to_be_written
        ),
    ] = None,
    reveal: Reveal = False,
) -> None:
    """Write problem instances as JSON lines, for other people's trainers: without the truth unless it is asked for."""
    from aoi.problems.exporting import exported
    from aoi.problems.sampling import in_worlds

    chosen = _named_or_chosen(problem_ids, members_of, split, kind, None)
    rows = exported(in_worlds(chosen, seed, seeds), reveal=reveal)
    lines = (row.to_bytes().decode() + "\n" for row in rows)
    if to is None:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with to.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def words(json: Json = False) -> None:
    """Print where words of held-out mechanisms are known: what a claim about unseen mechanisms has to live with."""
    from aoi.problems.audit import mentions
    from flows.console import out, print_json, table

    found = mentions()
    if json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    rows = [(one.word, ", ".join(one.mechanisms), ", ".join(one.places)) for one in found]
    table("Words of causes that only development and test have", ("word", "mechanisms", "known in"), rows)
    out.print("Of the training mechanisms' own causes every part knows the words: they are taught.")
