"""The arithmetic of rollouts, over all small cases that hypothesis finds interesting."""

from hypothesis import given
from hypothesis import strategies as st

from kubeworld.controllers import rollout
from kubeworld.controllers.rollout import Bounds, Size

int_or_percent = st.one_of(st.integers(0, 12), st.integers(0, 100).map(lambda number: f"{number}%"))


@st.composite
def sizes(draw, name):
    replicas = draw(st.integers(0, 15))
    return Size(name, replicas, draw(st.integers(0, replicas)))


def deployment(replicas, surge, unavailable):
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}


@given(st.integers(0, 40), int_or_percent, int_or_percent)
def test_bounds_always_let_a_rollout_move(replicas, surge, unavailable):
    found = rollout.bounds(deployment(replicas, surge, unavailable))
    assert found.surge + found.unavailable > 0 or replicas == 0
    assert found.unavailable <= max(replicas, 1)


@given(st.integers(0, 15), st.integers(0, 5), st.integers(0, 5), sizes("new"), st.lists(sizes("old"), max_size=1))
def test_growth_never_exceeds_replicas_and_surge(replicas, surge, unavailable, new, old):
    grown = rollout.next_new(replicas, Bounds(surge, unavailable), new, old)
    assert grown <= max(replicas, 0)
    if grown > new.replicas:
        assert grown + sum(size.replicas for size in old) <= replicas + surge


@given(st.integers(0, 15), st.integers(0, 5), st.integers(0, 5), sizes("new"), sizes("a"), sizes("b"))
def test_shrinking_keeps_the_minimum_available(replicas, surge, unavailable, new, first, second):
    before = new.available + first.available + second.available
    targets = rollout.next_old(replicas, Bounds(surge, unavailable), new, [first, second])
    left = new.available + min(first.available, targets["a"]) + min(second.available, targets["b"])
    assert left >= min(before, replicas - unavailable)
    assert 0 <= targets["a"] <= first.replicas
    assert 0 <= targets["b"] <= second.replicas


@given(st.integers(1, 20), st.integers(0, 5), st.lists(st.integers(1, 12), min_size=2, max_size=4))
def test_proportional_scaling_adds_up_unless_it_empties_a_set(replicas, surge, counts):
    before = sum(counts)
    named = [(Size(f"s{index}", count, count), before) for index, count in enumerate(counts)]
    targets = rollout.proportional(replicas, Bounds(surge, 0), named)
    assert all(target >= 0 for target in targets.values())
    # What is left over after rounding goes to the largest set, which cannot fall below zero (scale in sync.go).
    total = sum(targets.values())
    assert total == replicas + surge or (0 in targets.values() and replicas + surge < total <= before)
