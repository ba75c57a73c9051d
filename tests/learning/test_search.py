"""Tries at a failure: where they leave its course, whom they suspect, and that none is told the truth."""

import pytest

from aoi.language.lexicon import LEVELS, TYPES
from aoi.learning.search import Tree, tries
from aoi.records.decision import Decision, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, signal, step

ITERATIONS = 6
SURVEYED = ObserverState("locate", (), last=(Finding("refused", "s4"),))


def failure(*, kind: TaskKind = TaskKind.LOCALIZATION) -> Trajectory:
    """The survey pointed at s4; what paged was looked at, and blamed."""
    return episode(
        step(ProbeDo("logs", "s1"), signal("timeout", "s1", "s7"), state=SURVEYED),
        step(SubmitDo("yes", "s1", "exception")),
        kind=kind,
        success=False,
    )


def steps_of(plans: list[CorrectivePlan]) -> list[list[str]]:
    return [[each.do for each in plan.steps] for plan in plans]


def test_suspects_are_looked_at_where_they_were_not_and_in_the_order_of_what_speaks_against_them() -> None:
    looks = steps_of(tries(Tree(failure()), "suspects", 3, ITERATIONS))
    assert [do.split()[2] for do, *_ in looks] == ["s7", "s4", "s1"]
    assert "probe logs s1" not in [do for plan in looks for do in plan]


def test_looks_begin_where_the_failure_stopped_looking() -> None:
    tree = Tree(failure())
    for plan in tries(tree, "suspects", 3, ITERATIONS):
        assert [said.do for said in plan.prefix] == [ProbeDo("logs", "s1")]
        assert plan.source_trajectory == tree.source


def test_a_long_failure_is_left_early_enough_for_a_plan_and_an_answer() -> None:
    long = episode(*[step(ProbeDo("logs", "s1"), signal("refused", "s1", "s4"))] * ITERATIONS, success=False)
    for proposer in ("suspects", "remedies"):
        for plan in tries(Tree(long), proposer, 3, ITERATIONS):
            assert len(plan.prefix) + len(plan.steps) + 1 < ITERATIONS


def test_retries_begin_at_every_step_and_differ_though_they_say_nothing() -> None:
    plans = tries(Tree(failure()), "retry", 4, ITERATIONS)
    assert [len(plan.prefix) for plan in plans] == [0, 1, 0, 1]
    assert len({plan.digest() for plan in plans}) == 4
    assert steps_of(plans) == [[]] * 4


def test_changes_are_tried_in_mitigations_alone_and_known_causes_first_together() -> None:
    assert tries(Tree(failure()), "remedies", 3, ITERATIONS) == []
    mitigation = episode(
        step(ProbeDo("endpoints", "s4"), signal("targetport", "s4"), signal("oomkilled", "s7"), state=SURVEYED),
        step(ExecDo("rollback", "s4")),
        step(SubmitDo("yes", "s4", "targetport")),
        kind=TaskKind.MITIGATION,
        success=False,
    )
    first, *others = given_by(tries(Tree(mitigation), "remedies", 12, ITERATIONS))
    assert [said.do for said in first] == [ExecDo("fix_port", "s4"), ExecDo("set_limits", "s7")]
    # What waits is remembered while the other is put right.
    assert first[0].summary == Finding("oomkilled", "s7")
    tried = {said.do for plan in others for said in plan}
    assert {ExecDo("fix_port", "s4"), ExecDo("set_limits", "s7"), ExecDo("rollback", "s7")} <= tried


def given_by(plans: list[CorrectivePlan]) -> list[list[Decision]]:
    """What each try decides in the policy's place."""
    assert all(plan.steps == () for plan in plans)
    return [[said for said in plan.prefix[plan.branch :] if isinstance(said, Decision)] for plan in plans]


def answers(node: Trajectory, count: int = 40) -> list[SubmitDo]:
    plans = tries(Tree(node), "answers", count, ITERATIONS)
    assert all(plan.branch == len(plan.prefix) - 1 for plan in plans)
    return [plan.prefix[-1].do for plan in plans]


def test_answers_name_what_was_seen_alone_and_by_pairs() -> None:
    given = answers(failure())
    assert given[0] == SubmitDo("yes", "s7", "timeout")
    assert SubmitDo("yes", "s4", "refused", also=Finding("timeout", "s7")) in given
    assert SubmitDo("no") in given
    assert all(do.component in (None, "s4", "s7") for do in given)


def test_an_analysis_is_answered_in_every_class_and_a_mitigation_is_not_answered() -> None:
    classes = {(do.level, do.type) for do in answers(failure(kind=TaskKind.ANALYSIS), 200) if do.verdict == "yes"}
    assert {("virt", "misconfig"), ("app", "code"), ("hw", "operation")} <= classes
    assert answers(failure(kind=TaskKind.MITIGATION)) == []


def test_an_analysis_classes_the_likeliest_cause_before_it_names_another_and_never_says_that_nothing_is_wrong() -> None:
    said = answers(failure(kind=TaskKind.ANALYSIS), 200)
    assert {do.verdict for do in said} == {"yes"}
    assert [do.component for do in said[:2]] == ["s7", "s7"]
    assert len({(do.level, do.type) for do in said[:2]}) == 2
    of_first = [do.level for do in said if do.component == "s7" and do.also is None]
    assert len(of_first) == len(LEVELS) * len(TYPES)
    usual = of_first.count(of_first[0])
    assert of_first[:usual] == of_first[:1] * usual, "those of its usual level first"


def test_what_a_refused_change_shows_and_who_is_not_there_is_no_suspect() -> None:
    changed = episode(
        step(ExecDo("rollback", "s4"), signal("forbidden", "s4"), status="refused", state=SURVEYED),
        step(ExecDo("rollback", "s29"), signal("forbidden", "s29"), status="refused"),
        kind=TaskKind.MITIGATION,
        success=False,
    )
    (first,), *others = given_by(tries(Tree(changed), "remedies", 40, ITERATIONS))
    assert first.do == ExecDo("restart", "s4")  # the rollback is what failed
    assert not any(said.do.target == "s29" for plan in others for said in plan)


def test_the_answer_that_failed_is_not_tried_again_and_of_a_detection_only_the_other_verdict() -> None:
    blamed = episode(
        step(ProbeDo("logs", "s1"), signal("panic", "s7"), state=SURVEYED),
        step(SubmitDo("yes", "s7", "panic")),
        success=False,
    )
    assert SubmitDo("yes", "s7", "panic") not in answers(blamed)
    detected = episode(*blamed.content.steps, kind=TaskKind.DETECTION, success=False)
    assert answers(detected) == [SubmitDo("no")]


def test_what_is_seen_after_the_step_at_which_a_try_leaves_is_not_known_to_it() -> None:
    late = episode(
        *[step(ProbeDo(check, "s1"), signal("refused", "s1", "s4")) for check in ("logs", "pods", "events", "config")],
        step(ProbeDo("logs", "s7"), signal("panic", "s7")),
        success=False,
    )
    (plan, *_) = tries(Tree(late), "suspects", 1, ITERATIONS)
    assert plan.branch < 4
    assert all("s7" not in each.do for each in plan.steps)


def test_retries_go_on_where_they_were() -> None:
    tree = Tree(failure())
    branches = [tries(tree, "retry", 1, ITERATIONS)[0].branch for _ in range(4)]
    assert branches == [0, 1, 0, 1]


def test_no_try_is_made_twice() -> None:
    tree = Tree(failure())
    plans = [plan for _ in range(20) for plan in tries(tree, "suspects", 4, ITERATIONS)]
    assert len(steps_of(plans)) == len({str(steps) for steps in steps_of(plans)})
    assert tries(tree, "suspects", 4, ITERATIONS) == []
    assert tree.attempts == len(plans)


def test_the_search_goes_on_from_the_try_that_saw_most() -> None:
    tree = Tree(failure())
    blind = episode(step(SubmitDo("no"), state=SURVEYED), success=False, number=1)
    seeing = episode(
        step(ProbeDo("logs", "s4"), signal("panic", "s4"), signal("waits", "s1", "s7"), state=SURVEYED),
        step(ProbeDo("pods", "s7"), signal("crashloop", "s7")),
        step(SubmitDo("no")),
        success=False,
        number=2,
    )
    tree.nodes += [blind, seeing]
    assert tree.best is seeing
    plan, *_ = tries(tree, "suspects", 1, ITERATIONS)
    assert [said.do for said in plan.prefix] == [ProbeDo("logs", "s4"), ProbeDo("pods", "s7")]
    assert (plan.source_trajectory, plan.instance) == (tree.source, tree.root.content.instance)


def test_what_only_the_evolver_can_think_of_is_refused() -> None:
    with pytest.raises(ValueError, match="evolver"):
        tries(Tree(failure()), "evolver", 1, ITERATIONS)
