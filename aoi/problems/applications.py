"""The applications of the problem set and the split that meets each of them first."""

from collections.abc import Mapping
from functools import lru_cache

from aoi.records.problem import Split
from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.social import social_network
from aoi.worlds.applications.spec import Application


def _generated(numbers: range, split: Split) -> dict[str, Split]:
    return {f"gen{number:03d}": split for number in numbers}


APPLICATIONS: Mapping[str, Split] = {
    "hotel_reservation": "train",
    "social_network": "train",
    **_generated(range(8), "train"),
    **_generated(range(100, 104), "development"),
    **_generated(range(200, 204), "test"),
}


@lru_cache(maxsize=256)
def application(key: str, seed: int) -> Application:
    """The application of a key as a seed makes it. Raises: KeyError if there is no such key."""
    if key not in APPLICATIONS:
        raise KeyError(f"no application {key!r}; there are {', '.join(APPLICATIONS)}")
    named = {"hotel_reservation": hotel_reservation, "social_network": social_network}
    return named[key](seed) if key in named else generate(int(key.removeprefix("gen")), seed)
