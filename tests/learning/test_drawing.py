"""A draw from more rows than may be held."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aoi.learning.drawing import drawn


@given(st.integers(0, 60), st.integers(0, 20), st.integers(0, 2**31))
def test_as_many_as_asked_for_each_once_and_in_order(count: int, most: int, seed: int) -> None:
    found = drawn(range(count), most, seed)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    assert found == drawn(iter(range(count)), most, seed)


def test_every_row_is_as_likely_as_any_other() -> None:
    times = Counter(row for seed in range(2000) for row in drawn(range(10), 3, seed))
    assert all(500 < times[row] < 700 for row in range(10))


def test_rows_need_no_order() -> None:
    assert len(drawn(({"a": 1} for _ in range(9)), 4, 1)) == 4
