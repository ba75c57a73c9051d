"""Runs whose outcome differs between the arms, grouped by what was wrong and what was answered.

A run is no reason by itself: two arms that sample differ somewhere. Several problems of one mechanism that now get the
same wrong answer are one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from aoi.language.meanings import meaning
from aoi.problems.compounds import THEN, mechanisms_of
from aoi.problems.faults import FAULTS
from aoi.records.base import Sha256
from aoi.records.episode import Trajectory, TrajectoryContent
from aoi.records.evaluation import EvaluationResult, PairedResult
from aoi.records.problem import TaskKind

Way = Literal["lost", "won"]
NO_FAULT = "no-fault control"
Trajectories = Mapping[Sha256, Trajectory]
_COMPLAINTS = ("fault", "lost", "pods", "symptoms")
_LABELS = {"level_right": "wrong level", "type_right": "wrong type"}


class Wrong(NamedTuple):
    """Flipped runs of one mechanism in which the arm that failed answered the same."""

    answer: str
    problems: int
    runs: int
    lucky: int
    """Of the runs, those in which the arm that passed had named a wrong cause."""


class Group(NamedTuple):
    """Flipped runs of one mechanism."""

    mechanism: str
    """As `mechanism_told` says it."""
    pairs: tuple[PairedResult, ...]
    wrong: tuple[Wrong, ...]
    """What the arm that failed answered in them: the challenger of what was lost, the champion of what was won."""

    @property
    def problems(self) -> int:
        """How many different ones."""
        return _problems(self.pairs)

    @property
    def lucky(self) -> int:
        """Runs in which the arm that passed had named a wrong cause."""
        return sum(wrong.lucky for wrong in self.wrong)


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
    """Content digests of the trajectories of all flipped runs, both arms."""
    pairs = [pair for way in flips(evaluation) for pair in way]
    return {digest for pair in pairs for digest in (pair.champion_trajectory, pair.challenger_trajectory)}


def grouped(pairs: Sequence[PairedResult], way: Way, trajectories: Trajectories) -> list[Group]:
    """The groups of one way, those of most problems first."""
    found: dict[str, list[PairedResult]] = {}
    for pair in pairs:
        found.setdefault(mechanism_told(pair.fault), []).append(pair)
    groups = [Group(name, _spread(own), tuple(_wrong(own, way, trajectories))) for name, own in found.items()]
    return sorted(groups, key=lambda group: (-group.problems, -len(group.pairs), group.mechanism))


def _wrong(pairs: Sequence[PairedResult], way: Way, trajectories: Trajectories) -> list[Wrong]:
    """Most runs first."""
    found: dict[str, list[PairedResult]] = {}
    for pair in pairs:
        failed = pair.challenger_trajectory if way == "lost" else pair.champion_trajectory
        found.setdefault(_came_to(trajectories.get(failed)), []).append(pair)
    answers = [
        Wrong(answer, _problems(own), len(own), sum(_is_lucky(pair, way, trajectories) for pair in own))
        for answer, own in found.items()
    ]
    return sorted(answers, key=lambda wrong: (-wrong.runs, wrong.answer))


def _spread(pairs: Sequence[PairedResult]) -> tuple[PairedResult, ...]:
    """One run of each problem before a second of any."""
    seen: Counter[str] = Counter()
    turns = []
    for pair in pairs:
        seen[pair.problem_id] += 1
        turns.append((seen[pair.problem_id], pair))
    return tuple(pair for _, pair in sorted(turns, key=lambda turn: turn[0]))


def _problems(pairs: Sequence[PairedResult]) -> int:
    return len({pair.problem_id for pair in pairs})


def _is_lucky(pair: PairedResult, way: Way, trajectories: Trajectories) -> bool:
    """Whether the arm that passed had named a wrong cause: most kinds of task do not ask for it."""
    passed = pair.champion_trajectory if way == "lost" else pair.challenger_trajectory
    return has_wrong_cause(trajectories.get(passed))


def has_wrong_cause(trajectory: Trajectory | None) -> bool:
    """Whether a run passed while the oracle knows that its cause is wrong. False where it was not asked."""
    if trajectory is None or trajectory.content.slice == "control":
        return False
    outcome = trajectory.content.outcome
    return outcome.success and outcome.detail.get("cause_right") is False


def mechanism_told(fault: str | None) -> str:
    """A mechanism as people read it; a compound as what it is made of."""
    if fault is None:
        return NO_FAULT
    told = " and ".join(name.replace("_", " ") for name in mechanisms_of(fault))
    return f"{told}, then restarts" if fault.endswith(THEN) else told


def causes_told(fault: str | None) -> str:
    """The right causes of a fault, with what their words mean."""
    if fault is None:
        return "nothing is wrong"
    causes = [FAULTS[name].causes[0] for name in mechanisms_of(fault) if name in FAULTS]
    return "; ".join(f"{meaning(cause)} ({cause})" for cause in causes)


def _came_to(trajectory: Trajectory | None) -> str:
    """What a failed run came to, as far as runs are grouped by it: what was answered, and what the oracle minds."""
    if trajectory is None:
        return "a run that is not in the store"
    content = trajectory.content
    answer = content.answer
    if answer is None:
        return f"no answer ({content.ended.replace('_', ' ')})"
    if content.outcome.false_alarm:
        return f"false alarm, {answer.cause or 'no cause'}"
    said = answer.verdict.replace("_", " ") if answer.verdict != "fault" else answer.cause or "no cause"
    minded = _minded(content)
    return f"{said} ({', '.join(minded)})" if minded else said


def _minded(content: TrajectoryContent) -> list[str]:
    """What was wrong with an answer that names a fault, or with the state that a repair left."""
    detail = content.outcome.detail
    if content.kind is TaskKind.MITIGATION:
        left = [name for name in _COMPLAINTS if detail.get(name)]
        return [f"{' and '.join(left)} still wrong"] if left else []
    if content.answer is None or content.answer.verdict != "fault":
        return []
    if detail.get("component_right") is False:
        return ["wrong component"]
    return [words for name, words in _LABELS.items() if detail.get(name) is False]
