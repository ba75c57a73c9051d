"""How far a mechanism's telemetry lies from that of every other at the same place: what may be told apart."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from aoi.problems import catalogue
from aoi.problems.compounds import THEN
from aoi.problems.faults import FAULTS
from aoi.problems.places import Place
from aoi.problems.preparing import opened, prepare
from aoi.problems.telemetry import Feature, features

SIGNATURES = 4096
"""Kept of a process: those of one component in one world are asked for once for each mechanism there."""


@dataclass(frozen=True, slots=True)
class Confusable:
    """Another mechanism that looks alike."""

    fault: str
    distance: float
    """Share of what either shows that the other does not, in [0, 1]: 0 is the same telemetry."""


@lru_cache(maxsize=SIGNATURES)
def signature(fault: str | None, application_key: str, target: int, seed: int) -> frozenset[Feature]:
    """Everything that telemetry and status show of a fault in its world."""
    prepared = prepare(application_key, seed, fault, target)
    return features(opened(prepared.application, prepared.snapshot), prepared.application)


def nearest(place: Place, seed: int, against: Collection[str] = FAULTS) -> Confusable | None:
    """The mechanism that is the hardest to tell from this one, at the same component of the same world.

    `against` are the mechanisms to compare with. Several at once are compared with each of them alone, and a cascade
    with the fault that began it.
    """
    own = signature(place.fault, place.application, place.target, seed)
    found = [
        Confusable(fault, _distance(own, signature(fault, place.application, target, seed)))
        for fault, target in _rivals(place, against)
    ]
    return min(found, key=lambda other: (other.distance, other.fault), default=None)


def _rivals(place: Place, against: Collection[str]) -> list[tuple[str, int]]:
    """(fault, target) of what else may have been done there."""
    key = place.application
    if len(place.roots) > 1 or place.fault.endswith(THEN):
        return [(root.fault, catalogue.targets(root.fault, key).index(root.component)) for root in place.roots]
    component = place.roots[0].component
    names = {fault: catalogue.targets(fault, key) for fault in against if fault != place.fault}
    return [(fault, found.index(component)) for fault, found in names.items() if component in found]


def _distance(one: frozenset[Feature], other: frozenset[Feature]) -> float:
    either = one | other
    return len(one ^ other) / len(either) if either else 0.0
