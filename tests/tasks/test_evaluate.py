"""What an evaluation runs: problems with fresh worlds, and some of them again with an injection."""

from aoi.problems import catalogue
from aoi.problems.injections.catalogue import injections
from aoi.promotion.evaluation import run_of
from aoi.settings import EvaluationSettings, derive_seed
from tasks.evaluate import EVEN_SLICES, planned

WITH_A_FAULT = 6 * len(EVEN_SLICES.keys() - {"control"})


def runs(seed: int = 1, **settings):
    specs = planned("development", seed, EvaluationSettings(**{"problems_per_slice": 6} | settings))
    return [run_of(spec.instance, spec.rollout_seed, spec.injection) for spec in specs]


def test_each_run_with_an_injection_is_a_planned_run_made_again():
    plan = runs()
    struck = [run for run in plan if run.injection]
    assert len(struck) == WITH_A_FAULT, "one of each problem with a fault"
    assert len({run.problem_id for run in struck}) == WITH_A_FAULT
    assert len({run.injection for run in struck}) == WITH_A_FAULT
    assert {run.twin for run in struck} <= {run for run in plan if not run.injection}
    assert len(set(plan)) == len(plan)


def test_controls_are_not_struck():
    for spec in planned("development", 3, EvaluationSettings(problems_per_slice=6)):
        assert spec.injection is None or spec.instance.problem.slice != "control"


def test_injections_change_no_other_run():
    assert [run for run in runs() if not run.injection] == runs(injected=0)


def test_the_number_is_a_setting_and_each_night_draws_others():
    assert sum(bool(run.injection) for run in runs(injected=5)) == 5
    assert runs(injected=5) == runs(injected=5)
    drawn = [{run.injection for run in runs(seed=seed) if run.injection} for seed in (1, 2)]
    assert len(drawn[0] & drawn[1]) < 12


def test_over_a_week_every_family_strikes():
    drawn = {injections()[run.injection].family for seed in range(7) for run in runs(seed=seed) if run.injection}
    assert drawn == {one.family for one in injections().values()}


def test_unseen_mechanisms_rotate_so_that_a_week_of_cycles_looks_at_nearly_all_of_them():
    pool = {place.fault for place in catalogue.places(split="development", slice="unseen_mechanism")}
    nights = [
        {
            spec.instance.problem.fault
            for spec in planned("development", derive_seed(0, "evaluate", cycle), EvaluationSettings(seeds=1))
            if spec.instance.problem.slice == "unseen_mechanism"
        }
        for cycle in range(1, 8)
    ]
    assert all(len(night) >= 0.6 * len(pool) for night in nights)
    assert len({frozenset(night) for night in nights}) == 7, "no two cycles look at the same ones"
    assert set().union(*nights) == pool
