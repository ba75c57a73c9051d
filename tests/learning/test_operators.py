"""Scripted operators on one problem: what `aoi problems run` shows."""

import pytest

from aoi.errors import UnknownProblem
from aoi.learning.operators import run_operator

PROBLEM = "misconfig_app_hotel_res-localization-1"


def test_operators_who_know_solve_the_problem_and_a_run_repeats_itself() -> None:
    expert = run_operator(PROBLEM, "expert", 0)
    golden = run_operator(PROBLEM, "golden", 0)

    assert expert.content.outcome.success
    assert golden.content.outcome.success
    assert golden.content.answer.component == expert.content.answer.component
    assert run_operator(PROBLEM, "expert", 0).content == expert.content


def test_the_seed_is_of_the_world_and_of_the_operator() -> None:
    first, second = (run_operator(PROBLEM, "junior", seed).content for seed in (0, 1))

    assert first.instance.seed == 0
    assert second.instance.seed == 1
    assert [step.decision for step in first.steps] != [step.decision for step in second.steps]


def test_an_unknown_problem_is_named_with_the_way_to_the_list() -> None:
    with pytest.raises(UnknownProblem, match="aoi problems list"):
        run_operator("no_such_problem", "expert", 0)
