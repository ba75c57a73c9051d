"""The applications of the problem set and the split that meets each of them first."""

from collections.abc import Mapping

from aoi.records.problem import Split


def _generated(numbers: range, split: Split) -> dict[str, Split]:
    return {f"gen{number:03d}": split for number in numbers}


APPLICATIONS: Mapping[str, Split] = {
    "hotel_reservation": "train",
    "social_network": "train",
    "astronomy_shop": "train",
    **_generated(range(8), "train"),
    **_generated(range(100, 104), "development"),
    **_generated(range(200, 204), "test"),
    # In a naming style that nothing is trained on: a slice of its own.
    **_generated(range(190, 193), "development"),
    **_generated(range(290, 293), "test"),
}
