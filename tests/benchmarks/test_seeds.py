"""What few seeds may claim, and that stated power is what a simulation finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.seeds import MOST_SEEDS, WANTED_SEEDS, detectable, power, seeds_needed, shown

NIGHTS = 20_000
DEVIATION = 0.03


def simulated(gain: float, deviation: float, n: int, seed: int = 1) -> list[str]:
    """Verdicts of many experiments whose true gain is known, by the function that the report uses."""
    draws = np.random.default_rng(seed).normal(gain, deviation, size=(NIGHTS // 10, n))
    return [shown(row).verdict for row in np.clip(draws, -1, 1)]


@given(st.lists(st.floats(-1, 1), max_size=12))
def test_an_interval_with_zero_inside_is_never_a_gain_or_a_loss(gains: list[float]) -> None:
    found = shown(gains)
    if found.interval.low <= 0 <= found.interval.high:
        assert found.verdict == "not shown"
        assert found.why
    if found.verdict == "gain":
        assert found.interval.low > 0
    if found.verdict == "loss":
        assert found.interval.high < 0


@pytest.mark.parametrize("n", range(WANTED_SEEDS))
def test_fewer_than_five_seeds_show_nothing_however_alike_they_are(n: int) -> None:
    found = shown([0.2 + 0.001 * number for number in range(n)])
    assert (found.verdict, found.why) == ("not shown", f"{n} of at least 5 seeds")


def test_five_clear_seeds_show_a_gain_and_five_clear_losses_a_loss() -> None:
    gains = [0.05, 0.06, 0.04, 0.05, 0.055]
    assert shown(gains).verdict == "gain"
    assert shown([-gain for gain in gains]).verdict == "loss"


def test_seeds_that_are_all_equal_show_nothing() -> None:
    assert shown([0.1] * 7).why == "all seeds came to the same, so their spread says nothing"


@pytest.mark.parametrize(("gain", "n"), [(0.02, 5), (0.05, 5), (0.05, 3), (0.03, 10)])
def test_power_is_what_a_simulation_finds(gain: float, n: int) -> None:
    draws = np.random.default_rng(0).normal(gain, DEVIATION, size=(NIGHTS, n))
    low = draws.mean(axis=1) - quantile(n) * draws.std(axis=1, ddof=1) / np.sqrt(n)
    assert power(gain, DEVIATION, n) == pytest.approx((low > 0).mean(), abs=0.015)


def quantile(n: int) -> float:
    """Of Student's distribution with n - 1 degrees of freedom at 97.5 %, from a table."""
    return {3: 4.3027, 5: 2.7764, 10: 2.2622}[n]


@pytest.mark.parametrize("n", [5, 8])
def test_a_detectable_gain_is_shown_four_times_in_five(n: int) -> None:
    verdicts = simulated(detectable(DEVIATION, n), DEVIATION, n)
    assert verdicts.count("gain") / len(verdicts) == pytest.approx(0.8, abs=0.03)


def test_arms_that_gain_nothing_are_called_a_gain_or_a_loss_once_in_twenty_times() -> None:
    verdicts = simulated(0.0, DEVIATION, 5)
    assert 1 - verdicts.count("not shown") / len(verdicts) == pytest.approx(0.05, abs=0.02)


def test_needed_seeds_are_the_fewest_with_that_power() -> None:
    needed = seeds_needed(0.03, DEVIATION)
    assert needed is not None
    assert power(0.03, DEVIATION, needed) >= 0.8 > power(0.03, DEVIATION, needed - 1)
    assert seeds_needed(0.001, 0.2) is None
    assert MOST_SEEDS == 200  # the page says so


def test_power_of_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="power of 1 seeds"):
        power(0.1, 0.1, 1)
