"""The page that a reviewer reads: one HTML file that loads nothing, runs nothing and is never over half a megabyte.

Its first screen is what a decision needs: the verdict and why, how to decide, the gain and every part against what the
gate asks of it, what broke and what was won, the cost, what taught it and what changes. The rest is folded below.
Everything on it comes from records; `pages` says how they are shown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from jinja2 import Environment

from aoi.language.narration import answered, decided, said, told
from aoi.promotion.changes import Change
from aoi.promotion.evaluation import by_problem
from aoi.promotion.flips import Group, Way, causes_told, flips, grouped, has_wrong_cause, mechanism_told
from aoi.promotion.floors import disbelieved, floors, is_pictured, named, unmet
from aoi.promotion.history import Reign, rates
from aoi.promotion.injected import flipped
from aoi.promotion.pages import environment
from aoi.promotion.pictures import Curve, Scale, axis, interval, line, spark
from aoi.promotion.standings import BEYOND_RULES, PARTS, TOLD
from aoi.promotion.tallies import by_application, by_mechanism
from aoi.records.base import Sha256
from aoi.records.contracts import ContractReport
from aoi.records.episode import Step, Trajectory
from aoi.records.evaluation import EvaluationResult, PairedResult
from aoi.records.learning import CorrectionOutcome, CorrectivePlan, JudgeSpend
from aoi.records.promotion import Champion, PromotionRequest
from aoi.records.report import LearningReport, StageTime
from aoi.records.standings import Standings
from aoi.settings import GateSettings

MOST_BYTES = 500_000
MOST_CASES = 24
"""Flipped runs that are shown with both trajectories; all others are in the table."""
MOST_GROUPS = {"lost": 4, "won": 3}
"""Mechanisms of each way, on the first screen."""
_MOST_STEPS = 16
_MOST_ROWS = 400
_MOST_CURVES = 24
_WORK = {"collect": "collecting", "evolve": "searching corrections", "train": "training", "evaluate": "comparing"}


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the page is made of."""

    request: PromotionRequest
    evaluation: EvaluationResult
    standings: Standings
    """Of the same episodes: both arms beside the references."""
    trajectories: Mapping[Sha256, Trajectory]
    """By content digest: at least those of flipped runs, both arms. A missing one is said to be missing."""
    rules: GateSettings = field(default_factory=GateSettings)
    """What the gate asked for."""
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
    history: Sequence[Reign] = ()
    """Champions so far, oldest first."""
    stages: Sequence[StageTime] = ()
    """How long this cycle's stages took, as far as they have ended."""


class Case(NamedTuple):
    """One run whose outcome differs between the arms."""

    pair: PairedResult
    group: Group
    anchor: str
    """Where it stands on the page."""
    champion: Trajectory | None
    challenger: Trajectory | None
    alike: int
    """Steps at the beginning that both arms took alike."""


class Flips(NamedTuple):
    """All runs that went one way."""

    way: Way
    pairs: Sequence[PairedResult]
    groups: Sequence[Group]
    cases: Sequence[Case]
    rest: Sequence[PairedResult]
    """Runs that are in no case."""

    @property
    def problems(self) -> int:
        """How many different ones."""
        return len({pair.problem_id for pair in self.pairs})

    @property
    def lucky(self) -> int:
        """Runs in which the arm that passed had named a wrong cause."""
        return sum(group.lucky for group in self.groups)

    def example(self, group: Group) -> str:
        """Where a case of the group stands on the page; empty if none is shown."""
        return next((case.anchor for case in self.cases if case.group is group), "")


def render(material: Material) -> str:
    """The page. Shows fewer trajectories, then fewer rows, where it would otherwise be too large, and says so."""
    page = ""
    for most, rows in (*((most, _MOST_ROWS) for most in (MOST_CASES, 12, 4, 0)), (0, 100), (0, 20), (0, 0)):
        page = _render(material, most, rows)
        if len(page.encode()) < MOST_BYTES:
            break
    return page


def _render(material: Material, most_cases: int, most_rows: int = _MOST_ROWS) -> str:
    request, evaluation = material.request, material.evaluation
    lost, won = _ways(material, most_cases)
    shown = floors(evaluation, request.decision, material.rules)
    lists = {name: list(getattr(material, name))[:most_rows] for name in ("corrections", "changes", "contracts")}
    return (
        _environment()
        .get_template("review.html.j2")
        .render(
            material=material,
            request=request,
            decision=request.decision,
            evaluation=evaluation,
            rules=material.rules,
            digest=request.digest(),
            champion=material.champion,
            floors=shown,
            scale=Scale(shown),
            unmet=unmet(request.decision),
            disbelieved=disbelieved(request.decision),
            failed=[check for check in request.decision.checks if not check.passed],
            lost=lost,
            won=won,
            most_groups=MOST_GROUPS,
            most_rows=most_rows,
            costs=_costs(evaluation.pairs),
            work=_work(material.stages),
            taught=Counter(mechanism_told(plan.instance.problem.fault) for plan in material.corrections).most_common(4),
            changed=Counter(change.group for change in material.changes),
            mechanisms=by_mechanism(evaluation)[:most_rows],
            applications=by_application(evaluation)[:most_rows],
            history=list(reversed(material.history)),
            rates=rates(material.history),
            standings=material.standings,
            parts=list(zip(*(line.parts for line in material.standings.lines), strict=True)),
            lines_told=TOLD,
            parts_told=PARTS,
            beyond_rules=BEYOND_RULES,
            injected=flipped(evaluation.injected),
            curves=material.curves[:_MOST_CURVES],
            judge=material.judge,
            correction_count=len(material.corrections),
            learning=material.learning,
            fates=_fates(material.outcomes),
            became={each.correction: each for each in material.outcomes if each.correction},
            most_steps=_MOST_STEPS,
            **lists,
        )
    )


def _environment() -> Environment:
    return environment(
        decided=decided,
        said=said,
        told=told,
        answered=answered,
        names=_names,
        named=named,
        is_pictured=is_pictured,
        causes=causes_told,
        wrong_cause=has_wrong_cause,
        interval=interval,
        axis=axis,
        spark=spark,
        line=line,
    )


def _names(trajectory: Trajectory) -> dict[str, str]:
    """Handle -> the real name with the handle behind it: commands have the one, and decisions the other."""
    return {handle: f"{name} ({handle})" for handle, name in trajectory.content.handles.items()}


def _ways(material: Material, most_cases: int) -> tuple[Flips, Flips]:
    """What was lost, and what was won. Each may have half of the cases, and what the other leaves of its half."""
    lost, won = flips(material.evaluation)
    return (
        _flips("lost", lost, material, most_cases - min(most_cases // 2, len(won))),
        _flips("won", won, material, most_cases - min(most_cases // 2, len(lost))),
    )


def _flips(way: Way, pairs: Sequence[PairedResult], material: Material, most_cases: int) -> Flips:
    groups = grouped(pairs, way, material.trajectories)
    # One of each group before a second of any: the first screen has a link to an example of each.
    in_turn = [pair for turn in zip_longest(*(group.pairs for group in groups)) for pair in turn if pair is not None]
    chosen = {_run_of(pair) for pair in in_turn[:most_cases]}
    shown = [(group, pair) for group in groups for pair in group.pairs if _run_of(pair) in chosen]
    cases = [_case(pair, group, f"{way}-{number}", material) for number, (group, pair) in enumerate(shown)]
    return Flips(way, pairs, groups, cases, [pair for pair in pairs if _run_of(pair) not in chosen])


def _run_of(pair: PairedResult) -> tuple[str, int, int]:
    return pair.problem_id, pair.world_seed, pair.rollout_seed


def _case(pair: PairedResult, group: Group, anchor: str, material: Material) -> Case:
    champion = material.trajectories.get(pair.champion_trajectory)
    challenger = material.trajectories.get(pair.challenger_trajectory)
    return Case(pair, group, anchor, champion, challenger, _alike(champion, challenger))


def _alike(champion: Trajectory | None, challenger: Trajectory | None) -> int:
    if champion is None or challenger is None:
        return 0
    both = zip(champion.content.steps, challenger.content.steps, strict=False)
    alike = [_deed(first, champion) == _deed(second, challenger) for first, second in both]
    return alike.index(False) if False in alike else len(alike)


def _deed(step: Step, trajectory: Trajectory) -> tuple[str, tuple[str, ...]]:
    return decided(step, trajectory.content.handles), tuple(one.command for one in step.interactions)


class Spent(NamedTuple):
    """What a run costs, by its problem's mean."""

    what: str
    champion: float
    challenger: float
    places: int


def _costs(pairs: Sequence[PairedResult]) -> Iterator[Spent]:
    """Steps and tokens of a run, as the gate counts them: means over problems."""
    if pairs:
        before, after = by_problem(pairs, lambda pair: (float(pair.champion_steps), float(pair.challenger_steps)))
        yield Spent("steps", float(before.mean()), float(after.mean()), 1)
        before, after = by_problem(pairs, lambda pair: (float(pair.champion_tokens), float(pair.challenger_tokens)))
        yield Spent("tokens", float(before.mean()), float(after.mean()), 0)


def _work(stages: Sequence[StageTime]) -> dict[str, float]:
    """What the cycle's time went into, in seconds; empty where no time was kept."""
    spent = {told: sum(one.seconds for one in stages if one.stage == stage) for stage, told in _WORK.items()}
    spent["all else"] = sum(one.seconds for one in stages if one.stage not in _WORK)
    return {told: seconds for told, seconds in spent.items() if seconds}


class Fate(NamedTuple):
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
