"""A run counted, drawn, and compared with another one by problem."""

import pytest

from aoi.errors import Permanent
from aoi.learning.operators import run_operator
from aoi.problems import catalogue
from aoi.promotion.scorecard import compare, render, scorecard
from aoi.records.episode import Trajectory
from aoi.records.problem import TaskKind


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Trajectory]]:
    """The golden operator and one that does nothing, in two worlds of a fault and of a control."""
    problems = [
        catalogue.problems(fault=fault, application="gen002", kind=TaskKind.DETECTION)[0].id
        for fault in ("scale_to_zero", "no_fault")
    ]
    return {
        operator: [run_operator(problem, operator, seed) for problem in problems for seed in (1, 2)]
        for operator in ("golden", "null")
    }


def test_parts_add_up_and_doing_nothing_is_right_about_controls_alone(runs: dict[str, list[Trajectory]]) -> None:
    golden, null = scorecard("golden", runs["golden"]), scorecard("null", runs["null"])
    assert (golden.overall.problems, golden.overall.runs, golden.most_worlds) == (2, 4, 2)
    assert golden.overall.average.estimate == golden.overall.best.estimate == 1.0
    assert null.overall.average.estimate == 0.5
    rates = {part.name: part.average.estimate for part in null.families}
    assert rates == {"no fault": 1.0, "scale": 0.0}
    assert sum(part.runs for part in null.kinds) == sum(part.runs for part in null.mechanisms) == 4


def test_a_rate_of_one_is_not_taken_for_certain(runs: dict[str, list[Trajectory]]) -> None:
    average = scorecard("golden", runs["golden"]).overall.average
    assert average.low < 0.5
    assert average.high == 1.0


def test_two_runs_are_compared_on_the_worlds_that_both_have(runs: dict[str, list[Trajectory]]) -> None:
    compared = compare(runs["null"], runs["golden"][:-1], ("null", "golden"))
    assert {one.name: one.gain.estimate for one in compared.differences}["all"] == 0.5
    assert [(before, after) for _, before, after in compared.flipped] == [(0.0, 1.0)]
    assert compared.first.overall.runs == compared.second.overall.runs == 3


def test_the_page_is_one_file_that_fetches_nothing(runs: dict[str, list[Trajectory]]) -> None:
    page = render(scorecard("<golden>", runs["golden"]), compare(runs["null"], runs["golden"], ("null", "golden")))
    assert "&lt;golden&gt;" in page
    assert page.count("<svg") >= 5
    for outside in ("http://", "https://", "<script", "<img", "<link"):
        assert outside not in page


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(Permanent, match="no episodes"):
        scorecard("empty", [])


def test_two_runs_without_a_common_world_are_not_compared(runs: dict[str, list[Trajectory]]) -> None:
    with pytest.raises(Permanent, match="share no world"):
        compare(runs["null"][:1], runs["golden"][1:], ("null", "golden"))


def test_a_gain_is_never_certain_and_never_more_than_everything(runs: dict[str, list[Trajectory]]) -> None:
    """No interval of so few problems is a point, even where all of them gained the same, and none leaves [-1, 1]."""
    for first in ("null", "golden"):
        compared = compare(runs[first], runs["golden"], (first, "golden"))
        for one in compared.differences:
            assert one.gain.level == 0.95
            assert -1 <= one.gain.low <= one.gain.estimate <= one.gain.high <= 1
            assert one.gain.low < one.gain.high
