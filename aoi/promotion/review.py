"""The page that a reviewer reads: one HTML file that loads nothing, runs nothing and is never over half a megabyte.

Everything on it comes from records, and every figure carries the record's exact value in a `<data>` element. Names,
commands and decisions come from clusters and models, so they are hostile until escaped: Jinja escapes all of them, and
characters that are invisible or turn text around are shown as their code.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aoi.language.narration import answered, decided, said, told
from aoi.promotion.changes import Change
from aoi.promotion.injected import flipped
from aoi.promotion.standings import BEYOND_RULES, PARTS, TOLD
from aoi.records.base import Record, Sha256
from aoi.records.contracts import ContractReport
from aoi.records.episode import Trajectory
from aoi.records.evaluation import EvaluationResult, PairedResult
from aoi.records.learning import CorrectionOutcome, CorrectivePlan, JudgeSpend
from aoi.records.promotion import Champion, PromotionRequest
from aoi.records.report import LearningReport
from aoi.records.standings import Standings

MOST_BYTES = 500_000
MOST_CASES = 24
"""Flipped runs that are shown with both trajectories; all others are in the table."""
_MOST_STEPS = 16
_MOST_TEXT = 300
_MOST_ROWS = 400


class Curve(Record):
    """One line of training: a value for each step."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the page is made of."""

    request: PromotionRequest
    evaluation: EvaluationResult
    standings: Standings
    """Of the same episodes: both arms beside the references."""
    trajectories: Mapping[Sha256, Trajectory]
    """By content digest: at least those of flipped runs, both arms. A missing one is said to be missing."""
    curves: Sequence[Curve] = ()
    judge: JudgeSpend | None = None
    """What a judging model cost the training; None where none was asked."""
    contracts: Sequence[ContractReport] = ()
    corrections: Sequence[CorrectivePlan] = ()
    """Verified corrections that taught the challenger."""
    learning: LearningReport | None = None
    """What was collected and searched for them."""
    outcomes: Sequence[CorrectionOutcome] = ()
    """What became of each failure."""
    changes: Sequence[Change] = ()
    """Since the champion, of data, code and settings."""
    champion: Champion | None = None
    """Who is replaced, and so where a rollback leads."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run whose outcome differs between the arms."""

    pair: PairedResult
    title: str
    champion: Trajectory | None
    challenger: Trajectory | None


def flips(evaluation: EvaluationResult) -> tuple[list[PairedResult], list[PairedResult]]:
    """Runs that went from pass to fail, and from fail to pass. A false alarm on a control is a failure."""
    lost: list[PairedResult] = []
    won: list[PairedResult] = []
    for pair in evaluation.pairs:
        before = pair.champion_success and not pair.champion_false_alarm
        after = pair.challenger_success and not pair.challenger_false_alarm
        if before and not after:
            lost.append(pair)
        elif after and not before:
            won.append(pair)
    return lost, won


def needed_trajectories(evaluation: EvaluationResult) -> set[Sha256]:
    """Content digests of the trajectories that the page shows, where they can be had."""
    lost, won = flips(evaluation)
    shown = [*lost, *won][: 2 * MOST_CASES]
    return {digest for pair in shown for digest in (pair.champion_trajectory, pair.challenger_trajectory)}


def render(material: Material) -> str:
    """The page. Shows fewer trajectories where it would otherwise be too large, and says so."""
    for most in (MOST_CASES, 12, 6, 3, 1, 0):
        page = _render(material, most)
        if len(page.encode()) < MOST_BYTES:
            return page
    return _render(material, 0, most_rows=40)


def _render(material: Material, most_cases: int, most_rows: int = _MOST_ROWS) -> str:
    lost, won = flips(material.evaluation)
    cases = [_case(pair, material) for pair in [*lost, *won][:most_cases]]
    request = material.request
    return (
        environment()
        .get_template("review.html.j2")
        .render(
            request=request,
            decision=request.decision,
            evaluation=material.evaluation,
            digest=request.digest(),
            champion=material.champion,
            lost_cases=cases[: len(lost)],
            won_cases=cases[len(lost) :],
            lost=lost[most_cases:][:most_rows],
            won=won[max(0, most_cases - len(lost)) :][:most_rows],
            lost_count=len(lost),
            won_count=len(won),
            is_cut=len(cases) < len(lost) + len(won),
            standings=material.standings,
            parts=list(zip(*(line.parts for line in material.standings.lines), strict=True)),
            lines_told=TOLD,
            parts_told=PARTS,
            beyond_rules=BEYOND_RULES,
            injected=flipped(material.evaluation.injected),
            curves=material.curves[:24],
            judge=material.judge,
            contracts=material.contracts,
            corrections=material.corrections[:most_rows],
            correction_count=len(material.corrections),
            learning=material.learning,
            fates=_fates(material.outcomes),
            became={each.correction: each for each in material.outcomes if each.correction},
            changes=material.changes[:most_rows],
            most_steps=_MOST_STEPS,
        )
    )


@dataclass(frozen=True, slots=True)
class Fate:
    """Failures of one sort, and how many are solved in their own worlds now."""

    name: str
    failures: int
    champion: int
    challenger: int


def _fates(outcomes: Sequence[CorrectionOutcome]) -> list[Fate]:
    sorts = {
        "with a correction": [each for each in outcomes if each.correction],
        "without": [each for each in outcomes if not each.correction],
    }
    return [
        Fate(name, len(rows), sum(row.champion_solves for row in rows), sum(row.challenger_solves for row in rows))
        for name, rows in sorts.items()
        if rows
    ]


def _case(pair: PairedResult, material: Material) -> Case:
    after = pair.challenger_success and not pair.challenger_false_alarm
    return Case(
        pair=pair,
        title="fail to pass" if after else "pass to fail",
        champion=material.trajectories.get(pair.champion_trajectory),
        challenger=material.trajectories.get(pair.challenger_trajectory),
    )


def environment() -> Environment:
    """Templates that escape everything and show every character."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = _visible
    filters: dict[str, Callable[..., Any]] = {"decided": decided, "said": said, "told": told, "answered": answered}
    filters |= {"points": points, "share": share, "number": number, "line": line, "short": short}
    environment.filters.update(filters)
    return environment


def _visible(value: Any) -> Any:
    """Text without characters that hide or reorder what stands beside them, and of bounded length."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    cut = value if len(value) <= _MOST_TEXT else value[:_MOST_TEXT] + f"... ({len(value)} characters)"
    return "".join(_shown(letter) for letter in cut)


def _shown(letter: str) -> str:
    if letter in "\n\t" or unicodedata.category(letter)[0] != "C":
        return letter
    return f"\\u{ord(letter):04x}"


def points(value: float) -> Markup:
    """A difference of rates in points, with the exact value behind it."""
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), f"{100 * value:+.1f}")


def share(value: float) -> Markup:
    """A rate in per cent, with the exact value behind it."""
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), f"{100 * value:.1f} %")


def number(value: float, places: int | None = None) -> Markup:
    """A number, rounded to decimal places if they are given, with the exact value behind it."""
    shown = f"{value:,}" if places is None else f"{value:,.{places}f}"
    return Markup('<data value="{}">{}</data>').format(repr(value), shown)


def short(digest: str) -> str:
    """The first twelve digits, enough to type."""
    return digest[:12]


def line(curve: Curve) -> Markup:
    """A curve as an inline picture with its range in words, so that it can be read without seeing it."""
    values = curve.values
    if not values:
        return Markup("<p>no values</p>")
    low, high = min(values), max(values)
    place = " ".join(f"{x:.1f},{y:.1f}" for x, y in _places(values, low, high))
    label = f"{curve.name}: {len(values)} steps, first {values[0]:.4g}, last {values[-1]:.4g}, {low:.4g} to {high:.4g}"
    return Markup(
        '<figure><figcaption>{}</figcaption><svg viewBox="0 0 320 90" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg></figure>'
    ).format(_visible(label), _visible(label), place)


def _places(values: Sequence[float], low: float, high: float) -> Iterator[tuple[float, float]]:
    """Points of a line in a picture of 320 x 90; at most 160 of them."""
    every = max(1, len(values) // 160)
    chosen = list(values[::every])
    spread = (high - low) or 1.0
    for index, value in enumerate(chosen):
        yield 2 + 316 * index / max(1, len(chosen) - 1), 87 - 84 * (value - low) / spread
