"""What is said of cycles in a row."""

import pytest

from benchmarks.cycles import gain, report
from tests.benchmarks.made import measured


def test_a_cycle_is_compared_with_the_seed_model_and_with_the_one_before_on_the_same_problems() -> None:
    first, second = measured(0, "sft", 0.2), measured(0, "sft", 0.15)
    assert gain(second, None) == pytest.approx(0.15)
    assert gain(second, first) == pytest.approx(-0.05)
    assert gain(first, None) == pytest.approx(0.2)


def test_a_cycle_that_a_seed_lacks_is_told_of_the_others_and_shown_by_none(capsys: pytest.CaptureFixture[str]) -> None:
    report({0: [measured(0, "sft", 0.1), measured(0, "sft", 0.2)], 1: [measured(1, "sft", 0.1)]})
    told = [line.split("seeds ")[1] for line in capsys.readouterr().out.splitlines()]
    assert told[0].startswith("+10.0%, +10.0%  not shown: 2 of at least 5 seeds")
    assert told[2].startswith("+20.0%  not shown: 1 of at least 5 seeds")
    assert told[3].startswith("+10.0%  not shown")
