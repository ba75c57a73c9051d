"""Applications by key: `hotel_reservation`, `social_network`, `astronomy_shop` and `gen000` to `gen299`."""

import re
from functools import lru_cache

from aoi.errors import UnknownProblem
from aoi.worlds.applications.astronomy import astronomy_shop
from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.social import social_network
from aoi.worlds.applications.spec import Application

_GENERATED = re.compile(r"gen([012]\d\d)")


@lru_cache(maxsize=256)
def application(key: str, seed: int) -> Application:
    """The application that a problem names. Raises: UnknownProblem."""
    if key == "hotel_reservation":
        return hotel_reservation(seed)
    if key == "social_network":
        return social_network(seed)
    if key == "astronomy_shop":
        return astronomy_shop(seed)
    match = _GENERATED.fullmatch(key)
    if match is None:
        known = "hotel_reservation, social_network, astronomy_shop or gen000 to gen299"
        raise UnknownProblem(f"no application {key!r}: expected {known}")
    return generate(int(match[1]), seed)
