"""Several faults at once, and one that brings others down: known mechanisms, composed by seed.

A *pair* is two mechanisms at two components neither of which leads to the other by calls or logins, so that neither
hides the other: the oracle wants both. A *cascade* is one fault at a database whose clients are restarted afterwards,
as any night's rollout does: they cannot start without it and complain louder than the cause, and the oracle wants the
cause alone. Both are made of what training knows, so that only their number, or the noise above them, is new.
"""

from collections.abc import Iterator
from functools import cache
from random import Random

from aoi.problems.applications import APPLICATIONS
from aoi.problems.faults import FAULTS, MECHANISMS
from aoi.problems.places import Place, Root, places_of
from aoi.problems.sites import flow, is_used, rng
from aoi.records.problem import Split, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application

SPLITS: tuple[Split, ...] = ("train", "development", "test")
PAIRS = 6
"""Of each application and split."""
CASCADES = 3
STARVED = 0.9
"""Share of its requests below which a component may have too few to show what only requests show: a limit that is just
reached with all of them is not with fewer."""
SPREADING = frozenset({"quota", "node", "admission", "policy", "dns"})
"""Families whose faults hit whoever needs a new pod, or a whole namespace: beside one of these nothing stands apart."""
AND, THEN = "+", ">restart"
"""`a+b` are two faults at once; `a>restart` is one, with its clients restarted on top."""


def is_compound(fault_key: str) -> bool:
    """Whether a key names several faults, or one with what it brings down."""
    return AND in fault_key or fault_key.endswith(THEN)


def mechanisms_of(fault_key: str) -> tuple[str, ...]:
    """Keys of the mechanisms behind a key: itself, or those that it is composed of."""
    return tuple(fault_key.removesuffix(THEN).split(AND))


def spelt(fault_key: str) -> str:
    """A key as it stands in the id of a problem."""
    return fault_key.replace(AND, "_and_").replace(THEN, "_then_restart")


@cache
def compounds_of(application_key: str) -> tuple[Place, ...]:
    """All of one application: the pairs of each split, then its cascades."""
    home = APPLICATIONS[application_key]
    built = application(application_key, 0)
    places: list[Place] = []
    for split in SPLITS if home == "train" else (home,):
        singles = [
            place
            for fault in MECHANISMS["train"]
            if fault.family not in SPREADING
            for place in places_of(fault.key, application_key)
            if place.split == split
        ]
        choices = rng("compounds", application_key, split)
        places += _pairs(built, singles, choices)
        places += _cascades(built, singles, choices)
    return _numbered(places)


def _numbered(places: list[Place]) -> tuple[Place, ...]:
    """With their number among those of the same key."""
    seen: dict[str, int] = {}
    numbered = []
    for place in places:
        number = seen[place.fault] = seen.get(place.fault, -1) + 1
        numbered.append(
            Place(
                place.application,
                place.fault,
                number,
                place.roots,
                place.split,
                place.slice,
                place.kinds,
                place.restarted,
            )
        )
    return tuple(numbered)


def _pairs(built: Application, singles: list[Place], choices: Random) -> Iterator[Place]:
    """Pairs of different mechanisms at independent components; each mechanism and component as seldom as possible."""
    used: dict[str, int] = {}
    for _ in range(PAIRS):
        order = choices.sample(singles, len(singles))
        order.sort(key=lambda place: used.get(place.fault, 0) + used.get(place.roots[0].component, 0))
        found = next(((a, b) for a in order[:12] for b in order if a.fault < b.fault and _are_apart(built, a, b)), None)
        if found is None:
            return
        for place in found:
            used[place.fault] = used.get(place.fault, 0) + 1
            used[place.roots[0].component] = used.get(place.roots[0].component, 0) + 2
        first, second = found
        singles = [place for place in singles if place not in found]
        kinds = tuple(kind for kind in first.kinds if kind in second.kinds and kind != TaskKind.ANALYSIS)
        yield Place(
            first.application, AND.join((first.fault, second.fault)), 0, (*first.roots, *second.roots),
            first.split, "several", kinds,
        )  # fmt: skip


def _are_apart(built: Application, one: Place, other: Place) -> bool:
    """Whether two faults neither hide nor explain one another."""
    a, b = one.roots[0].component, other.roots[0].component
    if a == b or b in _below(built, a) or a in _below(built, b):
        return False
    return not _is_starved(built, one, b) and not _is_starved(built, other, a)


def _is_starved(built: Application, place: Place, down: str) -> bool:
    """Whether a fault that shows in requests alone would be left without most of them, were another component down."""
    component = place.roots[0].component
    left = flow(built, down).get(component, 0.0)
    return FAULTS[place.fault].needs_requests and left < STARVED * flow(built).get(component, 0.0)


@cache
def _below(built: Application, name: str) -> frozenset[str]:
    """All that a component needs, by calls and by logins."""
    found: set[str] = set()
    frontier = [name]
    while frontier:
        component = built.by_name[frontier.pop()]
        needs = {*component.callees, *(login.database_component for login in component.logins)} - found
        found |= needs
        frontier += needs
    return frozenset(found)


def _cascades(built: Application, singles: list[Place], choices: Random) -> Iterator[Place]:
    """Faults at databases whose clients log in as they start."""
    fitting = [(place, clients) for place in singles if (clients := clients_of(built, place.roots[0]))]
    for place, clients in choices.sample(fitting, min(CASCADES, len(fitting))):
        yield Place(
            place.application, place.fault + THEN, 0, place.roots, place.split, "several", place.kinds, clients
        )  # fmt: skip


def clients_of(built: Application, root: Root) -> tuple[str, ...]:
    """Who cannot start without this database, and is missed."""
    return tuple(
        component.name
        for component in built.components
        if is_used(built, component)
        and any(login.at_start and login.database_component == root.component for login in component.logins)
    )


@cache
def version_of(fault_key: str) -> str:
    """Versions of the mechanisms behind a key."""
    return "+".join(FAULTS[key].version for key in mechanisms_of(fault_key))
