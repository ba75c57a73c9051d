"""Contract between what is learned from and what is measured on: nothing may be in both. Owner: promotion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aoi.problems.compounds import mechanisms_of
from aoi.records.base import Sha256
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan, TrainingExample
from aoi.records.problem import Problem, ProblemInstance
from data_contracts.contract import Contract, Value, is_zero

Learned = Trajectory | TrainingExample | CorrectivePlan


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What must not be learned from."""

    problems: frozenset[str]
    trajectories: frozenset[Sha256]
    worlds: frozenset[Sha256]
    mechanisms: frozenset[str]
    """Faults that are measured as unseen."""
    applications: frozenset[str]
    """Applications that are measured as unseen."""


def held_out(problems: Iterable[Problem], trajectories: Iterable[Trajectory] = ()) -> HeldOut:
    """Everything that development and test problems, and the episodes on them, keep from learning."""
    problems, contents = list(problems), [row.content for row in trajectories]
    problems += [content.instance.problem for content in contents]
    return HeldOut(
        problems=frozenset(problem.id for problem in problems),
        trajectories=frozenset(content.digest() for content in contents),
        worlds=frozenset(content.world for content in contents),
        mechanisms=frozenset(p.fault for p in problems if p.slice == "unseen_mechanism" and p.fault),
        applications=frozenset(p.application for p in problems if p.slice in ("unseen_application", "unseen_style")),
    )


def contract(kept: HeldOut) -> Contract[Any]:
    """The contract for anything learned from, against what is held out. One leak refuses the batch."""

    def columns(row: Learned) -> Mapping[str, Value]:
        instance, sources, world = _origin(row)
        problem = instance.problem
        return {
            "id": row.content.digest() if isinstance(row, Trajectory) else row.digest(),
            "not_of_training": problem.split != "train",
            "problem_is_held_out": problem.id in kept.problems,
            "source_is_held_out": any(source in kept.trajectories for source in sources),
            "world_is_held_out": world in kept.worlds,
            "mechanism_is_held_out": any(key in kept.mechanisms for key in mechanisms_of(problem.fault or "")),
            "application_is_held_out": problem.application in kept.applications,
        }

    return Contract(
        name="leakage",
        version=1,
        owner="promotion",
        severity="blocks",
        record=(Trajectory, TrainingExample, CorrectivePlan),
        columns=columns,
        expectations=expectations,
        most_quarantined=0.0,
    )


def expectations() -> Sequence[Any]:
    """The rules beyond those of every contract."""
    return [
        is_zero("not_of_training", "not of the training split"),
        is_zero("problem_is_held_out", "made from a problem that is measured on"),
        is_zero("source_is_held_out", "taken from an episode of an evaluation"),
        is_zero("world_is_held_out", "taken from a world of an evaluation"),
        is_zero("mechanism_is_held_out", "of a fault that is measured as unseen"),
        is_zero("application_is_held_out", "of an application that is measured as unseen"),
    ]


def _origin(row: Learned) -> tuple[ProblemInstance, tuple[Sha256, ...], Sha256]:
    """Instance, source trajectories and world digest (empty where the record has none)."""
    if isinstance(row, Trajectory):
        return row.content.instance, (row.content.digest(),), row.content.world
    if isinstance(row, TrainingExample):
        return row.instance, (row.source_trajectory,), row.world
    return row.instance, (row.source_trajectory, row.verified_by or ""), ""
