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
World = tuple[str, int, str, int]
"""Application, seed, fault and place of a world."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What must not be learned from."""

    problems: frozenset[str]
    trajectories: frozenset[Sha256]
    worlds: frozenset[World]
    """By what each is made from: a control of training may be one of an evaluation under another name."""
    mechanisms: frozenset[str]
    """Faults that are measured as unseen."""
    applications: frozenset[str]
    """Applications that are measured as unseen."""


def held_out(
    problems: Iterable[Problem], instances: Iterable[ProblemInstance] = (), trajectories: Iterable[Sha256] = ()
) -> HeldOut:
    """Everything that development and test problems keep from learning.

    `instances` are those that an evaluation runs or has run, `trajectories` the digests of its episodes.
    """
    instances = list(instances)
    problems = [*problems, *(instance.problem for instance in instances)]
    return HeldOut(
        problems=frozenset(problem.id for problem in problems),
        trajectories=frozenset(trajectories),
        worlds=frozenset(map(world_of, instances)),
        mechanisms=frozenset(p.fault for p in problems if p.slice == "unseen_mechanism" and p.fault),
        applications=frozenset(p.application for p in problems if p.slice in ("unseen_application", "unseen_style")),
    )


def world_of(instance: ProblemInstance) -> World:
    """What its world is made from, whatever is asked about it."""
    problem = instance.problem
    return problem.application, instance.seed, problem.fault or "", problem.target if problem.fault else 0


def contract(kept: HeldOut) -> Contract[Any]:
    """The contract for anything learned from, against what is held out. One leak refuses the batch."""

    def columns(row: Learned) -> Mapping[str, Value]:
        instance, sources = _origin(row)
        problem = instance.problem
        return {
            "id": row.content.digest() if isinstance(row, Trajectory) else row.digest(),
            "not_of_training": problem.split != "train",
            "problem_is_held_out": problem.id in kept.problems,
            "source_is_held_out": any(source in kept.trajectories for source in sources),
            "world_is_held_out": world_of(instance) in kept.worlds,
            "mechanism_is_held_out": any(key in kept.mechanisms for key in mechanisms_of(problem.fault or "")),
            "application_is_held_out": problem.application in kept.applications,
        }

    return Contract(
        name="leakage",
        version=2,
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


def _origin(row: Learned) -> tuple[ProblemInstance, tuple[Sha256, ...]]:
    """Instance and source trajectories."""
    if isinstance(row, Trajectory):
        return row.content.instance, (row.content.digest(),)
    if isinstance(row, TrainingExample):
        return row.instance, (row.source_trajectory,)
    return row.instance, (row.source_trajectory, row.verified_by or "")
