"""Scripted operators on one problem: what `aoi problems run` shows."""

import pytest

from aoi.errors import UnknownProblem
from aoi.learning.operators import run_operator, run_set
from aoi.problems import catalogue
from aoi.records.episode import TrajectorySet
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.store.objects import ObjectStore
from aoi.store.shards import read_set

PROBLEM = "misconfig_app_hotel_res-localization-1"


def test_operators_who_know_solve_the_problem_and_a_run_repeats_itself() -> None:
    expert = run_operator(PROBLEM, "expert", 0)
    golden = run_operator(PROBLEM, "golden", 0)

    assert expert.content.outcome.success
    assert golden.content.outcome.success
    assert golden.content.answer.component == expert.content.answer.component
    assert run_operator(PROBLEM, "expert", 0).content == expert.content


def test_the_seed_is_of_the_world_and_its_handles() -> None:
    first, second = (run_operator(PROBLEM, "expert", seed).content for seed in (0, 1))

    assert first.instance.seed == 0
    assert second.instance.seed == 1
    assert first.world != second.world
    assert first.handles != second.handles


def test_an_unknown_problem_is_named_with_the_way_to_the_list() -> None:
    with pytest.raises(UnknownProblem, match="aoi problems list"):
        run_operator("no_such_problem", "expert", 0)


def test_a_run_over_many_is_kept_repeats_itself_and_goes_on_where_it_was_killed(tmp_path) -> None:
    instances = [
        ProblemInstance(problem=problem, seed=seed)
        for problem in catalogue.problems(fault="scale_to_zero", application="gen002", kind=TaskKind.DETECTION)[:2]
        for seed in range(6)
    ]
    one, other = ObjectStore(str(tmp_path / "one")), ObjectStore(str(tmp_path / "other"))
    alone = run_set(instances, "null", one)
    beside = run_set(list(reversed(instances)), "null", other, workers=2)
    content = [one.get(alone, TrajectorySet).content_sha256, other.get(beside, TrajectorySet).content_sha256]
    assert content[0] == content[1]
    rows = list(read_set(one, alone))
    assert len(rows) == len(instances)
    assert not any(row.content.outcome.success for row in rows)
    # Finished shards are not run again: the second time nothing has another time in its provenance.
    assert list(read_set(one, run_set(instances, "null", one))) == rows


def test_doing_nothing_is_right_about_a_control_and_mends_nothing() -> None:
    control = catalogue.problems(fault="no_fault", application="gen002", kind=TaskKind.DETECTION)[0]
    assert run_operator(control.id, "null", 1).content.outcome.success
    broken = catalogue.problems(fault="scale_to_zero", application="gen002", kind=TaskKind.MITIGATION)[0]
    outcome = run_operator(broken.id, "null", 1).content.outcome
    assert not outcome.success
    assert not outcome.aiopslab_success
