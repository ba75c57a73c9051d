"""What is counted of episodes, on which worlds, and what an arm is charged for."""

from collections import Counter

import pytest

from aoi.problems import aiopslab, sampling
from aoi.records.base import sha256_hex
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import TaskKind
from aoi.settings import EvaluationSettings
from benchmarks.measures import calibration, played_by, rates, specs_of
from models.episodes import EpisodeSpec
from tests.store.episodes import problem, trajectory

SETTINGS = EvaluationSettings(problems_per_slice=4, seeds=2)
SETS = ("development", "test", "hard", "styles", "aiopslab")


@pytest.mark.parametrize("worlds", SETS)
def test_every_problem_stands_in_k_worlds_that_no_training_met(worlds: str) -> None:
    specs = specs_of(worlds, 7, SETTINGS)
    assert set(Counter(spec.instance.problem.id for spec in specs).values()) == {2}
    assert len({(spec.instance.problem.id, spec.instance.seed) for spec in specs}) == len(specs)
    of_training = sampling.world_seed("train", 1, "hotel_reservation", 0) % 3
    assert of_training not in {spec.instance.seed % 3 for spec in specs}
    assert not any(spec.injection for spec in specs)
    assert specs == specs_of(worlds, 7, SETTINGS)


def test_the_86_are_all_there() -> None:
    known = {name for name, one in aiopslab.known().items() if not one.is_newer}
    assert {spec.instance.problem.id for spec in specs_of("aiopslab", 7, SETTINGS)} == known
    assert len(known) == 86


def test_styles_are_an_unseen_style_and_controls_of_the_same_applications() -> None:
    problems = [spec.instance.problem for spec in specs_of("styles", 7, SETTINGS)]
    assert {one.slice for one in problems} == {"unseen_style", "control"}
    applications = {one.application for one in problems if one.slice == "unseen_style"}
    assert {one.application for one in problems} == applications


def test_hard_ones_have_several_faults_or_an_unseen_mechanism_and_controls_beside_them() -> None:
    problems = [spec.instance.problem for spec in specs_of("hard", 7, SETTINGS)]
    assert {one.slice for one in problems} == {"several", "unseen_mechanism", "control"}
    faulty = [one for one in problems if one.fault]
    assert {one.kind for one in faulty} == {TaskKind.LOCALIZATION, TaskKind.ANALYSIS, TaskKind.MITIGATION}
    assert {one.split for one in problems} == {"development"}


def row(number: int, world: int, *, won: bool, arm: str = "champion", **changes):
    is_control = number == 3
    given = problem(
        number,
        kind=TaskKind.DETECTION if is_control else list(TaskKind)[number],
        split="test",
        slice="control" if is_control else "seen",
        **({"fault": None} if is_control else {}),
    )
    outcome = Outcome(success=won, aiopslab_success=won, false_alarm=is_control and not won)
    one = trajectory(number, given=given, outcome=outcome, bundle=sha256_hex(arm.encode()), rollout_seed=0, **changes)
    instance = one.content.instance.model_copy(update={"seed": world})
    return one.model_copy(update={"content": one.content.model_copy(update={"instance": instance})})


BEFORE = [row(number, world, won=world == 0) for number in range(4) for world in (0, 3)]
AFTER = [row(number, world, won=number != 2, arm="arm") for number in range(4) for world in (0, 3)]
SPECS = [EpisodeSpec(instance=one.content.instance, rollout_seed=0, arm="champion") for one in BEFORE]


def test_avg_best_and_variance_are_over_the_worlds_of_each_problem() -> None:
    found = rates(BEFORE[:6], lambda one: one.content.outcome.success)
    assert (found.problems, found.runs) == (3, 6)
    assert (found.first, found.average, found.best, found.variance) == (1.0, 0.5, 1.0, 0.5)
    assert rates(BEFORE[:1], lambda one: one.content.outcome.success).variance is None


def test_controls_stand_apart_and_both_arms_met_the_same_runs() -> None:
    found = played_by({"survey": BEFORE[:3], "champion": BEFORE, "challenger": AFTER}, SPECS)
    assert len(found.pairs) == 8
    survey, champion, challenger = found.standings
    assert (survey.faults.runs, champion.faults.runs, challenger.faults.runs) == (3, 6, 6)
    assert (champion.controls.average, challenger.controls.average) == (0.5, 1.0)
    assert challenger.faults.average == pytest.approx(2 / 3)
    assert sum(one.champion for one in found.failures) == 3
    assert sum(one.challenger for one in found.failures) == 2
    assert found.believed.champion.stated == 6
    assert found.believed.champion_controls.stated == 2


def test_what_broke_off_is_missing_and_in_no_figure() -> None:
    broken = AFTER[0].model_copy(update={"content": AFTER[0].content.model_copy(update={"ended": "error"})})
    found = played_by({"champion": BEFORE, "challenger": [broken, *AFTER[1:]]}, SPECS)
    assert len(found.missing) == 1
    assert len(found.pairs) == 7
    assert [one.faults.runs for one in found.standings] == [5, 5]


def test_brier_is_of_what_answers_stated_and_of_nothing_that_code_said_for_them() -> None:
    sure = Answer(verdict="fault", component="geo", cause="targetport", confidence=0.9)
    rows = [row(0, world, won=won, answer=sure) for world, won in ((0, True), (3, False))]
    rows.append(row(0, 6, won=False, ended="steps", answer=sure))
    found = calibration(rows)
    assert (found.stated, found.unstated) == (2, 1)
    assert found.brier == pytest.approx((0.1**2 + 0.9**2) / 2)
    assert [(one.runs, one.stated, one.right) for one in found.bins] == [(2, 0.9, 0.5)]
    assert calibration([]).brier is None
