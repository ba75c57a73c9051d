"""Named sets of problems: AIOpsLab's own, the catalogue by one of each, the controls."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from aoi.problems import aiopslab, catalogue
from aoi.problems.applications import APPLICATIONS
from aoi.problems.compounds import compounds_of
from aoi.problems.faults import FAULTS
from aoi.problems.places import Place
from aoi.records.problem import Problem, TaskKind

SetName = Literal["aiopslab", "catalogue", "controls"]


def members(name: SetName) -> tuple[Problem, ...]:
    """The problems of a set, in catalogue order.

    `catalogue` is one problem of each mechanism, and of each application that is trained on a pair and a cascade.
    """
    match name:
        case "aiopslab":
            return _of_aiopslab()
        case "controls":
            return catalogue.problems(fault=catalogue.NO_FAULT)
        case "catalogue":
            places = [*_one_of_each(), *_compounds()]
            return tuple(catalogue.problem_at(place, TaskKind.LOCALIZATION) for place in places)


def _of_aiopslab() -> tuple[Problem, ...]:
    """The 86 of the paper; what came later is in the catalogue."""
    return tuple(catalogue.get(name) for name, known in aiopslab.known().items() if not known.is_newer)


def _one_of_each() -> list[Place]:
    """One place of each mechanism, at components that most of them can hit: so they share worlds."""
    hits = _hits()
    chosen: list[Place] = []
    for fault in FAULTS:
        found = list(catalogue.places(fault=fault))
        chosen += [max(found, key=lambda p: hits[p.application, p.roots[0].component])] if found else []
    return chosen


def _hits() -> Mapping[tuple[str, str], int]:
    places = (place for key in ("gen002", "gen003", "hotel_reservation") for place in catalogue.places(application=key))
    return Counter((place.application, place.roots[0].component) for place in places if len(place.roots) == 1)


def _compounds() -> list[Place]:
    """The first pair and the first cascade of each training application."""
    chosen: list[Place] = []
    for key in (key for key, home in APPLICATIONS.items() if home == "train"):
        places = compounds_of(key)
        chosen += [place for place in places if len(place.roots) > 1][:1]
        chosen += [place for place in places if place.restarted][:1]
    return chosen
