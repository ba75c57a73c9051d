"""Several faults at once: admitted, answered by naming each, repaired only by repairing each."""

import pytest

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import GoldenOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue
from aoi.problems.admission import check
from aoi.problems.compounds import compounds_of
from aoi.problems.oracle import grade_answer
from aoi.problems.places import Place
from aoi.problems.preparing import schedule
from aoi.problems.sampling import control_of
from aoi.problems.scenario import Scenario, build, repair
from aoi.records.episode import Answer
from aoi.records.findings import Accusation
from aoi.records.problem import ProblemInstance, TaskKind

KEY, SEED = "gen002", 7


def _pair() -> Place:
    return next(p for p in compounds_of(KEY) if len(p.roots) == 2 and TaskKind.MITIGATION in p.kinds)


def _cascade() -> Place:
    return next(p for p in compounds_of("gen000") if p.restarted)


def _built(place: Place, kind: TaskKind) -> Scenario:
    return build(ProblemInstance(problem=catalogue.problem_at(place, kind), seed=SEED))


def _answer(*components: str) -> Answer:
    first, *others = components
    also = tuple(Accusation(component=name, cause="unclassified", summary="") for name in others)
    return Answer(verdict="fault", component=first, cause="unclassified", confidence=0.9, also=also)


@pytest.mark.parametrize("place", [_pair(), _cascade()], ids=lambda place: place.fault)
def test_compounds_are_admitted(place: Place) -> None:
    report = check(catalogue.problem_at(place, TaskKind.LOCALIZATION).id, [SEED])
    assert report.is_admitted, report.reason
    assert report.nearest in {root.fault for root in place.roots}


def test_an_answer_to_two_faults_names_both_and_nobody_else() -> None:
    found = _built(_pair(), TaskKind.LOCALIZATION)
    one, other = (root.component or "" for root in found.truth.roots)
    third = next(c.name for c in found.application.components if c.name not in (one, other))
    for named, is_right in (((one, other), True), ((other, one), True), ((one,), False), ((one, other, third), False)):
        outcome = grade_answer(TaskKind.LOCALIZATION, found.truth, _answer(*named))
        assert (outcome.success, outcome.aiopslab_success) == (is_right, is_right), named


def test_an_answer_to_one_fault_accuses_nobody_else() -> None:
    found = _built(_cascade(), TaskKind.LOCALIZATION)
    cause, suffers = found.truth.component or "", _cascade().restarted[0]
    assert grade_answer(TaskKind.LOCALIZATION, found.truth, _answer(cause)).success
    assert not grade_answer(TaskKind.LOCALIZATION, found.truth, _answer(suffers)).success
    assert not grade_answer(TaskKind.LOCALIZATION, found.truth, _answer(cause, suffers)).success


def test_half_a_repair_is_none() -> None:
    found = _built(_pair(), TaskKind.MITIGATION)
    assert found.plan is not None
    for part in found.plan.roots:
        half = found.fork()
        repair(half.world, part)
        assert not half.grade(None).success
    repair(found.world, found.plan)
    assert found.grade(None).success


def test_the_golden_operator_names_and_mends_both() -> None:
    for kind in (TaskKind.LOCALIZATION, TaskKind.MITIGATION):
        found, codec = _built(_pair(), kind), WordCodec()
        operator = GoldenOperator(codec, found.truth, handles_of(found, SEED_PROFILE))
        episode = run_episode(found, profile=SEED_PROFILE, arm="test", bundle="scripted", rollout_seed=0, codec=codec)
        content = rollout([episode], operator)[0].content
        assert content.outcome.success, content.outcome.detail
        assert content.answer is not None
        assert len(content.answer.also) == 1


def test_two_faults_take_the_place_of_two_ordinary_writes() -> None:
    """So neither the number of writes nor the clock says that there is more than one."""
    found = _built(_pair(), TaskKind.DETECTION)
    control = build(control_of(found.instance))
    assert found.world.clock.now_ms == control.world.clock.now_ms
    assert len(schedule(KEY, SEED).slots) >= len(found.truth.roots)
