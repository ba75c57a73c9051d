"""Where each mechanism hits each application, and which split may meet it there: the catalogue before its ids.

A place is a few words, so that tens of thousands of them cost little; an application's are made when somebody asks.
"""

from dataclasses import dataclass
from functools import cache

from aoi.problems import aiopslab
from aoi.problems.applications import APPLICATIONS
from aoi.problems.faults import FAULTS, MECHANISM_SPLITS
from aoi.problems.faults.base import Fault
from aoi.problems.sites import rng
from aoi.records.problem import Slice, Split, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.naming import HELD_OUT
from aoi.worlds.applications.spec import Application

SEEN_SHARE = 0.2
"""Of the targets of a training mechanism on a training application, for development and for test each."""


@dataclass(frozen=True, slots=True)
class Root:
    """One thing that is wrong of itself: a mechanism at a component."""

    fault: str
    component: str


@dataclass(frozen=True, slots=True)
class Place:
    """What is wrong in one application, and who may meet it."""

    application: str
    fault: str
    target: int
    """Number among the places of this fault in this application."""
    roots: tuple[Root, ...]
    split: Split
    slice: Slice
    kinds: tuple[TaskKind, ...]
    restarted: tuple[str, ...] = ()
    """Components that are restarted on top of it, and cannot start: what a cascade brings down."""


@cache
def targets(fault_key: str, application_key: str) -> tuple[str, ...]:
    """Component names that a fault can hit, in the application's own order (names as with seed 0)."""
    built, fault = application(application_key, 0), FAULTS[fault_key]
    # What stands in a namespace of others is theirs to break and to mend.
    own = (component for component in built.components if not component.namespace)
    return tuple(component.name for component in own if fault.eligible(built, component))


def slice_of(fault_key: str, application_key: str) -> Slice | None:
    """How far a mechanism at an application lies from training; None where they do not meet.

    A new mechanism on a new application would have no slice of its own, so it would blur both.
    """
    is_known, is_home = MECHANISM_SPLITS[fault_key] == "train", APPLICATIONS[application_key] == "train"
    if is_known and is_home:
        return "seen"
    if is_home:
        return "unseen_mechanism"
    if is_known:
        return "unseen_style" if application(application_key, 0).style in HELD_OUT else "unseen_application"
    return None


@cache
def places_of(fault_key: str, application_key: str) -> tuple[Place, ...]:
    """Where one mechanism hits one application, in the order of its components."""
    part = slice_of(fault_key, application_key)
    if part is None:
        return ()
    fault, built = FAULTS[fault_key], application(application_key, 0)
    names = targets(fault_key, application_key)
    splits = _splits(fault_key, application_key, part, names)
    return tuple(
        Place(
            application_key,
            fault_key,
            target,
            (Root(fault_key, name),),
            splits[target],
            part,
            _kinds(fault, built, name),
        )
        for target, name in enumerate(names)
    )


def _kinds(fault: Fault, built: Application, name: str) -> tuple[TaskKind, ...]:
    """What it may be asked for. AIOpsLab's own mitigations are set also where no typed action mends them."""
    own = fault.kinds(built, built.by_name[name])
    return tuple(k for k in TaskKind if k in own or aiopslab.problem_id(built.key, fault.key, name, k))


def _splits(fault_key: str, application_key: str, part: Slice, names: tuple[str, ...]) -> list[Split]:
    """The split of each target. What AOI's paper holds out of AIOpsLab's problems is never trained on."""
    if part == "seen":
        dealt = _deal(fault_key, application_key, names)
    else:
        split = MECHANISM_SPLITS[fault_key] if part == "unseen_mechanism" else APPLICATIONS[application_key]
        dealt = dict.fromkeys(range(len(names)), split)
    theirs = {target: aiopslab.PROBLEMS.get((application_key, fault_key, name)) for target, name in enumerate(names)}
    held_out = {target: found.split for target, found in theirs.items() if found and found.split != "train"}
    return [held_out.get(target, dealt[target]) for target in range(len(names))]


def _deal(fault_key: str, application_key: str, names: tuple[str, ...]) -> dict[int, Split]:
    """Target -> split. Those of AIOpsLab's that its paper trains on stay in training."""
    order = list(range(len(names)))
    rng("deal", fault_key, application_key).shuffle(order)
    order.sort(key=lambda target: (application_key, fault_key, names[target]) not in aiopslab.PROBLEMS)
    held_out = max(1, round(len(order) * SEEN_SHARE)) if len(order) >= 3 else 0
    kept = len(order) - 2 * held_out
    splits: dict[int, Split] = {}
    for place, target in enumerate(order):
        splits[target] = "train" if place < kept else "development" if place < kept + held_out else "test"
    return splits
