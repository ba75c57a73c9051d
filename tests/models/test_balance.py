"""Equal shares of the kinds of task."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aoi.records.learning import TrainingExample
from aoi.records.problem import TaskKind
from models.training.balance import MOST_COPIES, balanced
from tests.models.small import example

KINDS = list(TaskKind)


@st.composite
def rows(draw: st.DrawFn) -> list[TrainingExample]:
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=40))
    return [example((number,), (1,), kind) for number, kind in enumerate(kinds)]


@given(rows(), st.integers(0, 2**31))
def test_nothing_is_dropped_and_nothing_is_added_that_was_not_there(
    given_rows: list[TrainingExample], seed: int
) -> None:
    chosen = balanced(given_rows, seed)
    assert not Counter(given_rows) - Counter(chosen)
    assert set(chosen) == set(given_rows)


@given(rows(), st.integers(0, 2**31))
def test_every_kind_comes_as_often_as_the_commonest_or_three_times_as_often_as_before(
    given_rows: list[TrainingExample], seed: int
) -> None:
    before = Counter(row.kind for row in given_rows)
    after = Counter(row.kind for row in balanced(given_rows, seed))
    most = max(before.values(), default=0)
    assert after == {kind: min(most, MOST_COPIES * count) for kind, count in before.items()}


@given(rows(), st.integers(0, 2**31))
def test_the_seed_alone_decides_the_order(given_rows: list[TrainingExample], seed: int) -> None:
    assert balanced(given_rows, seed) == balanced(given_rows, seed)
    assert balanced(tuple(given_rows), seed) == balanced(given_rows, seed)


def test_another_seed_gives_another_order_and_other_copies() -> None:
    many = [example((number,), (1,), TaskKind.DETECTION) for number in range(30)]
    few = [example((number,), (1,), TaskKind.MITIGATION) for number in range(100, 110)]
    first, second = balanced([*many, *few], 1), balanced([*many, *few], 2)
    assert first != second
    assert Counter(first) != Counter(second)
    assert first != sorted(first, key=lambda row: row.prompt_ids)
