"""Which examples are learnt from: all that the steps can reach, in equal shares, and no others are held."""

import weakref
from collections import Counter
from collections.abc import Iterator

from aoi.records.learning import TrainingExample
from aoi.records.problem import TaskKind
from aoi.store.shards import Stored
from models.training.choosing import chosen, corrected, read, rewarded, sorts_of, untold
from tests.models.small import example


def points(detections: int, mitigations: int) -> list[TrainingExample]:
    kinds = [TaskKind.DETECTION] * detections + [TaskKind.MITIGATION] * mitigations
    return [example((number,), None, kind) for number, kind in enumerate(kinds)]


def taken(rows: list[TrainingExample] | Stored[TrainingExample], most: int, seed: int = 1) -> list[TrainingExample]:
    sorts = sorts_of(rows)
    return chosen(rows, sorts, rewarded(sorts, "sft", is_judged=False), seed, most=most)


def test_where_the_steps_reach_everything_nothing_is_dropped() -> None:
    rows = points(20, 10)
    assert set(taken(rows, 1000)) == set(rows)
    assert len(taken(rows, 1000)) == 40, "the rarer kind comes as often as the other"


def test_where_they_do_not_it_is_a_draw_that_follows_the_seed_alone() -> None:
    rows = points(600, 300)
    first = taken(rows, 200)
    assert len(first) == 200
    assert first == taken(rows, 200)
    assert first != taken(rows, 200, seed=2)
    shares = Counter(row.kind for row in first)
    assert 70 < shares[TaskKind.MITIGATION] < 130


def test_no_more_examples_are_held_than_the_steps_reach() -> None:
    made: list[weakref.ref[TrainingExample]] = []
    held = []

    def read() -> Iterator[TrainingExample]:
        for row in points(250, 250):
            copy = row.model_copy()
            made.append(weakref.ref(copy))
            held.append(sum(one() is not None for one in made))
            yield copy

    assert len(taken(Stored(read), 50)) == 50
    assert max(held) <= 52, "those, and the one that is looked at"


def test_examples_are_told_apart_by_what_they_are() -> None:
    correction = example((1,), (2,)).model_copy(update={"source": "verified_correction", "rejected_ids": (9,)})
    sorts = sorts_of([correction, example((3,), (4,)), example((5,), None)])
    assert corrected(sorts, "sft", 1) == [0, 1]
    assert corrected(sorts, "dpo", 1) == [0]
    assert corrected(sorts, "successes", 1) == [1]
    assert corrected(sorts, "none", 1) == []
    assert rewarded(sorts, "none", is_judged=False) == rewarded(sorts, "successes", is_judged=False) == [2]
    assert rewarded(sorts, "sft", is_judged=False) == rewarded(sorts, "seeded", is_judged=False) == [2, 0]


def test_a_state_that_a_failure_and_its_correction_share_is_one_point_without_anything_to_imitate() -> None:
    correction = example((1,), (2,)).model_copy(update={"source": "verified_correction", "rejected_ids": (9,)})
    points = untold([example((1,), None), correction, example((3,), None)])
    assert [point.prompt_ids for point in points] == [(1,), (3,)]
    assert untold([correction])[0].source == "decision_point"
    for point in (*points, *untold([correction])):
        assert point.target_ids is point.target is point.rejected_ids is point.behaviour is None


def test_of_more_places_than_are_wanted_a_draw_is_read_in_order() -> None:
    rows = points(30, 0)
    few = read(rows, range(30), 1, most=10)
    assert len(few) == 10
    assert few == [row for row in rows if row in few] == read(rows, range(30), 1, most=10)
    assert read(rows, [4, 2], 1, most=10) == [rows[4], rows[2]]
