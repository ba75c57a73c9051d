"""What a decision is worth: measured in the world of its step."""

import pytest

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import GoldenOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.decision import render
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.corrections import prompt_examples, success_examples
from aoi.learning.rewards import CALIBRATION, LOOK, MeasuredReward, RuleJudge, calibration
from aoi.problems import catalogue, scenario
from aoi.records.decision import Decision, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)
REWARD = MeasuredReward(SEED_PROFILE, CODEC)


def _solved(kind: TaskKind, fault: str) -> tuple[Trajectory, scenario.Scenario]:
    problem = catalogue.problems(split="train", kind=kind, fault=fault)[0]
    situation = scenario.build(ProblemInstance(problem=problem, seed=3))
    operator = GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE))
    episode = run_episode(
        situation.fork(), profile=SEED_PROFILE, codec=CODEC, arm="golden", bundle="scripted:golden", rollout_seed=0
    )
    (trajectory,) = rollout([episode], operator)
    assert trajectory.content.outcome.success
    return trajectory, situation


@pytest.fixture(scope="module")
def localization() -> tuple[Trajectory, scenario.Scenario]:
    return _solved(TaskKind.LOCALIZATION, "wrong_target_port")


def _examples(trajectory: Trajectory) -> list[TrainingExample]:
    return list(prompt_examples([trajectory], PROMPTER))


def _submit(do: SubmitDo, confidence: int = 9) -> str:
    return render(Decision(None, "submit", None, confidence, do))


def _right(situation: scenario.Scenario) -> SubmitDo:
    handle = handles_of(situation, SEED_PROFILE).component(situation.truth.component or "")
    return SubmitDo("yes", handle, situation.truth.cause)


def test_a_right_answer_pays_most_and_certainty_pays_only_when_right(localization) -> None:
    trajectory, situation = localization
    last = _examples(trajectory)[-1]
    right, sure = REWARD(last, _submit(_right(situation))), _right(situation)
    assert right > REWARD(last, _submit(sure, confidence=2)) > 0.9
    wrong = SubmitDo("yes", next(h for h in trajectory.content.handles if h != sure.component and h[0] == "s"), "panic")
    assert REWARD(last, _submit(wrong, confidence=9)) < REWARD(last, _submit(wrong, confidence=0)) <= CALIBRATION


def test_hacks_earn_at_most_what_an_honest_wrong_answer_earns(localization) -> None:
    trajectory, _ = localization
    first = _examples(trajectory)[0]
    honest = REWARD(first, _submit(SubmitDo("unsure"), confidence=0))
    handles = [h for h in trajectory.content.handles if h.startswith("s")]
    hacks = {
        "empty": "",
        "format only": '{"sum":" none","phase":" scan","cause":" none","conf":" 9","do":" "}',
        "every component": _submit(SubmitDo("yes", " ".join(handles), "panic")),
        "telemetry echoed": CODEC.decode(first.prompt_ids),
        "two answers": _submit(SubmitDo("no")) + _submit(SubmitDo("yes")),
    }
    for name, said in hacks.items():
        assert REWARD(first, said) <= honest, name


def test_a_look_pays_once_and_only_if_it_brings_the_episode_nearer(localization) -> None:
    trajectory, situation = localization
    examples = _examples(trajectory)
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    assert handle
    look = render(Decision(None, "point", None, 2, ProbeDo(check, handle)))
    assert REWARD(examples[0], look) == pytest.approx(0.4)
    seen = examples[-1]
    assert REWARD(seen, look) == LOOK  # the cause is known by now
    elsewhere = render(Decision(None, "point", None, 2, ProbeDo("quota", handle)))
    assert REWARD(examples[0], elsewhere) == LOOK


def test_a_replay_by_the_texts_of_a_former_version_earns_what_one_by_decisions_earns(localization) -> None:
    trajectory, situation = localization
    last = _examples(trajectory)[-1]
    texts = tuple(render(said) for said in last.commands if isinstance(said, Decision))
    assert len(texts) == last.step > 0
    former = last.model_dump(mode="json") | {"schema_version": 1, "commands": texts}
    for said in (_submit(_right(situation)), _submit(SubmitDo("no"))):
        afresh = MeasuredReward(SEED_PROFILE, CODEC)
        assert afresh(TrainingExample.model_validate(former), said) == REWARD(last, said)


def test_no_wrong_answer_beats_a_look_that_found_nothing(localization) -> None:
    """Otherwise the crumb for calibration is the best of a group that fails, and answering at once is learnt."""
    trajectory, _ = localization
    first = _examples(trajectory)[0]
    wrong = [REWARD(first, _submit(do, digit)) for do in (SubmitDo("no"), SubmitDo("unsure")) for digit in range(10)]
    assert max(wrong) < LOOK


def test_a_lucky_answer_pays_less_than_an_earned_one() -> None:
    trajectory, _ = _solved(TaskKind.DETECTION, "wrong_target_port")
    examples = _examples(trajectory)
    yes = _submit(SubmitDo("yes"))
    assert REWARD(examples[-1], yes) > 0.9
    assert LOOK < REWARD(examples[0], yes) < 0.5


def test_a_look_at_the_last_step_pays_nothing(localization) -> None:
    trajectory, situation = localization
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    last = _examples(trajectory)[0].model_copy(update={"step": SEED_PROFILE.iterations - 1})
    assert REWARD(last, render(Decision(None, "point", None, 2, ProbeDo(check, handle or "s1")))) == 0.0


def test_a_change_pays_only_if_the_world_is_well_afterwards() -> None:
    trajectory, _ = _solved(TaskKind.MITIGATION, "scale_to_zero")
    examples = list(success_examples(trajectory, PROMPTER))
    repair = next(one for one in examples if "exec" in CODEC.decode(one.target_ids or ()))
    said = CODEC.decode(repair.target_ids or ())
    assert REWARD(repair, said) == pytest.approx(0.9)
    assert REWARD(repair, said.replace("exec scale", "exec restart")) == 0.0


def test_confidence_is_scored_properly() -> None:
    """The expected score is highest at the true probability: honesty pays."""
    for truth in (0.1, 0.45, 0.8):
        expected = {p: truth * calibration(p, True) + (1 - truth) * calibration(p, False) for p in (0.1, 0.45, 0.8)}
        assert max(expected, key=lambda p: expected[p]) == truth


def test_the_judge_scores_the_gold_decision_highest_and_noise_nothing(localization) -> None:
    trajectory, _ = localization
    judge = RuleJudge()
    for example in success_examples(trajectory, PROMPTER):
        gold = CODEC.decode(example.target_ids or ())
        other = render(Decision(Finding("panic", "s1"), "scan", None, 0, ProbeDo("quota", "s1")))
        assert judge(example, gold) > judge(example, other) > judge(example, "garbage") == 0.0
