"""What is kept of a success: what made it succeed, in order, and never less than its answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.learning.purifier import decided, purify
from aoi.records.decision import ExecDo, Finding, ProbeDo, SubmitDo
from tests.learning.handmade import episode, malformed, signal, step

ANSWER = SubmitDo("yes", "s4", "targetport")
LOOK = ProbeDo("endpoints", "s4")
ELSEWHERE = ProbeDo("logs", "s7")
REPAIR = ExecDo("fix_port", "s4")
CAUSE = signal("targetport", "s4")


def deeds(*steps):
    return [kept.decision.do for kept in purify(episode(*steps))]


def test_a_look_whose_finding_the_answer_speaks_of_is_kept():
    answer = step(ANSWER, cause=Finding("targetport", "s4"))
    assert deeds(step(LOOK, CAUSE), answer) == [LOOK, ANSWER]


def test_a_look_whose_finding_nobody_uses_is_a_dead_end():
    answer = step(ANSWER, cause=Finding("targetport", "s4"))
    assert deeds(step(ELSEWHERE, signal("slow", "s7")), step(LOOK, CAUSE), answer) == [LOOK, ANSWER]


def test_a_look_that_pointed_where_a_later_one_went_is_kept():
    pointing = step(ELSEWHERE, signal("refused", "s7", "s4"))
    answer = step(ANSWER, cause=Finding("targetport", "s4"))
    assert deeds(pointing, step(LOOK, CAUSE), answer) == [ELSEWHERE, LOOK, ANSWER]


@pytest.mark.parametrize("later", [ProbeDo("pods", "s4"), ExecDo("restart", "s4"), SubmitDo("yes", "s4")])
def test_a_look_is_kept_for_any_later_decision_about_the_component_that_it_pointed_at(later):
    steps = [step(ProbeDo("quota", "s1")), step(later), step(SubmitDo("unsure"))]
    assert ELSEWHERE in deeds(step(ELSEWHERE, signal("refused", "s7", "s4")), *steps)
    assert ELSEWHERE not in deeds(step(ELSEWHERE, signal("refused", "s7")), *steps)


def test_a_finding_is_used_by_who_speaks_of_either_of_its_ends():
    for end in ("s7", "s4"):
        answer = step(SubmitDo("yes", "s1"), cause=Finding("refused", end))
        assert ELSEWHERE in deeds(step(ELSEWHERE, signal("refused", "s7", "s4")), answer)
    other = step(SubmitDo("yes", "s1"), cause=Finding("refused", "s1"))
    assert ELSEWHERE not in deeds(step(ELSEWHERE, signal("refused", "s7", "s4")), other)


def test_a_repeat_is_dropped_and_its_first_time_stays():
    answer = step(ANSWER, cause=Finding("targetport", "s4"))
    assert deeds(step(LOOK, CAUSE), step(LOOK, CAUSE), answer) == [LOOK, ANSWER]


def test_what_failed_or_was_refused_is_dropped():
    answer = step(ANSWER, cause=Finding("targetport", "s4"))
    for status in ("failed", "refused", "budget"):
        assert deeds(step(REPAIR, status=status), step(LOOK, CAUSE, status=status), answer) == [ANSWER]


def test_the_check_before_a_change_is_kept_whatever_it_found():
    assert deeds(step(ELSEWHERE, signal("slow", "s7")), step(REPAIR), step(ANSWER)) == [ELSEWHERE, REPAIR, ANSWER]


def test_that_something_is_healthy_is_used_by_the_answer_that_nothing_is_wrong_alone():
    healthy = step(LOOK, signal("healthy", "s4"))
    assert deeds(healthy, step(SubmitDo("no"))) == [LOOK, SubmitDo("no")]
    assert deeds(healthy, step(SubmitDo("yes"))) == [SubmitDo("yes")]


def test_a_malformed_decision_is_never_learnt():
    assert deeds(malformed(), step(ANSWER)) == [ANSWER]


handles = st.sampled_from(("s1", "s4", "s7"))
signals = st.builds(signal, st.sampled_from(("refused", "slow", "targetport", "healthy")), handles, st.none() | handles)
dos = st.builds(ProbeDo, st.sampled_from(("logs", "endpoints")), handles) | st.builds(
    ExecDo, st.sampled_from(("restart", "fix_port")), handles
)
findings = st.none() | st.builds(Finding, st.sampled_from(("refused", "targetport")), handles)


@st.composite
def episodes(draw):
    steps = [draw(st.sampled_from((None, draw(dos)))) for _ in range(draw(st.integers(0, 5)))]
    made = [
        malformed()
        if do is None
        else step(
            do,
            *draw(st.lists(signals, max_size=2)),
            summary=draw(findings),
            status=draw(st.sampled_from(("ok", "failed", "refused"))),
        )
        for do in steps
    ]
    return episode(*made, step(ANSWER, cause=draw(findings)))


@given(episodes())
def test_what_is_kept_is_a_part_in_order_with_the_answer_last_and_no_deed_twice(trajectory):
    all_steps, kept = decided(trajectory), purify(trajectory)
    indices = [each.step.index for each in kept]
    assert indices == sorted(set(indices))
    assert all(each in all_steps for each in kept)
    assert kept[-1].decision.do == ANSWER
    acted = [each.decision.do for each in kept]
    assert len(set(acted)) == len(acted)
    assert all(each.step.status == "ok" for each in kept)


@given(episodes())
def test_no_change_that_worked_is_forgotten(trajectory):
    worked = [
        each.decision.do
        for each in decided(trajectory)
        if isinstance(each.decision.do, ExecDo) and each.step.status == "ok"
    ]
    first_status = {each.decision.do: each.step.status for each in reversed(decided(trajectory))}
    kept = {each.decision.do for each in purify(trajectory)}
    assert {do for do in worked if first_status[do] == "ok"} <= kept
