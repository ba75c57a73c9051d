"""What a finding cites of an object."""

import pytest

from aoi.estate.finding import Witness

POD = {
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop"},
    "status": {"containerStatuses": [{"ready": False, "state": {"waiting": {"message": 'no "key" für web'}}}]},
}


@pytest.mark.parametrize(
    ("needle", "cited"),
    [
        ('"ready": false', '"ready": false,'),
        ('no "key" für', r'"message": "no \"key\" für web"'),
        ("web", '"name": "web",'),
    ],
    ids=["a piece of the JSON", "a value as people read it", "a plain value"],
)
def test_the_line_that_holds_it_is_cited(needle: str, cited: str) -> None:
    sighting = Witness().of(POD, needle)
    assert sighting.observation.data[sighting.start : sighting.end].decode().strip() == cited


@pytest.mark.parametrize("needle", ["", "nowhere"])
def test_what_stands_in_no_line_is_the_whole_object(needle: str) -> None:
    sighting = Witness().of(POD, needle)
    assert (sighting.start, sighting.end) == (0, len(sighting.observation.data))
