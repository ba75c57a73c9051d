"""The table that every report shows: five lines on the same worlds, then part by part."""

from aoi.promotion.standings import BEYOND_RULES, PARTS, TOLD
from aoi.records.evaluation import Interval
from aoi.records.standings import Line, PartResult, Standings
from flows.console import out, table


def print_standings(standings: Standings) -> None:
    """All lines with all that is measured of them, and their rates by part."""
    k, level = standings.k, f"{standings.level:.0%} interval"
    several = (f"avg@{k}", f"best@{k}") if k > 1 else ()
    table(
        f"Success on held-out problems, the same for every line: {standings.problems} with a fault and "
        f"{standings.controls} without, each in {k} world{'s' if k > 1 else ''}",
        (
            "",
            "avg@1",
            *several,
            f"against the champion, {level}",
            "AIOpsLab's grade",
            "controls, no false alarm",
            "steps",
            "tokens",
        ),
        [_line(line, k) for line in standings.lines],
    )
    for line in standings.lines:
        if line.missing:
            out.print(f"{line.name}: {line.missing} runs broke off, and are in none of its figures")
    out.print(BEYOND_RULES)
    names = [line.name for line in standings.lines]
    columns = (f"avg@{k}", *names, f"gain of the challenger, {level}", "problems", "runs")
    table("\nBy part", columns, [_part(parts) for parts in zip(*(line.parts for line in standings.lines), strict=True)])


def interval(gain: Interval) -> str:
    """A difference of rates with its bounds."""
    return f"{gain.estimate:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}]"


def _line(line: Line, k: int) -> tuple[str, ...]:
    overall, controls = line.part("overall"), line.part("controls")
    several = (f"{overall.average:.1%}", f"{overall.best:.1%}") if k > 1 else ()
    return (
        TOLD[line.name],
        f"{overall.first:.1%}",
        *several,
        _against(line, overall),
        f"{overall.aiopslab:.1%}",
        f"{controls.average:.1%}" if controls.runs else "-",
        f"{line.steps:.1f}",
        f"{line.tokens:.0f}",
    )


def _against(line: Line, part: PartResult) -> str:
    shown = interval(part.gain) if part.gain and part.gain.n else "-"
    if line.same_as is None:
        return shown
    is_told = f"is the {line.same_as}, not run twice"
    return is_told if shown == "-" else f"{shown}: {is_told}"


def _part(lines: tuple[PartResult, ...]) -> tuple[str, ...]:
    """One part of all lines; the challenger is the last."""
    challenger = lines[-1]
    gain = challenger.gain
    return (
        PARTS.get(challenger.part, challenger.part),
        *(f"{of_line.average:.1%}" for of_line in lines),
        interval(gain) if gain and gain.n else "-",
        str(gain.n if gain else 0),
        str(challenger.runs),
    )
