"""Problem instances for other people's trainers, and what people are shown of one."""

from collections.abc import Iterable, Iterator

from aoi.problems import catalogue
from aoi.problems.faults import FAULTS
from aoi.records.base import Record
from aoi.records.problem import ProblemInstance, Slice, Split, TaskKind
from aoi.worlds.applications.lookup import application


class RootTruth(Record):
    """One thing that is wrong of itself."""

    fault: str
    component: str
    """As the catalogue names it; other names of the same component count as well."""
    causes: tuple[str, ...]
    """Words that name the mechanism, the best first."""
    system_level: str
    fault_type: str


class Exported(Record):
    """One instance: all that an environment needs to begin, and no truth unless asked for.

    The id itself names the mechanism: it is for whoever resets the environment, never for whoever acts in it.
    """

    id: str
    seed: int
    kind: TaskKind
    application: str
    application_version: str
    namespace: str
    split: Split
    slice: Slice | None = None
    """None: not asked for, since it says whether anything is wrong, and of how many."""
    truth: tuple[RootTruth, ...] | None = None
    """None: not asked for. Empty: nothing is wrong."""


def exported(instances: Iterable[ProblemInstance], *, reveal: bool = False) -> Iterator[Exported]:
    """A row for each instance, in their order."""
    for one in instances:
        problem = one.problem
        yield Exported(
            id=problem.id,
            seed=one.seed,
            kind=problem.kind,
            application=problem.application,
            application_version=problem.application_version,
            namespace=application(problem.application, one.seed).namespace,
            split=problem.split,
            slice=problem.slice if reveal else None,
            truth=tuple(map(_truth, catalogue.roots_of(problem))) if reveal else None,
        )


def _truth(root: catalogue.Root) -> RootTruth:
    fault = FAULTS[root.fault]
    return RootTruth(
        fault=root.fault,
        component=root.component,
        causes=fault.causes,
        system_level=fault.level.value,
        fault_type=fault.type.value,
    )
