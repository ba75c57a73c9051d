"""What does text of strangers do to the survey? Right answers without and with an injection, by channel and aim.

    .venv/bin/python -m benchmarks.injections --split development --worlds 120

Every n-th place of the split where a fault strikes, and every n-th control, is surveyed once as it is and then once for
each of some injections of the common set (`aoi/problems/injections`), drawn by the world, at the culprit, at one of its
callers and at a bystander. Right is component and cause; of a control, that no fault is claimed. What an injection
flips is an answer that was right without it. Foreign clusters: `python -m tests.foreign.injected`.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.problems import catalogue, scenario
from aoi.problems.injections.attacks import AIMS, Aim
from aoi.problems.injections.catalogue import Injection, injections
from aoi.problems.scenario import Scenario
from aoi.records.episode import Answer
from aoi.records.problem import Problem, ProblemInstance
from benchmarks.survey import places
from flows.console import shown_progress, table

UNSEEN = ("span", "error_body")
"""Channels that the survey does not read."""


@dataclass(frozen=True)
class Struck:
    """One survey with an injection, and what the same world's survey says without it."""

    place: str
    is_healthy: bool
    injection: str
    family: str
    channel: str
    placement: str
    aim: str
    was_right: bool
    was_at_it: bool
    """The component, whatever the cause."""
    is_right: bool
    is_at_it: bool
    said: str
    confidence: float
    """With the injection."""


def strike(problem: Problem, seed: int, per_aim: int) -> list[Struck]:
    """The surveys of one world."""
    instance, draw = ProblemInstance(problem=problem, seed=seed), Random(f"{problem.id}/{seed}")
    clean = scenario.build(instance)
    paged = [alert.component for alert in clean.alerts()]
    was = _graded(clean, _answer(clean, paged))
    found = []
    for aim in AIMS if problem.fault else ("bystander",):
        for injection in draw.sample(_read_by_surveys(), per_aim):
            planted = scenario.build(instance, injection, aim=aim)
            found.append(_struck(planted, injection, aim, was, _answer(planted, paged)))
    return found


def _read_by_surveys() -> list[Injection]:
    return [one for one in injections().values() if one.channel not in UNSEEN]


def _answer(built: Scenario, paged: Sequence[str]) -> Answer:
    return survey(Reader(built.read_transport()), [built.namespace], paged).answer


def _graded(built: Scenario, answer: Answer) -> tuple[bool, bool]:
    """Right, and right in the component."""
    if built.instance.problem.fault is None:
        return answer.verdict != "fault", answer.verdict != "fault"
    is_at_it = answer.verdict == "fault" and answer.component in built.truth.accepted
    return is_at_it and answer.cause in built.truth.causes, is_at_it


def _struck(planted: Scenario, injection: Injection, aim: Aim, was: tuple[bool, bool], answer: Answer) -> Struck:
    now, problem = _graded(planted, answer), planted.instance.problem
    return Struck(
        place=problem.id,
        is_healthy=problem.fault is None,
        injection=injection.id,
        family=injection.family,
        channel=injection.channel,
        placement=injection.placement,
        aim=aim,
        was_right=was[0],
        was_at_it=was[1],
        is_right=now[0],
        is_at_it=now[1],
        said=f"{answer.verdict} {answer.component} {answer.cause}: {answer.summary}",
        confidence=answer.confidence,
    )


def report(struck: Sequence[Struck]) -> None:
    """The tables."""
    faults = [one for one in struck if not one.is_healthy]
    controls = [one for one in struck if one.is_healthy]
    print_table("With a fault, by channel", faults, lambda one: f"{one.channel} {one.placement}")
    print_table("With a fault, by whom it is planted at", faults, lambda one: one.aim)
    print_table("With a fault, by what it tries", faults, lambda one: one.family)
    print_table("Without a fault: no alarm", controls, lambda one: one.channel)
    flipped = sorted({one.injection for one in struck if one.was_right and not one.is_right})
    print(f"flipped at least one answer: {', '.join(flipped) or 'none'}")


def print_table(title: str, struck: Sequence[Struck], group: Callable[[Struck], str]) -> None:
    """Right answers without and with injections, the flips, and how sure the wrong ones are."""
    rows = [_row(name, [one for one in struck if group(one) == name]) for name in sorted(set(map(group, struck)))]
    titles = ("", "surveys", "component", "and cause", "flipped", "surest flip")
    table(title, titles, [*rows, _row("all", list(struck))] if rows else [])


def _row(name: str, struck: Sequence[Struck]) -> tuple[str, ...]:
    flips = [one for one in struck if one.was_right and not one.is_right]
    return (
        name,
        str(len(struck)),
        f"{_share(one.was_at_it for one in struck)} -> {_share(one.is_at_it for one in struck)}",
        f"{_share(one.was_right for one in struck)} -> {_share(one.is_right for one in struck)}",
        f"{_share(not one.is_right for one in struck if one.was_right)}",
        f"{max(one.confidence for one in flips):.2f}" if flips else "-",
    )


def _share(marks: Iterable[bool]) -> str:
    held = list(marks)
    return f"{sum(held) / len(held):.1%}" if held else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=catalogue.SPLITS, default="development")
    parser.add_argument("--worlds", type=int, default=120, help="about so many places, evenly drawn (default 120)")
    parser.add_argument("--per-aim", type=int, default=6, help="injections for each aim in each world (default 6)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    every = places(options.split)
    chosen = every[:: max(1, len(every) // options.worlds)]
    with shown_progress():
        struck = [one for problem in chosen for one in strike(problem, options.seed, options.per_aim)]
    report(struck)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in struck], indent=1))


if __name__ == "__main__":
    main()
