"""Every problem by id, its split and slice, and the samples that a cycle draws.

Splits share no problem id: a target component of a training mechanism on a training application belongs to one
split. Unseen mechanisms, applications and naming styles belong to development or test alone. `aoi problems` reads this.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from aoi.errors import UnknownProblem
from aoi.problems import aiopslab
from aoi.problems.applications import APPLICATIONS
from aoi.problems.faults import FAULTS, MECHANISMS
from aoi.problems.faults.base import Fault
from aoi.problems.sites import rng
from aoi.records.problem import Problem, Slice, Split, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.naming import HELD_OUT

NO_FAULT = "no_fault"
CONTROLS = 4
"""No-fault problems for each application, split and kind."""
CONTROL_KINDS = (TaskKind.DETECTION, TaskKind.LOCALIZATION)
SEEN_SHARE: Mapping[Split, float] = {"train": 0.6, "development": 0.2, "test": 0.2}
"""How the targets of a training mechanism on a training application are dealt out."""
SPLITS: tuple[Split, ...] = ("train", "development", "test")


def get(problem_id: str) -> Problem:
    """One problem. Raises: UnknownProblem, naming near matches."""
    problem = _by_id().get(problem_id)
    if problem is None:
        near = difflib.get_close_matches(problem_id, _by_id(), n=3, cutoff=0.5)
        hint = f" Near: {', '.join(near)}." if near else ""
        raise UnknownProblem(f"no problem {problem_id!r} among {len(_by_id())}.{hint} See them all: aoi problems list")
    return problem


def problems(
    *,
    split: Split | None = None,
    slice: Slice | None = None,  # noqa: A002 - the vocabulary's word
    kind: TaskKind | None = None,
    fault: str | None = None,
) -> tuple[Problem, ...]:
    """All problems that fit, in catalogue order. `fault` is a key of `FAULTS`, or `no_fault` for the controls."""
    wanted_fault = None if fault == NO_FAULT else fault
    return tuple(
        problem
        for problem in _by_id().values()
        if (split is None or problem.split == split)
        and (slice is None or problem.slice == slice)
        and (kind is None or problem.kind == kind)
        and (fault is None or problem.fault == wanted_fault)
    )


def control_of(problem: Problem) -> Problem:
    """The no-fault problem that belongs to a problem with a fault: same split, same application."""
    kind = problem.kind if problem.kind in CONTROL_KINDS else TaskKind.DETECTION
    return get(
        _control_id(problem.application, kind, SPLITS.index(problem.split) * CONTROLS + problem.target % CONTROLS)
    )


@cache
def targets(fault_key: str, application_key: str) -> tuple[str, ...]:
    """Component names that a fault can hit, in the application's own order (names as with seed 0)."""
    built, fault = application(application_key, 0), FAULTS[fault_key]
    # What stands in a namespace of others is theirs to break and to mend.
    own = (component for component in built.components if not component.namespace)
    return tuple(component.name for component in own if fault.eligible(built, component))


@cache
def _by_id() -> Mapping[str, Problem]:
    by_id: dict[str, Problem] = {}
    for key, home in APPLICATIONS.items():
        for mechanism_split, faults in MECHANISMS.items():
            for fault in faults:
                for problem in _of_fault(fault, mechanism_split, key, home):
                    by_id[problem.id] = problem
        for problem in _controls(key, home):
            by_id[problem.id] = problem
    return MappingProxyType(by_id)


def _of_fault(fault: Fault, mechanism_split: Split, key: str, home: Split) -> list[Problem]:
    """The problems of one mechanism on one application."""
    names, built = targets(fault.key, key), application(key, 0)
    if home == "train" and mechanism_split == "train":
        splits = _deal(fault.key, key, names)
        slice_of: Slice = "seen"
    elif home == "train":
        splits, slice_of = dict.fromkeys(range(len(names)), mechanism_split), "unseen_mechanism"
    elif mechanism_split == "train":
        splits = dict.fromkeys(range(len(names)), home)
        slice_of = "unseen_style" if built.style in HELD_OUT else "unseen_application"
    else:
        # A new mechanism on a new application: no slice of its own, so it would blur both.
        return []
    if mechanism_split != "train":
        splits |= {
            target: theirs.split
            for target, name in enumerate(names)
            if (theirs := aiopslab.PROBLEMS.get((key, fault.key, name))) and theirs.split != "train"
        }
    return [
        Problem(
            id=_fault_id(fault.key, kind, key, target, names[target]),
            application=key,
            application_version=application(key, 0).version,
            fault=fault.key,
            fault_version=fault.version,
            kind=kind,
            target=target,
            split=split,
            slice=slice_of,
        )
        for target, split in splits.items()
        for kind in fault.kinds(built, built.by_name[names[target]])
    ]


def _deal(fault_key: str, key: str, names: tuple[str, ...]) -> dict[int, Split]:
    """Target -> split, in target order. AIOpsLab's own problems of training mechanisms stay in training."""
    order = list(range(len(names)))
    rng("deal", fault_key, key).shuffle(order)
    order.sort(key=lambda target: (key, fault_key, names[target]) not in aiopslab.PROBLEMS)
    held_out = max(1, round(len(order) * SEEN_SHARE["development"])) if len(order) >= 3 else 0
    kept = len(order) - 2 * held_out
    splits: dict[int, Split] = {}
    for place, target in enumerate(order):
        splits[target] = "train" if place < kept else "development" if place < kept + held_out else "test"
    return dict(sorted(splits.items()))


def _controls(key: str, home: Split) -> list[Problem]:
    return [
        Problem(
            id=_control_id(key, kind, SPLITS.index(split) * CONTROLS + number),
            application=key,
            application_version=application(key, 0).version,
            fault=None,
            fault_version="1",
            kind=kind,
            target=number,
            split=split,
            slice="control",
        )
        for split in (SPLITS if home == "train" else (home,))
        for number in range(CONTROLS)
        for kind in CONTROL_KINDS
    ]


def _fault_id(fault_key: str, kind: TaskKind, key: str, target: int, name: str) -> str:
    return aiopslab.problem_id(key, fault_key, name, kind) or f"{fault_key}-{kind.value}-{key}-{target + 1}"


def _control_id(key: str, kind: TaskKind, place: int) -> str:
    split, number = SPLITS[place // CONTROLS], place % CONTROLS
    if kind == TaskKind.DETECTION and number == 0 and (key, split) in aiopslab.NOOPS:
        return aiopslab.NOOPS[key, split]
    return f"{NO_FAULT}-{kind.value}-{key}-{place + 1}"
