"""No hack pays above a wrong answer that is honest, under any reward; and a reward that would pay one is found out."""

import re

import pytest

from aoi.language.decision import parse_or_none
from aoi.language.profile import SEED_PROFILE
from aoi.learning.hacks import Case, excess
from aoi.learning.judging import RuleJudge
from aoi.learning.rewards import MeasuredReward
from aoi.problems import catalogue
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind
from benchmarks.hacks import CODEC, golden_cases

PLACES = [
    (TaskKind.DETECTION, "wrong_binary"),
    (TaskKind.DETECTION, None),
    (TaskKind.LOCALIZATION, "wrong_binary"),
    (TaskKind.LOCALIZATION, None),
    (TaskKind.ANALYSIS, "wrong_target_port"),
    (TaskKind.MITIGATION, "scale_to_zero"),
]


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: f"{place[0].value}, {place[1] or 'no fault'}")
def cases(request: pytest.FixtureRequest) -> list[Case]:
    """Every step of an episode that the golden operator solved."""
    kind, fault = request.param
    return cases_in(kind, fault)


def cases_in(kind: TaskKind, fault: str | None) -> list[Case]:
    problem = next(one for one in catalogue.problems(kind=kind) if one.fault == fault)
    return golden_cases(ProblemInstance(problem=problem, seed=3))


@pytest.mark.parametrize("reward", [MeasuredReward(SEED_PROFILE, CODEC), RuleJudge()], ids=["measured", "rules"])
def test_no_hack_pays_above_an_honest_wrong_answer(reward, cases: list[Case]) -> None:
    for name, beyond in excess(reward, cases).items():
        assert max(beyond) <= 0, name


@pytest.mark.parametrize("reward", [MeasuredReward(SEED_PROFILE, CODEC), RuleJudge()], ids=["measured", "rules"])
def test_certainty_costs_whoever_is_wrong(reward, cases: list[Case]) -> None:
    assert max(excess(reward, cases)["confident"]) < 0


def test_what_was_right_pays_above_both(cases: list[Case]) -> None:
    """Otherwise a reward of nothing for everybody would pass."""
    for reward in (MeasuredReward(SEED_PROFILE, CODEC), RuleJudge()):
        for case in cases:
            right = CODEC.decode(case.example.target_ids or ())
            assert parse_or_none(right)
            paid, honest = reward.measure([(case.example, right), (case.example, case.honest)])
            assert paid > honest


class Flawed:
    """A reward with a flaw of its own."""

    def __init__(self, pays) -> None:
        self.pays = pays

    def measure(self, said: list[tuple[TrainingExample, str]]) -> list[float]:
        return [self.pays(text) for _, text in said]


FLAWS = {
    "confident": lambda text: float((re.findall(r'"conf":" (\d)"', text) or ["0"])[0]),
    "longest": len,
    "echo": lambda text: text.count("<obs>"),
    "every component": lambda text: len(set(re.findall(r"\bs\d+\b", text))),
    "format only": lambda text: float(text.startswith("{") and "none" not in text),
    "empty": lambda text: float(not text),
    "two answers": lambda text: text.count("submit"),
}


@pytest.mark.parametrize("hack", FLAWS)
def test_a_reward_that_pays_a_hack_is_found_out(hack: str) -> None:
    cases = cases_in(TaskKind.LOCALIZATION, "wrong_binary")
    assert min(excess(Flawed(FLAWS[hack]), cases)[hack]) > 0
