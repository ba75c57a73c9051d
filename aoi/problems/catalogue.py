"""Every problem by id, its split and slice.

Splits share no problem id: a target component of a training mechanism on a training application belongs to one
split. Unseen mechanisms, applications and naming styles belong to development or test alone. `aoi problems` reads this.

Tens of thousands of ids: nothing of an application is made before somebody asks for it, and what is kept are places,
not records.
"""

import difflib
import re
from collections.abc import Iterator
from functools import cache, lru_cache

from aoi.errors import UnknownProblem
from aoi.problems import aiopslab
from aoi.problems.applications import APPLICATIONS
from aoi.problems.compounds import SPLITS, compounds_of, is_compound, mechanisms_of, spelt, version_of
from aoi.problems.faults import FAULTS
from aoi.problems.places import Place, Root, places_of, targets
from aoi.records.base import Sha256, canonical_bytes, sha256_hex
from aoi.records.problem import Problem, Slice, Split, TaskKind
from aoi.worlds.applications.lookup import application

__all__ = [
    "CONTROLS", "CONTROL_KINDS", "NO_FAULT", "SPLITS", "Place", "Root", "control_of", "fault_keys", "get",
    "mechanisms_of", "place_of", "places", "problem_at", "problems", "roots_of", "splits_digest", "targets",
]  # fmt: skip

NO_FAULT = "no_fault"
CONTROLS = 4
"""No-fault problems for each application, split and kind."""
CONTROL_KINDS = (TaskKind.DETECTION, TaskKind.LOCALIZATION)
_ID = re.compile(rf"(?P<fault>[a-z0-9_]+)-(?P<kind>{'|'.join(TaskKind)})-(?P<application>[a-z0-9_]+)-(?P<number>\d+)")
SHOWN_NEAR = 3


@lru_cache(maxsize=1024)
def get(problem_id: str) -> Problem:
    """One problem. Raises: UnknownProblem, naming near matches."""
    problem = next((problem for problem in _of_home(problem_id) if problem.id == problem_id), None)
    if problem is None:
        near = difflib.get_close_matches(problem_id, [p.id for p in _nearby(problem_id)], n=SHOWN_NEAR, cutoff=0.5)
        hint = f" Near: {', '.join(near)}." if near else ""
        raise UnknownProblem(f"no problem {problem_id!r} among {count()}.{hint} See them all: aoi problems list")
    return problem


def problems(
    *,
    split: Split | None = None,
    slice: Slice | None = None,  # noqa: A002 - the vocabulary's word
    kind: TaskKind | None = None,
    fault: str | None = None,
    application: str | None = None,
) -> tuple[Problem, ...]:
    """All problems that fit, in catalogue order. `fault` is a key of `FAULTS`, a compound's, or `no_fault`."""
    found: list[Problem] = []
    for key in APPLICATIONS if application is None else (application,):
        for place in places(split=split, slice=slice, fault=fault, application=key):
            found += [problem_at(place, one) for one in place.kinds if kind is None or one == kind]
        if fault in (None, NO_FAULT) and slice in (None, "control"):
            found += [p for p in _controls(key) if split in (None, p.split) and kind in (None, p.kind)]
    return tuple(found)


def places(
    *,
    split: Split | None = None,
    slice: Slice | None = None,  # noqa: A002 - the vocabulary's word
    fault: str | None = None,
    application: str | None = None,
) -> Iterator[Place]:
    """Where something is wrong, as `problems` chooses: without ids and records, so it costs little."""
    for key in APPLICATIONS if application is None else (application,):
        for fault_key in FAULTS if fault is None else (fault,) if fault in FAULTS else ():
            yield from (p for p in places_of(fault_key, key) if split in (None, p.split) and slice in (None, p.slice))
        if fault not in FAULTS and slice in (None, "several"):
            yield from (p for p in compounds_of(key) if fault in (None, p.fault) and split in (None, p.split))


def problem_at(place: Place, kind: TaskKind) -> Problem:
    """The problem of one kind at a place."""
    # Not validated: all of it stands in this code, and there are tens of thousands. A test validates each.
    return Problem.model_construct(
        id=_fault_id(place, kind),
        application=place.application,
        application_version=application(place.application, 0).version,
        fault=place.fault,
        fault_version=version_of(place.fault),
        kind=kind,
        target=place.target,
        split=place.split,
        slice=place.slice,
    )


def place_of(problem: Problem) -> Place | None:
    """Where a problem's fault stands; None for a control. Raises: UnknownProblem if the catalogue has no such place."""
    if problem.fault is None:
        return None
    try:
        return place_at(problem.fault, problem.application, problem.target)
    except (KeyError, IndexError):
        raise UnknownProblem(
            f"problem {problem.id}: no target {problem.target} of {problem.fault} in {problem.application}. "
            "See what there is: aoi problems list"
        ) from None


def place_at(fault: str, application_key: str, target: int) -> Place:
    """A place by its number. Raises: KeyError, IndexError."""
    if not is_compound(fault):
        return _hittable(fault, application_key)[target]
    return [place for place in compounds_of(application_key) if place.fault == fault][target]


@cache
def _hittable(fault: str, application_key: str) -> tuple[Place, ...]:
    """Every place that a mechanism could hit, also where no problem is set: what admission compares with."""
    set_places = places_of(fault, application_key)
    if set_places:
        return set_places
    return tuple(
        Place(application_key, fault, number, (Root(fault, name),), "test", "unseen_mechanism", ())
        for number, name in enumerate(targets(fault, application_key))
    )


def roots_of(problem: Problem) -> tuple[Root, ...]:
    """What is wrong in a problem: nothing, one thing, or several."""
    place = place_of(problem)
    return place.roots if place else ()


def control_of(problem: Problem) -> Problem:
    """The no-fault problem that belongs to a problem with a fault: same split, same application."""
    kind = problem.kind if problem.kind in CONTROL_KINDS else TaskKind.DETECTION
    place = SPLITS.index(problem.split) * CONTROLS + problem.target % CONTROLS
    wanted = _control_id(problem.application, kind, place)
    return next(control for control in _controls(problem.application) if control.id == wanted)


def fault_keys() -> tuple[str, ...]:
    """Every mechanism, and every compound that some application has."""
    compounds = (place.fault for key in APPLICATIONS for place in compounds_of(key))
    return (*FAULTS, *dict.fromkeys(compounds))


@cache
def count() -> int:
    """How many problems there are."""
    return sum(len(place.kinds) for place in places()) + sum(len(_controls(key)) for key in APPLICATIONS)


def splits_digest() -> Sha256:
    """Of who may meet what: changes with any problem's split."""
    rows = [[p.application, p.fault, p.target, [r.component for r in p.roots], p.split, p.slice] for p in places()]
    return sha256_hex(canonical_bytes(rows))


# ---------------------------------------------------------------- ids


def _of_home(problem_id: str) -> Iterator[Problem]:
    """The few problems among which an id must be, if it is one."""
    match = _ID.fullmatch(problem_id)
    if match is not None and match["application"] in APPLICATIONS:
        key, kind, number = match["application"], TaskKind(match["kind"]), int(match["number"])
        if match["fault"] == NO_FAULT:
            yield from _controls(key)
            return
        found = places_of(match["fault"], key) if match["fault"] in FAULTS else compounds_of(key)
        yield from (problem_at(p, kind) for p in found if p.target == number - 1 and kind in p.kinds)
        return
    for key in dict.fromkeys((*(theirs[0] for theirs in aiopslab.PROBLEMS), *(home for home, _ in aiopslab.NOOPS))):
        yield from _controls(key)
        faults = {fault for home, fault, _ in aiopslab.PROBLEMS if home == key}
        yield from (problem for fault in sorted(faults) for problem in problems(fault=fault, application=key))


def _nearby(problem_id: str) -> Iterator[Problem]:
    """Among which to look for what was meant: the application that is named, else AIOpsLab's own."""
    named = [key for key in APPLICATIONS if key in problem_id]
    if named:
        for key in named:
            yield from problems(application=key)
    else:
        yield from _of_home(problem_id)


@cache
def _controls(key: str) -> tuple[Problem, ...]:
    home = APPLICATIONS[key]
    return tuple(
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
    )


def _fault_id(place: Place, kind: TaskKind) -> str:
    theirs = None
    if len(place.roots) == 1 and not place.restarted:
        theirs = aiopslab.problem_id(place.application, place.fault, place.roots[0].component, kind)
    return theirs or f"{spelt(place.fault)}-{kind.value}-{place.application}-{place.target + 1}"


def _control_id(key: str, kind: TaskKind, place: int) -> str:
    split, number = SPLITS[place // CONTROLS], place % CONTROLS
    if kind == TaskKind.DETECTION and number == 0 and (key, split) in aiopslab.NOOPS:
        return aiopslab.NOOPS[key, split]
    return f"{NO_FAULT}-{kind.value}-{key}-{place + 1}"
