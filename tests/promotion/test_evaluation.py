import pytest

from aoi.errors import ContractViolation
from aoi.promotion.evaluation import Run, compare, run_of
from aoi.records.base import sha256_hex
from aoi.records.episode import Interaction, Outcome
from aoi.records.problem import TaskKind
from tests.store.episodes import problem, step, trajectory

CHAMPION, CHALLENGER = sha256_hex(b"champion"), sha256_hex(b"challenger")


def given(number=0, *, slice_="seen", kind=TaskKind.LOCALIZATION):
    return problem(number, kind=kind, split="development", slice=slice_)


def arm(bundle, wins, **changes):
    rows = []
    for number, won in enumerate(wins):
        slice_ = "control" if number % 4 == 3 else "seen"
        outcome = Outcome(success=won, aiopslab_success=won, false_alarm=slice_ == "control" and not won)
        rows.append(trajectory(number, given=given(number, slice_=slice_), bundle=bundle, outcome=outcome, **changes))
    return rows


def planned(rows):
    return [run_of(row.content.instance, row.content.rollout_seed) for row in rows]


def compared(champion, challenger, plan=None):
    plan = planned(champion) if plan is None else plan
    return compare(champion, challenger, planned=plan, split="development", seed=1, level=0.95)


def test_every_figure_follows_from_the_trajectories():
    champion = arm(CHAMPION, [True, False, False, True, False, True, False, True])
    challenger = arm(CHALLENGER, [True, True, False, False, True, True, False, True])
    found = compared(champion, challenger)
    assert (found.champion, found.challenger, found.missing) == (CHAMPION, CHALLENGER, ())
    assert (found.overall.champion_rate, found.overall.challenger_rate) == (2 / 6, 4 / 6)
    assert found.overall.gain.estimate == pytest.approx(2 / 6)
    assert (found.controls.champion_rate, found.controls.challenger_rate) == (1.0, 0.5)
    by_id = {row.content.digest() for row in champion}
    assert {one.champion_trajectory for one in found.pairs} == by_id


def test_a_problem_counts_once_however_often_it_runs():
    champion, challenger, plan = [], [], []
    for number, runs in ((0, 3), (1, 3)):
        for run in range(runs):
            for rows, bundle, won in ((champion, CHAMPION, False), (challenger, CHALLENGER, number == 0)):
                outcome = Outcome(success=won, aiopslab_success=won)
                rows.append(trajectory(number, given=given(number), bundle=bundle, outcome=outcome, rollout_seed=run))
            plan.append(planned(champion[-1:])[0])
    found = compared(champion, challenger, plan)
    assert (found.overall.gain.n, found.overall.runs, found.overall.gain.estimate) == (2, 6, 0.5)


@pytest.mark.parametrize("side", [0, 1])
def test_a_run_that_one_arm_lacks_or_broke_off_is_missing(side):
    arms = [arm(CHAMPION, [True] * 8), arm(CHALLENGER, [True] * 8)]
    plan = planned(arms[0])
    lost = arms[side].pop(2)
    arms[side][4] = trajectory(5, given=given(5), bundle=lost.content.bundle, ended="error", error="server gone")
    found = compared(*arms, plan)
    assert sorted(found.missing) == sorted([str(plan[2]), str(plan[5])])
    assert len(found.pairs) == 6


def test_an_arm_that_never_ran_is_absent():
    found = compared(arm(CHAMPION, [True] * 8), [], planned(arm(CHAMPION, [True] * 8)))
    assert found.challenger == ""
    assert len(found.missing) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows, rows[0]], "twice"),
        (lambda rows: [*rows, trajectory(99, given=given(99), bundle=CHALLENGER)], "not planned"),
        (lambda rows: [*rows[:-1], trajectory(7, given=problem(7), bundle=CHALLENGER)], "train split"),
        (lambda rows: [*rows[:-1], arm("c" * 64, [True] * 8)[-1]], "2 bundles"),
        (lambda rows: [*rows[1:], *arm(CHALLENGER, [True], world="f" * 64)], "not a pair"),
    ],
)
def test_arms_that_were_not_given_the_same_thing_are_refused(change, message):
    champion = arm(CHAMPION, [True] * 8)
    with pytest.raises(ContractViolation, match=message):
        compared(champion, change(arm(CHALLENGER, [True] * 8)))


def test_the_training_split_is_never_evaluated():
    with pytest.raises(ContractViolation, match="training split"):
        compare([], [], planned=[], split="train", seed=0, level=0.95)


def test_refused_commands_are_counted():
    refused = step().model_copy(update={"interactions": (Interaction(command="kubectl delete x", status="refused"),)})
    champion, challenger = arm(CHAMPION, [True]), arm(CHALLENGER, [True], steps=(refused, refused))
    found = compared(champion, challenger).pairs[0]
    assert (found.champion_refused, found.challenger_refused) == (0, 2)


def test_order_of_rows_changes_nothing():
    champion, challenger = arm(CHAMPION, [True, False] * 4), arm(CHALLENGER, [False, True] * 4)
    plan = planned(champion)
    assert compared(champion, challenger, plan) == compared(champion[::-1], challenger[::-1], plan[::-1])
    assert isinstance(plan[0], Run)
