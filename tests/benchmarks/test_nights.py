"""The nights whose truth is known: that they are what they say, and that the gate believes them."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from aoi.promotion.gate import judge
from aoi.settings import Settings
from benchmarks.nights import DIFFICULTY, SCENARIOS, Scenario, _calibrated, evaluation, nights

RULES = Settings.load().gate
EQUAL = SCENARIOS[0]


@pytest.mark.parametrize(("gain", "deviation"), [(0.0, 0.0), (0.1, 0.25), (-0.15, 0.15), (0.2, 0.0)])
def test_true_rates_gain_and_deviate_as_the_scenario_says(gain, deviation):
    shift, scale = _calibrated(gain, deviation)
    random = np.random.default_rng(0)
    before = DIFFICULTY.rvs(2000, random_state=random)
    effects = stats.norm.rvs(size=(2000, 1), random_state=random)
    of_mechanisms = (np.clip(before + shift + scale * effects, 0, 1) - before).mean(axis=1)
    assert of_mechanisms.mean() == pytest.approx(gain, abs=0.02)
    assert of_mechanisms.std() == pytest.approx(deviation, abs=0.01)


def test_a_night_is_as_large_as_a_real_one_and_is_believed():
    whole = evaluation(EQUAL, 0, 0)
    settings = Settings.load().evaluation
    problems = {pair.problem_id: pair for pair in whole.pairs}
    slices = Counter(pair.slice for pair in problems.values())
    controls = slices.pop("control")
    assert sum(slices.values()) == 5 * settings.problems_per_slice
    assert controls > 1.5 * settings.problems_per_slice
    assert len(whole.pairs) == settings.seeds * len(problems)
    assert len(whole.injected) == settings.injected
    assert judge(whole, RULES).is_believed


def test_the_same_night_comes_again_and_every_night_is_another():
    assert evaluation(EQUAL, 3, 1) == evaluation(EQUAL, 3, 1)
    assert len({evaluation(EQUAL, number, 1).digest() for number in range(3)}) == 3


def test_the_gate_promotes_what_is_much_better_and_not_what_forgets_a_slice():
    better = nights(Scenario("30 better", 0.3), 8, seed=0)
    forgets = nights(Scenario("30 better, but", 0.3, slices={"unseen_mechanism": -0.4}), 8, seed=0)
    assert sum(verdict == "promote" for verdict, _ in better) >= 6
    assert [verdict for verdict, _ in forgets].count("promote") == 0
    assert all("floor unseen_mechanism" in unmet for _, unmet in forgets)
