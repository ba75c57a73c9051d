"""Warmed-up worlds, built once per application and forked for every test by restoring their snapshot."""

from dataclasses import dataclass

import pytest

from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application
from aoi.worlds.environment import new_world
from kubeworld.machine.world import Snapshot, World


@dataclass(frozen=True)
class Installed:
    """An application and the world it runs in."""

    application: Application
    world: World


_BUILT: dict[str, tuple[Application, World, Snapshot]] = {}


def without_fence(key: str) -> Application:
    """The first installation whose namespace has no NetworkPolicies: with them, a wrong port times out."""
    return next(spec for seed in range(3, 40) if not (spec := application(key, seed)).furniture.fence)


def installed(key: str) -> Installed:
    """The healthy world of an application, as if new."""
    if key not in _BUILT:
        spec = without_fence(key)
        world = new_world(spec, 5)
        _BUILT[key] = (spec, world, world.snapshot())
    spec, world, snapshot = _BUILT[key]
    world.restore(snapshot)
    return Installed(spec, world)


@pytest.fixture
def hotel() -> Installed:
    return installed("hotel_reservation")


@pytest.fixture(params=["hotel_reservation", "social_network", "gen001", "gen004", "gen101", "gen202"])
def any_application(request: pytest.FixtureRequest) -> Installed:
    return installed(request.param)
