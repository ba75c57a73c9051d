"""What the Evolver's plans are worth: carried out where the answer is known, and unlike one another."""

import pytest

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.layouts import WORDS
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import EvolverState, read_prompt
from aoi.language.prompting import Prompter
from aoi.learning.replanning import DIFFERENT, EFFECTIVE, VALID, Deed, executed, planned_steps, prompts_of, worths
from aoi.problems import catalogue, scenario
from aoi.records.episode import Trajectory
from aoi.records.problem import ProblemInstance, TaskKind

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)
MITIGATION = ProblemInstance(
    problem=catalogue.problems(split="train", kind=TaskKind.MITIGATION, fault="wrong_target_port")[0], seed=3
)


@pytest.fixture(scope="module")
def situation() -> scenario.Scenario:
    return scenario.build(MITIGATION)


@pytest.fixture(scope="module")
def solved(situation: scenario.Scenario) -> Trajectory:
    made = run_episode(
        situation.fork(), profile=SEED_PROFILE, codec=CODEC, arm="test", bundle="scripted:golden", rollout_seed=0
    )
    (trajectory,) = rollout([made], GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE)))
    assert trajectory.content.outcome.success
    return trajectory


def test_a_plan_counts_by_what_it_leads_to_in_the_world(situation: scenario.Scenario) -> None:
    """The expert answers after the first change that it is shown, right or wrong."""
    names = handles_of(situation, SEED_PROFILE)
    culprit = names.component(situation.truth.component or "")
    right, wrong = (Deed(MITIGATION, (f"exec {action} {culprit}",)) for action in ("fix_port", "restart"))
    expert = ExpertOperator(CODEC, SEED_PROFILE)
    assert executed([right, wrong], SEED_PROFILE, CODEC, expert) == [True, False]


def test_worth_is_validity_effect_and_difference_from_the_group() -> None:
    one, same, other, nothing = (Deed(MITIGATION, steps) for steps in (("a",), ("a",), ("b",), ()))
    known = {one: True, other: False}
    found = worths([one, same, other, nothing], known, 4)
    twice = VALID + DIFFERENT * (1 - 1 / 3) + EFFECTIVE
    assert found == pytest.approx([twice, twice, VALID + DIFFERENT, 0.0])
    # Groups are apart: what another group said makes nobody less different.
    assert worths([one, same], known, 1) == pytest.approx([VALID + DIFFERENT + EFFECTIVE] * 2)


def test_no_plan_that_fails_is_worth_as_much_as_one_that_works() -> None:
    works, fails = Deed(MITIGATION, ("a",)), Deed(MITIGATION, ("b",))
    group = [works] * 7 + [fails]
    *working, failing = worths(group, {works: True, fails: False}, 8)
    assert failing < min(working)


def test_noise_and_an_empty_plan_suggest_nothing() -> None:
    assert planned_steps(WORDS, '{"plan":" probe logs s1 ; exec rollback s4"}') == ("probe logs s1", "exec rollback s4")
    assert planned_steps(WORDS, '{"plan":" none"}') == planned_steps(WORDS, "noise") == ()
    assert planned_steps(WORDS, '{"plan":" submit no"}') == ()


def test_only_solved_problems_are_learnt_from_and_real_failures_of_theirs_too(solved: Trajectory) -> None:
    failed = solved.model_copy(
        update={
            "content": solved.content.model_copy(
                update={"rollout_seed": 7, "outcome": solved.content.outcome.model_copy(update={"success": False})}
            )
        }
    )
    assert list(prompts_of([failed], PROMPTER, 1)) == []
    alone, both = (list(prompts_of(given, PROMPTER, 1)) for given in ([solved], [failed, solved]))
    assert alone
    first, *others = [row.source_trajectory for row in both]
    assert first == failed.content.digest()
    assert others == [row.source_trajectory for row in alone]
    assert all(isinstance(read_prompt(CODEC.decode(row.prompt_ids)), EvolverState) for row in both)
