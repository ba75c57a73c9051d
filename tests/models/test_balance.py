"""Equal shares of the kinds of task."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aoi.records.problem import TaskKind
from models.training.balance import MOST_COPIES, balanced

KINDS = st.lists(st.sampled_from(list(TaskKind)), max_size=40)
SEEDS = st.integers(0, 2**31)


@given(KINDS, SEEDS)
def test_nothing_is_dropped_and_nothing_is_added_that_was_not_there(kinds: list[TaskKind], seed: int) -> None:
    assert set(balanced(kinds, seed)) == set(range(len(kinds)))


@given(KINDS, SEEDS)
def test_every_kind_comes_as_often_as_the_commonest_or_three_times_as_often_as_before(
    kinds: list[TaskKind], seed: int
) -> None:
    before = Counter(kinds)
    after = Counter(kinds[place] for place in balanced(kinds, seed))
    most = max(before.values(), default=0)
    assert after == {kind: min(most, MOST_COPIES * count) for kind, count in before.items()}


@given(KINDS, SEEDS)
def test_the_seed_alone_decides_the_order(kinds: list[TaskKind], seed: int) -> None:
    assert balanced(kinds, seed) == balanced(kinds, seed)
    assert balanced(tuple(kinds), seed) == balanced(kinds, seed)


def test_another_seed_gives_another_order_and_other_copies() -> None:
    kinds = [*[TaskKind.DETECTION] * 30, *[TaskKind.MITIGATION] * 10]
    first, second = balanced(kinds, 1), balanced(kinds, 2)
    assert first != second
    assert Counter(first) != Counter(second)
    assert first != sorted(first)
