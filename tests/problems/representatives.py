"""One mechanism of each family: what a test looks at that would take minutes with all of them.

All of them are looked at by `aoi problems check`, and each by the test of its area in `tests/problems/mechanisms`.
"""

from aoi.problems import catalogue
from aoi.problems.faults import FAMILIES, FAULTS
from aoi.problems.places import Place

APPLICATIONS = ("gen004", "hotel_reservation", "gen003", "astronomy_shop", "social_network")
"""Where they are looked at: the first that has one."""


def one_of_each_family() -> dict[str, Place]:
    """Family -> the second place of its first mechanism, in the first application that has one."""
    found: dict[str, Place] = {}
    for family in FAMILIES:
        for fault in (fault for fault in FAULTS.values() if fault.family == family):
            places = [place for key in APPLICATIONS for place in catalogue.places(fault=fault.key, application=key)]
            if places:
                first = [place for place in places if place.application == places[0].application]
                found[family] = first[min(1, len(first) - 1)]  # the very first is often the gateway
                break
    return found
