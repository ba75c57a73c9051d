"""From the episodes of all lines to the table that people read: who answers how well, on the very same worlds.

The champion and the challenger are the arms that the gate compares; survey, expert and seed are references. The gate is
not shown any of this: it reads an `EvaluationResult`, and nothing here is in one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aoi.errors import ContractViolation
from aoi.promotion.evaluation import FAULT_SLICES, gain_of
from aoi.promotion.statistics import Array
from aoi.records.base import Ref
from aoi.records.episode import BROKEN_OFF, Trajectory, TrajectorySet
from aoi.records.evaluation import EvaluationResult, PairedResult
from aoi.records.problem import TaskKind
from aoi.records.standings import Line, LineName, PartResult, Standings

TOLD: Mapping[LineName, str] = {
    "survey": "survey: rules alone",
    "expert": "expert: scripted",
    "seed": "seed: base without adapter",
    "champion": "champion",
    "challenger": "challenger",
}
BEYOND_RULES = (
    "The survey names component and cause, but neither classes them nor changes anything: it can pass no analysis and "
    "no mitigation."
)
PARTS = {
    "overall": "all faults",
    "seen": "unseen worlds of training mechanisms",
    "unseen_mechanism": "unseen mechanisms",
    "unseen_application": "unseen applications",
    "unseen_style": "unseen naming styles",
    "several": "several faults at once, and cascades",
    "controls": "no-fault controls: no false alarm",
}
"""What people read where a part is named; kinds of task go by their names."""


class Episodes(NamedTuple):
    """The episodes of one line."""

    name: LineName
    ref: Ref[TrajectorySet]
    """Where they are kept."""
    rows: Iterable[Trajectory]
    """Read once, one after the other; runs with an injection are passed over."""
    same_as: LineName | None = None
    """The arm whose episodes these are too: `rows` are not read again."""


class _Run(NamedTuple):
    """What the table takes of one episode."""

    by: str
    world: str
    success: bool
    aiopslab: bool
    false_alarm: bool
    steps: int
    tokens: int


_Key = tuple[str, int, int]
_Runs = Mapping[_Key, _Run]


def standings(evaluation: EvaluationResult, lines: Sequence[Episodes], level: float) -> Standings:
    """The table. Every line is measured on the runs that both arms finished, the pairs of the evaluation.

    `level` is of the one-sided bounds, as in `compare`.
    Raises: ContractViolation if a line met another world than the champion in the same run, or the champion's episodes
    are not those of the evaluation.
    """
    wanted = {_key(pair) for pair in evaluation.pairs}
    runs = {line.name: _runs(line.rows, wanted) for line in lines if line.same_as is None}
    lacking = len(wanted) - len(runs.get("champion", ()))
    if lacking:
        raise ContractViolation(
            f"standings: the champion's episodes lack {lacking} of the evaluation's {len(wanted)} pairs, expected the "
            "episodes that it was made of. Evaluate again"
        )
    for name, found in runs.items():
        _check_same_worlds(name, found, runs["champion"])
    runs |= {line.name: runs[line.same_as] for line in lines if line.same_as is not None}
    counts: dict[str, int] = {}
    for pair in evaluation.pairs:
        counts[pair.problem_id] = counts.get(pair.problem_id, 0) + 1
    controls = {pair.problem_id for pair in evaluation.pairs if pair.slice == "control"}
    return Standings(
        problems=len(counts) - len(controls),
        controls=len(controls),
        k=max(counts.values(), default=0),
        level=evaluation.overall.gain.level,
        lines=tuple(_line(line, runs[line.name], runs["champion"], evaluation, level) for line in lines),
    )


def figures(table: Standings) -> dict[str, float]:
    """Every rate and gain by a name of its own, as a registry keeps figures: `success/seed/controls`."""
    named: dict[str, float] = {}
    for line in table.lines:
        for part in line.parts:
            place = f"{line.name}/{part.part}"
            named |= {f"success/{place}": part.average, f"best/{place}": part.best, f"aiopslab/{place}": part.aiopslab}
            if part.gain is not None:
                named[f"gain/{place}"] = part.gain.estimate
    return named


def _runs(rows: Iterable[Trajectory], wanted: set[_Key]) -> _Runs:
    found: dict[_Key, _Run] = {}
    for row in rows:
        content = row.content
        key = (content.instance.problem.id, content.instance.seed, content.rollout_seed)
        if content.injection is None and key in wanted and content.ended not in BROKEN_OFF:
            outcome = content.outcome
            grades = (outcome.success, outcome.aiopslab_success, outcome.false_alarm)
            found[key] = _Run(content.bundle, content.world, *grades, len(content.steps), content.tokens)
    return found


def _check_same_worlds(name: str, runs: _Runs, champion: _Runs) -> None:
    for key in runs.keys() & champion.keys():
        if runs[key].world != champion[key].world:
            raise ContractViolation(
                f"standings: run {key[0]}@{key[1]} began in world {runs[key].world[:12]} for the {name} and "
                f"{champion[key].world[:12]} for the champion. All lines must use the same code; evaluate again"
            )


def _line(line: Episodes, runs: _Runs, champion: _Runs, evaluation: EvaluationResult, level: float) -> Line:
    return Line(
        name=line.name,
        by=next((run.by for run in runs.values()), ""),
        same_as=line.same_as,
        episodes=line.ref,
        parts=tuple(
            _part(part, pairs, runs, None if runs is champion else champion, level)
            for part, pairs in _parts(evaluation.pairs).items()
        ),
        missing=len(evaluation.pairs) - len(runs),
        steps=_mean([run.steps for run in runs.values()]),
        tokens=_mean([run.tokens for run in runs.values()]),
    )


def _parts(pairs: Sequence[PairedResult]) -> dict[str, list[PairedResult]]:
    """Part -> its pairs, the parts in the order of the evaluation's own."""
    faults = [pair for pair in pairs if pair.slice != "control"]
    parts = {"overall": faults}
    parts |= {name: [pair for pair in faults if pair.slice == name] for name in FAULT_SLICES}
    parts |= {kind.value: [pair for pair in faults if pair.kind == kind] for kind in TaskKind}
    parts = {name: group for name, group in parts.items() if group or name == "overall"}
    parts["controls"] = [pair for pair in pairs if pair.slice == "control"]
    return parts


def _part(part: str, pairs: Sequence[PairedResult], runs: _Runs, champion: _Runs | None, level: float) -> PartResult:
    pairs = [pair for pair in pairs if _key(pair) in runs]
    there = [_key(pair) for pair in pairs]
    score = _no_false_alarm if part == "controls" else _success
    scores = _by_problem(there, runs, score)
    average = _means(scores)
    gain = None
    if champion is not None:
        gain = gain_of(part, pairs, average - _means(_by_problem(there, champion, score)), level)
    return PartResult(
        part=part,
        runs=len(there),
        average=_mean(average),
        first=_mean([of_one[0] for of_one in scores]),
        best=_mean([max(of_one) for of_one in scores]),
        aiopslab=_mean(_means(_by_problem(there, runs, _aiopslab))),
        gain=gain,
    )


def _success(run: _Run) -> float:
    return float(run.success)


def _no_false_alarm(run: _Run) -> float:
    return float(not run.false_alarm)


def _aiopslab(run: _Run) -> float:
    return float(run.aiopslab)


def _by_problem(keys: Sequence[_Key], runs: _Runs, score: Callable[[_Run], float]) -> list[list[float]]:
    """The scores of each problem's runs, problems and runs in order."""
    scores: dict[str, list[float]] = {}
    for key in sorted(keys):
        scores.setdefault(key[0], []).append(score(runs[key]))
    return list(scores.values())


def _means(scores: Sequence[Sequence[float]]) -> Array:
    return np.array([np.mean(of_one) for of_one in scores], dtype=np.float64)


def _mean(values: Sequence[float] | Array) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _key(pair: PairedResult) -> _Key:
    return pair.problem_id, pair.world_seed, pair.rollout_seed
