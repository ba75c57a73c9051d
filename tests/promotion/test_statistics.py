from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aoi.promotion.statistics import (
    FLIPS,
    Plan,
    Rule,
    cluster_bounds,
    detectable_gain,
    effect_spread,
    flip_p_values,
    interval,
    is_gain_proven,
    problems_needed,
    promotion_rate,
    sharing,
    shrunk,
    t_bounds,
    within,
)

ASKS_NO_PROOF = 9.0
"""A loss or rise that no bound can reach."""


def rule(**changes) -> Rule:
    """What asks for a proven gain and for no proven harm, unless `changes` ask for more."""
    asked = {
        "level": 0.95,
        "minimum_gain": 0.0,
        "slice_margin": 0.05,
        "slice_loss": ASKS_NO_PROOF,
        "control_margin": 0.0,
        "alarm_rise": ASKS_NO_PROOF,
    }
    return Rule(**asked | changes)


RULE = rule()


def proven(values, level, minimum, seed) -> bool:
    """Of problems that share nothing."""
    return is_gain_proven(values, (), level, minimum, seed=seed)


differences = st.lists(st.floats(-1, 1), min_size=2, max_size=40).map(np.array)


def night(random, problems: int, runs: int, gain: float, *, low: bool = False):
    before = random.beta(*((0.3, 2.7) if low else (0.7, 0.9)), problems)
    after = np.clip(before + gain, 0, 1)
    return (random.binomial(runs, after) - random.binomial(runs, before)) / runs


@pytest.mark.parametrize(("problems", "runs", "low"), [(86, 3, False), (24, 1, False), (6, 3, True)])
def test_an_equal_challenger_passes_in_at_most_five_percent_of_2000_nights(problems, runs, low):
    random = np.random.default_rng(7)
    passed = sum(proven(night(random, problems, runs, 0.0, low=low), 0.95, 0.0, seed) for seed in range(2000))
    # Two standard errors of a share of 5 % in 2,000 nights are one point.
    assert passed <= 2000 * 0.06


def test_a_challenger_five_points_worse_passes_in_at_most_one_percent_of_2000_nights():
    random = np.random.default_rng(8)
    assert sum(proven(night(random, 86, 3, -0.05), 0.95, 0.0, seed) for seed in range(2000)) <= 20


def plan_of(champion_wins, challenger_wins, groups, controls_right, runs) -> Plan:
    """Of problems that share nothing, as hard as they were seen to be."""
    return Plan(
        champion_rates=shrunk(champion_wins, runs),
        mechanisms=np.eye(len(champion_wins)),
        applications=np.eye(len(champion_wins)),
        groups=groups,
        control_rates=shrunk(controls_right, runs),
        control_applications=np.eye(len(controls_right)),
        runs=runs,
        effect_spread=effect_spread(champion_wins, challenger_wins, runs),
    )


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
    assert not proven(np.ones(n), 0.95, 0.0, 0)


def test_many_wins_in_a_row_prove_a_gain():
    assert proven(np.ones(12), 0.95, 0.0, 0)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_number_proves_nothing(broken):
    values = np.ones(40)
    values[7] = broken
    assert not proven(values, 0.95, 0.0, 0)


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
    needed = problems_needed(interval(seen, 0.95), 0.0)
    assert needed > 40
    repeated = np.resize(seen, needed)
    assert t_bounds(repeated, 0.95)[0] > -0.02
    assert problems_needed(interval(-np.abs(seen), 0.95), 0.0) is None


# By hand ---------------------------------------------------------------------------------------------------------


def test_with_fewer_than_two_problems_every_night_of_a_batch_knows_nothing():
    for n in (0, 1):
        low, high = t_bounds(np.ones((5, 3, n)), 0.95)
        assert (low.shape, high.shape) == ((5, 3), (5, 3))
        assert (set(low.ravel()), set(high.ravel())) == ({-1.0}, {1.0})
    assert t_bounds(np.array([0.0, 1.0]), 0.95)[1] > 1


def test_bounds_of_a_batch_are_those_of_each_night():
    nights = np.random.default_rng(0).uniform(-1, 1, (4, 12))
    low, high = t_bounds(nights, 0.9)
    for night_, lower, upper in zip(nights, low, high, strict=True):
        alone = t_bounds(night_, 0.9)
        assert (lower, upper) == (pytest.approx(alone[0]), pytest.approx(alone[1]))


def test_an_interval_says_its_level_its_size_and_its_mean():
    found = interval(np.array([0.0, 0.5, 1.0, 0.5]), 0.95)
    assert (found.estimate, found.level, found.n) == (0.5, 0.9, 4)
    assert interval(np.array([0.0, 1.0]), 0.8).level == 0.6
    assert interval(np.array([0.0, 1.0]), 0.9500000001).level == 0.9
    assert interval(np.array([]), 0.95).estimate == 0.0


def test_p_values_count_the_sign_patterns_that_give_as_much():
    # Three equal wins: the sum is reached by one pattern in eight; without any difference every pattern reaches it.
    wins, nothing = flip_p_values(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), 0)
    assert wins == pytest.approx(1 / 8, abs=0.04)
    assert nothing == 1.0
    assert flip_p_values(np.full((1, 40), 0.5), 0)[0] == 1 / (FLIPS + 1)
    assert flip_p_values(np.array([[0.1, 0.2, 0.3]]), 0)[0] == pytest.approx(1 / 8, abs=0.04), "rounding hides no tie"


def test_a_gain_is_proven_above_the_minimum_only():
    values = np.tile([0.2, 0.4], 20)
    assert proven(values, 0.95, 0.25, 0)
    assert not proven(values, 0.95, 0.29, 0)
    assert not proven(values, 0.95, 0.35, 0)
    assert not proven(np.zeros(40), 0.95, 0.0, 0)
    assert not proven(np.ones((0,)), 0.95, 0.0, 0)


def test_two_problems_are_enough_to_ask_and_not_to_prove():
    assert not proven(np.array([1.0, 1.0]), 0.95, 0.0, 0)
    assert proven(np.array([1.0, 1.0]), 0.6, 0.0, 0), "a quarter of the patterns gives as much"


def test_a_bound_at_the_minimum_proves_nothing():
    # Three zeros among ones: the permutation test is content (4.7 %), so that Student's bound decides.
    values = np.array([0.0] * 3 + [1.0] * 17)
    low = float(t_bounds(values, 0.95)[0])
    assert not proven(values, 0.95, low, 0)
    assert proven(values, 0.95, low - 1e-9, 0)


def test_a_p_value_of_just_what_the_level_leaves_is_enough():
    wins = np.ones(3)
    p_values = {seed: float(flip_p_values(wins[None, :], seed)[0]) for seed in range(10)}
    exact = {seed: 1 - p for seed, p in p_values.items() if 1 - (1 - p) == p}
    assert exact
    assert all(proven(wins, level, 0.0, seed) for seed, level in exact.items())
    assert not any(proven(wins, level + 1e-9, 0.0, seed) for seed, level in exact.items())
    seed, level = next(iter(exact.items()))
    asked = rule(level=level, slice_margin=1.0, control_margin=1.0)
    assert promotion_rate(certain([0.0] * 3), asked, 1.0, nights=20, seed=seed) == 1.0


def test_the_minimum_is_taken_off_before_signs_are_flipped():
    """Below a minimum that is a loss, problems without a difference are wins."""
    assert proven(np.zeros(12), 0.95, -0.5, 0)
    may_lose = rule(minimum_gain=-0.5)
    assert promotion_rate(certain([0.0] * 12), may_lose, 0.0, nights=50, seed=0) == 1.0


def test_the_same_differences_at_the_edge_are_judged_alike_every_time():
    edge = np.array([1.0] * 13 + [-1.0] * 5)
    assert len({proven(edge, 0.95, 0.0, 7) for _ in range(15)}) == 1
    assert {proven(edge, 0.95, 0.0, seed) for seed in range(15)} == {True, False}


@pytest.mark.parametrize("n", [4, 20])
def test_needed_problems_follow_from_gain_spread_and_level(n):
    values = np.tile([0.0, 0.5, -0.25, 0.25], n // 4)
    spread, margin = values.std(ddof=1), values.mean() - 0.05
    expected = int(np.ceil((stats.t.ppf(0.95, n - 1) * spread / margin) ** 2))
    assert expected > n + 1
    assert problems_needed(interval(values, 0.95), 0.05) == expected
    assert problems_needed(interval(np.array([0.9, 1.0]), 0.6), 0.0) == 3, "at least one more"
    assert problems_needed(interval(values, 0.95), float(values.mean())) is None
    assert problems_needed(interval(np.array([1.0]), 0.95), 0.0) is None


def test_two_problems_can_say_how_many_are_needed():
    assert problems_needed(interval(np.array([0.0, 1.0]), 0.95), 0.0) > 2


def test_a_plan_draws_rates_towards_their_mean_by_one_run():
    groups = np.ones((1, 2), dtype=bool)
    made = plan_of(np.array([0.0, 3.0]), np.array([0.0, 3.0]), groups, np.array([3.0, 0.0, 3.0]), 3)
    assert made.champion_rates.tolist() == pytest.approx([0.125, 0.875])
    assert made.control_rates.tolist() == pytest.approx([(3 + 2 / 3) / 4, (2 / 3) / 4, (3 + 2 / 3) / 4])
    assert (made.runs, made.groups.shape) == (3, (1, 2))
    assert plan_of(np.array([]), np.array([]), groups, np.array([]), 3).champion_rates.tolist() == []


def test_the_spread_of_the_effect_is_what_chance_does_not_explain():
    groups = np.ones((1, 8), dtype=bool)
    before = np.array([0.0, 4.0] * 4)
    after = np.array([2.0, 4.0, 0.0, 2.0, 2.0, 4.0, 1.0, 4.0])
    made = plan_of(before, after, groups, np.array([]), 4)
    rates = (before + 0.5) / 5
    seen = np.var((after - before) / 4, ddof=1)
    assert made.effect_spread == pytest.approx(np.sqrt(seen - np.mean(2 * rates * (1 - rates) / 4)))
    assert plan_of(before, before, groups, np.array([]), 4).effect_spread == 0.05, "at least five points"
    wild = plan_of(np.array([0.0, 9.0]), np.array([9.0, 0.0]), groups[:, :2], np.array([]), 9)
    assert wild.effect_spread == 0.5, "at most fifty"
    assert plan_of(np.array([1.0]), np.array([0.0]), groups[:, :1], np.array([]), 1).effect_spread == 0.05


def certain(rates, *, groups=(), controls=(), runs=1, spread=0.0) -> Plan:
    n = len(rates)
    return Plan(
        champion_rates=np.array(rates, dtype=float),
        mechanisms=np.eye(n),
        applications=np.eye(n),
        groups=np.array(groups, dtype=bool).reshape(len(groups), n),
        control_rates=np.array(controls, dtype=float),
        control_applications=np.eye(len(controls)),
        runs=runs,
        effect_spread=spread,
    )


def test_a_night_of_one_problem_never_promotes():
    assert promotion_rate(certain([0.0]), RULE, 1.0, nights=50, seed=0) == 0.0
    assert promotion_rate(certain([0.0] * 12), RULE, 1.0, nights=50, seed=0) == 1.0


def test_certain_nights_promote_as_their_gain_says():
    hopeless = certain([0.0] * 30)
    assert promotion_rate(hopeless, RULE, 0.0, nights=50, seed=0) == 0.0
    strict = rule(minimum_gain=0.88)
    assert promotion_rate(hopeless, strict, 1.0, nights=50, seed=0) == 1.0
    assert promotion_rate(hopeless, strict, 0.9, nights=50, seed=0) < 1.0
    hardly = rule(minimum_gain=0.9)
    assert promotion_rate(hopeless, hardly, 1.0, nights=50, seed=0) == 0.0, "thirty wins are not proof of every win"


def test_gains_are_rates_however_many_runs_a_problem_has():
    strict = rule(minimum_gain=0.88)
    assert promotion_rate(certain([0.0] * 30, runs=2), strict, 0.8, nights=50, seed=0) == 0.0
    assert promotion_rate(certain([0.0] * 30, runs=2), strict, 1.0, nights=50, seed=0) == 1.0


@pytest.mark.parametrize(("rate", "gain"), [(0.5, 0.2), (0.2, 0.2), (0.9, -0.3), (0.7, 0.25)])
def test_the_simulated_gain_is_that_of_rates_kept_within_their_bounds(rate, gain):
    # So many problems and runs that the bound lies two points below the mean; the effect is wild, so that rates clip.
    many = certain([rate] * 2000, runs=1000, spread=1.0)
    for minimum, share in ((gain - 0.04, 1.0), (gain + 0.02, 0.0)):
        assert promotion_rate(many, rule(minimum_gain=minimum), gain, nights=5, seed=0) == share


def test_a_spread_effect_is_harder_to_prove():
    even, spread = (certain([0.5] * 12, runs=50, spread=spread) for spread in (0.0, 0.5))
    assert promotion_rate(spread, RULE, 0.2, nights=200, seed=0) < promotion_rate(even, RULE, 0.2, nights=200, seed=0)


def test_two_problems_are_simulated():
    loose = rule(level=0.6, minimum_gain=0.0)
    assert promotion_rate(certain([0.0, 0.0]), loose, 1.0, nights=50, seed=0) == 1.0


def test_floors_and_controls_only_take_away():
    # A floor whose upper bound must reach thirty points, on problems that are solved already.
    high_floor = rule(minimum_gain=0.0, slice_margin=-0.3, control_margin=0.0)
    rates, controls = [1.0] * 10 + [0.2] * 30, [0.6] * 12
    floor = [[number < 10 for number in range(40)]]
    free = promotion_rate(certain(rates, spread=0.3), RULE, 0.2, nights=400, seed=1)
    floored = promotion_rate(certain(rates, spread=0.3, groups=floor), high_floor, 0.2, nights=400, seed=1)
    guarded = promotion_rate(certain(rates, spread=0.3, controls=controls), RULE, 0.2, nights=400, seed=1)
    assert floored < free
    assert guarded < free
    wide = rule(minimum_gain=0.0, slice_margin=1.0, control_margin=1.0)
    assert promotion_rate(certain(rates, spread=0.3, groups=floor), wide, 0.2, nights=400, seed=1) == free
    assert promotion_rate(certain(rates, spread=0.3, controls=controls), wide, 0.2, nights=400, seed=1) == free


def test_a_part_or_a_control_that_does_not_change_is_no_harm_at_a_margin_of_zero():
    strict = rule(slice_margin=0.0)
    solved = [[number < 4 for number in range(34)]]
    same = certain([1.0] * 4 + [0.0] * 30, groups=solved, controls=[1.0] * 4)
    assert promotion_rate(same, strict, 0.8, nights=50, seed=0) == 1.0


def test_three_problems_of_a_part_that_are_lost_are_a_harm():
    # With a gain of minus one everything that was solved is lost.
    may_lose = rule(minimum_gain=-1.0)
    rates, lost = [1.0] * 3 + [0.0] * 40, [[number < 3 for number in range(43)]]
    assert promotion_rate(certain(rates), may_lose, -1.0, nights=20, seed=0) == 1.0
    assert promotion_rate(certain(rates, groups=lost), may_lose, -1.0, nights=20, seed=0) == 0.0


def test_false_alarms_are_rates_however_many_runs_a_control_has():
    rates, controls = [0.4] * 60, [0.5] * 12
    lenient = rule(minimum_gain=0.0, control_margin=0.3)
    free = promotion_rate(certain(rates, runs=4), lenient, 0.1, nights=400, seed=1)
    assert 0 < promotion_rate(certain(rates, runs=4, controls=controls), lenient, 0.1, nights=400, seed=1) == free


def test_controls_raise_as_many_alarms_as_before_so_few_nights_are_lost_to_them():
    rates, controls = [0.4] * 60, [0.5] * 30
    free = promotion_rate(certain(rates), RULE, 0.4, nights=1000, seed=1)
    guarded = promotion_rate(certain(rates, controls=controls), RULE, 0.4, nights=1000, seed=1)
    # The upper bound of a difference that is zero on average lies below zero in one night of twenty.
    assert free - guarded == pytest.approx(0.05, abs=0.025)


def test_one_problem_in_a_floor_or_one_control_takes_nothing_away():
    rates = [0.4] * 40
    lone = [[number == 0 for number in range(40)]]
    free = promotion_rate(certain(rates, spread=0.3), RULE, 0.2, nights=200, seed=1)
    assert promotion_rate(certain(rates, spread=0.3, groups=lone), RULE, 0.2, nights=200, seed=1) == free
    assert promotion_rate(certain(rates, spread=0.3, controls=[0.5]), RULE, 0.2, nights=200, seed=1) == free


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.77])
def test_the_detectable_gain_is_the_smallest_to_half_a_point(threshold):
    found = detectable_gain(lambda gain: float(gain >= threshold))
    assert threshold <= found <= threshold + 0.005
    assert found == round(found, 3)


def test_only_gains_between_nothing_and_all_are_tried():
    tried = []
    detectable_gain(lambda gain: tried.append(gain) or float(gain >= 0.4))
    assert max(tried) == 1.0
    assert min(tried) > 0.0


def test_power_of_just_eight_in_ten_is_enough():
    assert detectable_gain(lambda gain: 0.8) < 0.01
    assert detectable_gain(lambda gain: 0.8 if gain == 1.0 else 0.0) == 1.0
    assert detectable_gain(lambda gain: 0.79) == 1.0


# Clusters --------------------------------------------------------------------------------------------------------


def alike(clusters: int, size: int, random) -> tuple[np.ndarray, np.ndarray]:
    """Differences that are one in each cluster, and who is in which."""
    return np.repeat(random.standard_normal(clusters), size), sharing(
        [(str(n // size),) for n in range(clusters * size)]
    )


def test_what_shares_nothing_has_the_textbook_bound():
    values = np.random.default_rng(1).uniform(-1, 1, 12)
    low, high = cluster_bounds(values, (np.eye(12), np.eye(12)), 0.95)
    assert (low, high) == (pytest.approx(t_bounds(values, 0.95)[0]), pytest.approx(t_bounds(values, 0.95)[1]))


@pytest.mark.parametrize("size", [1, 3, 8])
def test_copies_of_one_observation_say_no_more_than_one(size):
    values, shared = alike(10, size, np.random.default_rng(2))
    assert cluster_bounds(values, (shared,), 0.95)[0] == pytest.approx(t_bounds(values[::size], 0.95)[0])


def test_clusters_of_unequal_size_hold_their_level():
    random = np.random.default_rng(3)
    shared = sharing([(str(name),) for name, size in enumerate([1] * 12 + [2] * 8 + [5] * 6) for _ in range(size)])
    values = random.standard_normal((4000, shared.shape[1])) @ shared.T + random.standard_normal((4000, len(shared)))
    low, _ = cluster_bounds(values, (shared,), 0.95)
    assert (low > 0).mean() == pytest.approx(0.05, abs=0.012)
    assert (t_bounds(values, 0.95)[0] > 0).mean() > 0.08


def test_two_ways_of_sharing_hold_their_level_where_one_does_not():
    random = np.random.default_rng(4)
    rows = sharing([(str(n % 30),) for n in range(150)])
    columns = sharing([(str(n // 10),) for n in range(150)])
    effects = random.standard_normal((4000, 30)) @ rows.T + random.standard_normal((4000, 15)) @ columns.T
    values = effects + random.standard_normal((4000, 150))
    assert (cluster_bounds(values, (rows, columns), 0.95)[0] > 0).mean() <= 0.06
    assert (cluster_bounds(values, (rows,), 0.95)[0] > 0).mean() > 0.1


def test_one_cluster_tells_nothing_however_many_problems_it_has():
    for shared in (sharing([("a",)] * 20), sharing([("a", "b")] * 20)):
        assert cluster_bounds(np.linspace(0, 1, 20), (shared,), 0.95) == (-1.0, 1.0)


def test_a_problem_of_two_mechanisms_belongs_to_each_by_half():
    shared = sharing([("a",), ("a", "b"), ("b",), ("b", "b")])
    assert shared.tolist() == [[1, 0], [pytest.approx(0.5**0.5)] * 2, [0, 1], [0, 1]]
    assert within(shared, np.array([True, False, False, False])).tolist() == [[1.0]]
    assert sharing([]).shape == (0, 0)


def test_that_nothing_changed_is_no_proof_that_nothing_changes():
    few, many = (cluster_bounds(np.zeros(n), (np.eye(n),), 0.95, flipped=1 / 3) for n in (4, 60))
    assert few[0] < -0.14 < -0.03 < many[0] < 0
    assert few[0] == -few[1]
    assert cluster_bounds(np.zeros(4), (np.eye(4),), 0.95)[0] == 0.0


def test_mechanisms_are_flipped_whole():
    wins = np.ones((1, 40))
    in_three = sharing([(str(n % 3),) for n in range(40)])
    assert flip_p_values(wins, 0, in_three)[0] == pytest.approx(1 / 8, abs=0.04)
    assert flip_p_values(wins, 0, np.eye(40))[0] == flip_p_values(wins, 0)[0] == 1 / (FLIPS + 1)
    assert not is_gain_proven(wins[0], (in_three,), 0.95, 0.0, seed=0)


def test_simulated_nights_ask_for_proof_of_harmlessness():
    rates, part = [0.4] * 60, [[number < 12 for number in range(60)]]
    whole = certain(rates, groups=part, controls=[0.9] * 8, spread=0.3)
    free = promotion_rate(whole, RULE, 0.2, nights=400, seed=1)
    assert promotion_rate(whole, rule(slice_loss=0.1), 0.2, nights=400, seed=1) < free
    assert promotion_rate(whole, rule(alarm_rise=0.1), 0.2, nights=400, seed=1) < free


def test_an_effect_that_mechanisms_share_is_harder_to_prove():
    alone = certain([0.5] * 60, spread=0.4, runs=20)
    shared = replace(alone, mechanisms=sharing([(str(n % 6),) for n in range(60)]))
    one, other = (promotion_rate(each, RULE, 0.1, nights=400, seed=0) for each in (alone, shared))
    assert other < one
