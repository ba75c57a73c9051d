"""Which failures are corrected, the plans for them, and what is learnt from those that the world passed."""

from collections.abc import Sequence

import pytest

from aoi.agents.policy import Generation, Turn
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.lessons import judged, learning_report, training_examples
from aoi.learning.operators import run_operator
from aoi.learning.proposals import proposed, to_repair
from aoi.records.episode import Trajectory

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)
PROBLEMS = ("misconfig_app_hotel_res-localization-1", "misconfig_app_hotel_res-analysis-1")
PLANS = ('{"plan":" probe logs s1"}', '{"plan":" probe logs s1"}', '{"plan":" probe pods s2 ; probe logs s1"}', "noise")


class Writer:
    """Answers the n-th turn with the n-th text, again and again."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.turns: list[Turn] = []

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        self.turns += turns
        texts = [self.texts[number % len(self.texts)] for number in range(len(turns))]
        return [Generation(CODEC.encode_completion(text), None, "evolver:test") for text in texts]


@pytest.fixture(scope="module")
def solved() -> list[Trajectory]:
    return [run_operator(problem, "golden", 0) for problem in PROBLEMS]


@pytest.fixture(scope="module")
def failed(solved: list[Trajectory]) -> list[Trajectory]:
    """The same episodes, as if their answers had been wrong."""
    wrong = {"success": False}
    return [
        each.model_copy(
            update={
                "content": each.content.model_copy(update={"outcome": each.content.outcome.model_copy(update=wrong)})
            }
        )
        for each in solved
    ]


def test_one_failure_of_each_problem_that_no_rollout_solved_is_repaired(
    solved: list[Trajectory], failed: list[Trajectory]
) -> None:
    def chosen(*given: Trajectory) -> list[Trajectory]:
        return to_repair(given, most=9, seed=1)

    assert chosen(failed[0], failed[0], failed[1]) == failed
    assert chosen(failed[0], solved[0], failed[1]) == [failed[1]]
    assert chosen(solved[0], failed[0]) == []
    crashed = failed[0].model_copy(update={"content": failed[0].content.model_copy(update={"ended": "error"})})
    assert chosen(crashed) == []
    assert chosen(crashed, failed[0]) == [failed[0]]


def test_where_more_failed_than_are_searched_the_seed_alone_says_which(failed: list[Trajectory]) -> None:
    one = to_repair(failed, most=1, seed=1)
    assert len(one) == 1
    assert one == to_repair(failed, most=1, seed=1)
    assert {each.id for seed in range(9) for each in to_repair(failed, most=1, seed=seed)} == {f.id for f in failed}


def test_each_failure_is_asked_for_as_many_plans_and_equal_ones_count_once(failed: list[Trajectory]) -> None:
    writer = Writer(PLANS)
    plans = proposed(failed, writer, PROMPTER, plans=4, seed=1)
    assert len(writer.turns) == 8
    assert len({turn.seed for turn in writer.turns}) == 8
    assert {turn.role for turn in writer.turns} == {"evolver"}
    assert {turn.max_tokens for turn in writer.turns} == {SEED_PROFILE.plan_tokens}
    for trajectory in failed:
        own = [plan for plan in plans if plan.source_trajectory == trajectory.content.digest()]
        assert [plan.status for plan in own] == ["hint", "hint", "malformed"]
        assert [len(plan.steps) for plan in own] == [1, 2, 0]
        assert all(plan.instance == trajectory.content.instance for plan in own)


def test_plans_are_seeded_by_failure_and_number(failed: list[Trajectory]) -> None:
    first, again, other = Writer(PLANS), Writer(PLANS), Writer(PLANS)
    for writer, seed in ((first, 1), (again, 1), (other, 2)):
        proposed(failed, writer, PROMPTER, plans=2, seed=seed)
    assert [turn.seed for turn in first.turns] == [turn.seed for turn in again.turns]
    assert [turn.seed for turn in first.turns] != [turn.seed for turn in other.turns]
    alone = Writer(PLANS)
    proposed(failed[1:], alone, PROMPTER, plans=2, seed=1)
    assert [turn.seed for turn in alone.turns] == [turn.seed for turn in first.turns[2:]]


def test_only_corrections_that_the_world_passed_are_imitated_and_every_decision_point_is_a_prompt(
    solved: list[Trajectory], failed: list[Trajectory]
) -> None:
    plans = proposed(failed, Writer(PLANS[:1]), PROMPTER, plans=1, seed=1)
    executed = [judged(plans[0], solved[0], failed[0]), judged(plans[1], failed[1], failed[1])]
    assert [each.is_verified for each in executed] == [True, False]
    assert executed[0].plan.verified_by == solved[0].content.digest()

    examples = list(training_examples(failed, executed[:1], PROMPTER, seed=1))
    targets = [example for example in examples if example.target_ids is not None]
    assert targets
    assert {example.source_trajectory for example in targets} == {solved[0].content.digest()}
    assert len(examples) - len(targets) == sum(len(each.content.steps) for each in failed)

    with_gold = training_examples([*failed, solved[1]], executed[:1], PROMPTER, seed=1, reward="rules")
    gold = [example for example in with_gold if example.source == "success"]
    assert {example.source_trajectory for example in gold} == {solved[1].content.digest()}
    assert all(example.target is not None for example in gold)

    report = learning_report([*failed, solved[0]], failed, [each.plan for each in executed], (), examples)
    assert (report.episodes, report.solved, report.plans, report.verified) == (3, 1, 2, 1)
    assert (report.failed_problems, report.repaired_problems, report.coverage) == (2, 1, 0.5)
    assert report.examples == len(targets)
    assert report.prompts == len(examples) - len(targets)
