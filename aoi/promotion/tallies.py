"""How both arms fare by mechanism and by application: too few problems each for an interval, so counts beside rates."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from aoi.problems.compounds import mechanisms_of
from aoi.problems.faults import FAULTS
from aoi.promotion.evaluation import by_problem, success
from aoi.promotion.flips import causes_told, flips
from aoi.records.evaluation import EvaluationResult, PairedResult


class Tally(NamedTuple):
    """Problems with a fault that share something."""

    name: str
    note: str
    problems: int
    runs: int
    champion: float
    """Mean over problems of the share of their runs that succeed."""
    challenger: float
    lost: int
    """Runs that went from pass to fail."""
    won: int


def by_mechanism(evaluation: EvaluationResult) -> list[Tally]:
    """The largest loss first. A problem of two mechanisms is counted under each."""
    return _tallied(evaluation, lambda pair: mechanisms_of(pair.fault or pair.problem_id), _family)


def by_application(evaluation: EvaluationResult) -> list[Tally]:
    """The largest loss first."""
    return _tallied(evaluation, lambda pair: (pair.application,), lambda _: "")


def _family(mechanism: str) -> str:
    return f"{FAULTS[mechanism].family}: {causes_told(mechanism)}" if mechanism in FAULTS else ""


def _tallied(
    evaluation: EvaluationResult, names: Callable[[PairedResult], Iterable[str]], note: Callable[[str], str]
) -> list[Tally]:
    groups: dict[str, list[PairedResult]] = {}
    for pair in evaluation.pairs:
        if pair.slice != "control":
            for name in names(pair):
                groups.setdefault(name, []).append(pair)
    lost, won = ({_key(pair) for pair in way} for way in flips(evaluation))
    rows = [_tally(name, note(name), own, lost, won) for name, own in groups.items()]
    return sorted(rows, key=lambda row: (row.challenger - row.champion, row.name))


_Key = tuple[str, int, int]


def _key(pair: PairedResult) -> _Key:
    return pair.problem_id, pair.world_seed, pair.rollout_seed


def _tally(name: str, note: str, own: Sequence[PairedResult], lost: set[_Key], won: set[_Key]) -> Tally:
    champion, challenger = by_problem(own, success)
    return Tally(
        name=name,
        note=note,
        problems=len(champion),
        runs=len(own),
        champion=float(champion.mean()),
        challenger=float(challenger.mean()),
        lost=sum(_key(pair) in lost for pair in own),
        won=sum(_key(pair) in won for pair in own),
    )
