import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.promotion.statistics import (
    Rule,
    detectable_gain,
    flip_p_values,
    interval,
    is_gain_proven,
    plan_of,
    problems_needed,
    promotion_rate,
    t_bounds,
)

RULE = Rule(level=0.95, minimum_gain=0.0, slice_margin=0.05, control_margin=0.0)

differences = st.lists(st.floats(-1, 1), min_size=2, max_size=40).map(np.array)


def night(random, problems: int, runs: int, gain: float, *, low: bool = False):
    before = random.beta(*((0.3, 2.7) if low else (0.7, 0.9)), problems)
    after = np.clip(before + gain, 0, 1)
    return (random.binomial(runs, after) - random.binomial(runs, before)) / runs


@pytest.mark.parametrize(("problems", "runs", "low"), [(86, 3, False), (24, 1, False), (6, 3, True)])
def test_an_equal_challenger_passes_in_at_most_five_percent_of_2000_nights(problems, runs, low):
    random = np.random.default_rng(7)
    passed = sum(is_gain_proven(night(random, problems, runs, 0.0, low=low), 0.95, 0.0, seed) for seed in range(2000))
    # Two standard errors of a share of 5 % in 2,000 nights are one point.
    assert passed <= 2000 * 0.06


def test_a_challenger_five_points_worse_passes_in_at_most_one_percent_of_2000_nights():
    random = np.random.default_rng(8)
    assert sum(is_gain_proven(night(random, 86, 3, -0.05), 0.95, 0.0, seed) for seed in range(2000)) <= 20


def plan(problems=86, runs=3, controls=16):
    random = np.random.default_rng(0)
    rates = random.beta(0.7, 0.9, problems)
    groups = np.array([[number % 3 == part for number in range(problems)] for part in range(3)])
    wins = random.binomial(runs, rates)
    return plan_of(wins, random.binomial(runs, rates), groups, random.binomial(runs, 0.9, controls), runs)


def test_the_whole_gate_has_power_for_ten_points_at_86_problems_of_3_runs():
    assert promotion_rate(plan(), RULE, 0.10, nights=2000, seed=0) >= 0.75


def test_the_whole_gate_holds_its_level():
    assert promotion_rate(plan(), RULE, 0.0, nights=2000, seed=0) <= 0.05
    assert promotion_rate(plan(), RULE, -0.05, nights=2000, seed=0) <= 0.01


def test_power_rises_with_gain_and_with_size():
    rates = [promotion_rate(plan(), RULE, gain, nights=1000, seed=0) for gain in (0.0, 0.05, 0.1, 0.2)]
    assert rates == sorted(rates)
    small = promotion_rate(plan(problems=30), RULE, 0.1, nights=1000, seed=0)
    assert small < rates[2]


def test_the_detectable_gain_is_found_with_the_stated_power():
    found = detectable_gain(lambda gain: promotion_rate(plan(), RULE, gain, nights=1000, seed=0))
    assert 0.02 < found < 0.2
    assert promotion_rate(plan(), RULE, found, nights=1000, seed=0) >= 0.8
    assert promotion_rate(plan(), RULE, found - 0.02, nights=1000, seed=0) < 0.8


def test_what_cannot_be_detected_says_so():
    assert detectable_gain(lambda gain: 0.5) == 1.0


def test_simulation_gives_the_same_figure_for_the_same_seed():
    first, second = (promotion_rate(plan(), RULE, 0.1, nights=500, seed=3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_handful_of_wins_in_a_row_proves_nothing(n):
    assert not is_gain_proven(np.ones(n), 0.95, 0.0, 0)


def test_many_wins_in_a_row_prove_a_gain():
    assert is_gain_proven(np.ones(12), 0.95, 0.0, 0)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_number_proves_nothing(broken):
    values = np.ones(40)
    values[7] = broken
    assert not is_gain_proven(values, 0.95, 0.0, 0)


@settings(deadline=None)
@given(differences)
def test_the_interval_holds_its_estimate_and_mirrors_with_the_sign(values):
    one, other = interval(values, 0.95), interval(-values, 0.95)
    assert one.low <= one.estimate + 1e-12
    assert one.estimate <= one.high + 1e-12
    assert one.low == pytest.approx(-other.high, abs=1e-9)


@settings(deadline=None)
@given(differences)
def test_a_higher_level_gives_a_wider_interval(values):
    narrow, wide = interval(values, 0.9), interval(values, 0.99)
    assert wide.low <= narrow.low + 1e-12
    assert wide.high >= narrow.high - 1e-12


@settings(deadline=None)
@given(differences)
def test_the_permutation_test_is_valid_and_sees_both_directions(values):
    up, down = flip_p_values(np.stack([values, -values]), 0)
    assert 0 < up <= 1
    assert up + down >= 1.0 - 1e-9


def test_one_problem_tells_nothing():
    assert (interval(np.array([1.0]), 0.95).low, interval(np.array([1.0]), 0.95).high) == (-1.0, 1.0)
    assert interval(np.array([]), 0.95).n == 0


def test_the_t_bound_is_the_textbook_one():
    low, high = t_bounds(np.array([0.0, 1.0, 0.0, 1.0]), 0.95)
    assert (round(float(low), 4), round(float(high), 4)) == (round(0.5 - 2.353363 * 0.288675, 4), 1.1794)


def test_the_problems_needed_would_prove_the_gain_that_was_seen():
    random = np.random.default_rng(0)
    seen = night(random, 40, 1, 0.12)
    needed = problems_needed(seen, 0.95, 0.0)
    assert needed > 40
    repeated = np.resize(seen, needed)
    assert t_bounds(repeated, 0.95)[0] > -0.02
    assert problems_needed(-np.abs(seen), 0.95, 0.0) is None
