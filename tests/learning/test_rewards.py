"""What a decision is worth: measured in the world of its step."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator
from aoi.agents.operators.recollection import is_cause
from aoi.agents.policy import Generation, Turn
from aoi.agents.rollout import rollout
from aoi.errors import ReplayDiffers
from aoi.language.codec import WordCodec
from aoi.language.decision import parse, render
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.corrections import is_supported, prompt_examples, success_examples, surveyed
from aoi.learning.judging import RuleJudge
from aoi.learning.rewards import (
    CALIBRATION,
    CARRIED_ON,
    LOOK,
    LUCKY_ANSWER,
    NEARER,
    PUT_RIGHT,
    REPAIRED,
    REST_MENDED,
    RIGHT_ANSWER,
    MeasuredReward,
    calibration,
)
from aoi.problems import catalogue, scenario
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)


def _solved(kind: TaskKind, fault: str) -> tuple[Trajectory, scenario.Scenario]:
    problem = catalogue.problems(kind=kind, fault=fault)[0]
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


@pytest.fixture(scope="module")
def hidden() -> tuple[Trajectory, scenario.Scenario]:
    """The rules do not see what is wrong here: it takes a look."""
    trajectory, situation = _solved(TaskKind.LOCALIZATION, "wrong_binary")
    assert not is_supported(_nothing_but_the_survey(trajectory), situation.truth)
    return trajectory, situation


def _nothing_but_the_survey(trajectory: Trajectory) -> Trajectory:
    first = trajectory.content.steps[0].model_copy(update={"signals": ()})
    return trajectory.model_copy(update={"content": trajectory.content.model_copy(update={"steps": (first,)})})


@pytest.fixture(scope="module")
def reward() -> MeasuredReward:
    return MeasuredReward(SEED_PROFILE, CODEC)


def _examples(trajectory: Trajectory) -> list[TrainingExample]:
    return list(prompt_examples([trajectory], PROMPTER))


def _submit(do: SubmitDo, confidence: int = 9) -> str:
    return render(Decision(None, "submit", None, confidence, do))


def _right(situation: scenario.Scenario) -> SubmitDo:
    handle = handles_of(situation, SEED_PROFILE).component(situation.truth.component or "")
    return SubmitDo("yes", handle, situation.truth.cause)


def test_a_right_answer_pays_most_and_certainty_pays_only_when_right(reward, localization) -> None:
    trajectory, situation = localization
    last = _examples(trajectory)[-1]
    right, sure = reward(last, _submit(_right(situation))), _right(situation)
    assert right > reward(last, _submit(sure, confidence=2)) > 0.9
    wrong = SubmitDo("yes", next(h for h in trajectory.content.handles if h != sure.component and h[0] == "s"), "panic")
    assert reward(last, _submit(wrong, confidence=9)) < reward(last, _submit(wrong, confidence=0)) <= CALIBRATION


def test_hacks_earn_at_most_what_an_honest_wrong_answer_earns(reward, localization) -> None:
    trajectory, _ = localization
    first = _examples(trajectory)[0]
    honest = reward(first, _submit(SubmitDo("unsure"), confidence=0))
    handles = [h for h in trajectory.content.handles if h.startswith("s")]
    hacks = {
        "empty": "",
        "format only": '{"sum":" none","phase":" scan","cause":" none","conf":" 9","do":" "}',
        "every component": _submit(SubmitDo("yes", " ".join(handles), "panic")),
        "telemetry echoed": CODEC.decode(first.prompt_ids),
        "two answers": _submit(SubmitDo("no")) + _submit(SubmitDo("yes")),
    }
    for name, said in hacks.items():
        assert reward(first, said) <= honest, name


def test_a_look_pays_once_and_only_if_it_brings_the_episode_nearer(reward, hidden) -> None:
    trajectory, situation = hidden
    examples = _examples(trajectory)
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    assert handle
    look = render(Decision(None, "point", None, 2, ProbeDo(check, handle)))
    assert reward(examples[0], look) == pytest.approx(0.4)
    seen = examples[-1]
    assert reward(seen, look) == LOOK  # the cause is known by now
    elsewhere = render(Decision(None, "point", None, 2, ProbeDo("quota", handle)))
    assert reward(examples[0], elsewhere) == LOOK


def test_a_replay_by_the_texts_of_a_former_version_earns_what_one_by_decisions_earns(reward, localization) -> None:
    trajectory, situation = localization
    last = _examples(trajectory)[-1]
    texts = tuple(render(said) for said in last.commands if isinstance(said, Decision))
    assert len(texts) == last.step > 0
    former = last.model_dump(mode="json") | {"schema_version": 1, "commands": texts}
    for said in (_submit(_right(situation)), _submit(SubmitDo("no"))):
        afresh = MeasuredReward(SEED_PROFILE, CODEC)
        assert afresh(TrainingExample.model_validate(former), said) == reward(last, said)


def test_no_wrong_answer_beats_a_look_that_found_nothing(reward, localization) -> None:
    """Otherwise the crumb for calibration is the best of a group that fails, and answering at once is learnt."""
    trajectory, _ = localization
    first = _examples(trajectory)[0]
    wrong = [reward(first, _submit(do, digit)) for do in (SubmitDo("no"), SubmitDo("unsure")) for digit in range(10)]
    assert max(wrong) < LOOK


def test_a_lucky_answer_pays_less_than_an_earned_one(reward) -> None:
    trajectory, _ = _solved(TaskKind.DETECTION, "wrong_binary")
    examples = _examples(trajectory)
    yes = _submit(SubmitDo("yes"))
    assert reward(examples[-1], yes) > 0.9
    assert LOOK < reward(examples[0], yes) < 0.5


def test_what_the_survey_has_shown_may_be_answered_at_once_and_need_not_be_looked_for(reward, localization) -> None:
    trajectory, situation = localization
    first = _examples(trajectory)[0]
    assert reward(first, _submit(_right(situation))) > 0.9
    assert reward(first, _looks(situation, trajectory)[0]) == LOOK


def test_a_look_at_the_last_step_pays_nothing(reward, localization) -> None:
    trajectory, situation = localization
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    last = _examples(trajectory)[0].model_copy(update={"step": SEED_PROFILE.iterations - 1})
    assert reward(last, render(Decision(None, "point", None, 2, ProbeDo(check, handle or "s1")))) == 0.0


def test_a_change_pays_only_if_the_world_is_well_afterwards(reward) -> None:
    trajectory, _ = _solved(TaskKind.MITIGATION, "scale_to_zero")
    examples = list(success_examples(trajectory, PROMPTER))
    repair = next(one for one in examples if "exec" in CODEC.decode(one.target_ids or ()))
    said = CODEC.decode(repair.target_ids or ())
    assert reward(repair, said) == pytest.approx(0.9)
    assert reward(repair, said.replace("exec scale", "exec restart")) == 0.0


class Asked:
    """A policy that counts: the golden operator, or somebody who gives up."""

    def __init__(self, situation: scenario.Scenario, says: str = "") -> None:
        self._operator = GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE))
        self._says = says
        self.turns: list[Turn] = []

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        self.turns += turns
        if self._says:
            return [Generation(CODEC.encode_completion(self._says), None, "test") for _ in turns]
        return self._operator.generate(turns)


def _looks(situation: scenario.Scenario, trajectory: Trajectory) -> tuple[str, str]:
    """A look that shows the cause, and one that shows nothing."""
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    elsewhere = next(h for h in trajectory.content.handles if h != handle and h[0] == "s")
    dos = (ProbeDo(check, handle or ""), ProbeDo("quota", elsewhere))
    useful, useless = (render(Decision(None, "point", None, 2, do)) for do in dos)
    return useful, useless


def test_a_look_from_which_the_policy_gets_to_the_answer_pays_for_that_too(hidden) -> None:
    trajectory, situation = hidden
    first = _examples(trajectory)[0]
    useful, useless = _looks(situation, trajectory)
    golden = MeasuredReward(SEED_PROFILE, CODEC, Asked(situation))
    assert golden(first, useful) == pytest.approx(LOOK + CARRIED_ON + NEARER)
    assert golden(first, useless) == pytest.approx(LOOK + CARRIED_ON)
    gives_up = MeasuredReward(SEED_PROFILE, CODEC, Asked(situation, _submit(SubmitDo("unsure"))))
    assert gives_up(first, useful) == pytest.approx(LOOK + NEARER)
    assert gives_up(first, useless) == LOOK


def test_episodes_are_carried_on_greedily_and_only_after_a_look(localization) -> None:
    trajectory, situation = localization
    first = _examples(trajectory)[0]
    policy = Asked(situation)
    reward = MeasuredReward(SEED_PROFILE, CODEC, policy)
    assert reward(first, _submit(SubmitDo("no"))) < CALIBRATION
    assert not policy.turns
    reward(first, _looks(situation, trajectory)[0])
    observed = [turn for turn in policy.turns if turn.role == "observer"]
    assert observed
    assert {turn.temperature for turn in observed} == {0.0}


def test_a_change_that_repairs_nothing_is_not_paid_for_what_the_policy_repairs_afterwards() -> None:
    trajectory, situation = _solved(TaskKind.MITIGATION, "scale_to_zero")
    repair = next(each for each in success_examples(trajectory, PROMPTER) if isinstance(each.target.do, ExecDo))
    reward = MeasuredReward(SEED_PROFILE, CODEC, Asked(situation))
    said = CODEC.decode(repair.target_ids or ())
    assert reward.measure([(repair, said.replace("exec scale", "exec restart")), (repair, said)]) == [0.0, REPAIRED]


def test_equal_deeds_are_executed_once_however_they_are_put(localization) -> None:
    trajectory, situation = localization
    first, *_, last = _examples(trajectory)
    useful, useless = _looks(situation, trajectory)
    policy = Asked(situation)
    reward = MeasuredReward(SEED_PROFILE, CODEC, policy)
    paid = reward.measure([(first, useful), (first, useful)])
    asked = len(policy.turns)
    put = [parse(useful), Decision(None, "scan", Finding("panic", "s1"), 8, parse(useful).do)]
    assert reward.measure([(first, render(said)) for said in put]) == paid
    assert len(policy.turns) == asked
    reward(last, useful)
    reward(first, useless)
    assert len(policy.turns) > asked


def test_many_are_measured_in_order_and_what_says_nothing_pays_nothing(hidden) -> None:
    trajectory, situation = hidden
    first, *_, last = _examples(trajectory)
    right, wrong = _submit(_right(situation)), _submit(SubmitDo("no"), confidence=0)
    said = [(first, wrong), (last, "{}"), (last, right), (first, right), (last, wrong)]
    sure, unsure = CALIBRATION * calibration(0.95, True), CALIBRATION * calibration(0.05, False)
    paid = MeasuredReward(SEED_PROFILE, CODEC).measure(said)
    assert paid == pytest.approx([unsure, 0.0, RIGHT_ANSWER + sure, LUCKY_ANSWER + sure, unsure])


def test_a_deed_after_the_episode_ended_pays_as_one_that_fails(localization) -> None:
    trajectory, situation = localization
    last = _examples(trajectory)[-1]
    over = last.model_copy(update={"commands": (*last.commands, _submit(_right(situation)))})
    reward = MeasuredReward(SEED_PROFILE, CODEC)
    assert reward(over, _submit(_right(situation))) == pytest.approx(CALIBRATION * calibration(0.95, False))
    assert reward(over, _looks(situation, trajectory)[0]) == LOOK


def test_a_look_whose_replay_breaks_pays_nothing(localization, monkeypatch: pytest.MonkeyPatch) -> None:
    trajectory, _ = localization
    first = _examples(trajectory)[0]
    look = trajectory.content.steps[0].decision
    assert MeasuredReward(SEED_PROFILE, CODEC)(first, look) > 0

    def broken(*given: object, **options: object) -> None:
        raise RuntimeError("no compressor")

    monkeypatch.setattr("aoi.agents.session.Compressor", broken)
    assert MeasuredReward(SEED_PROFILE, CODEC)(first, look) == 0


def test_confidence_is_scored_properly() -> None:
    """The expected score is highest at the true probability: honesty pays."""
    for truth in (0.1, 0.45, 0.8):
        expected = {p: truth * calibration(p, True) + (1 - truth) * calibration(p, False) for p in (0.1, 0.45, 0.8)}
        assert max(expected, key=lambda p: expected[p]) == truth


def test_the_judge_scores_the_gold_decision_highest_and_noise_nothing(localization) -> None:
    trajectory, _ = localization
    judge = RuleJudge()
    examples = list(success_examples(trajectory, PROMPTER))
    assert examples
    for example in examples:
        gold = CODEC.decode(example.target_ids or ())
        other = render(Decision(Finding("panic", "s1"), "scan", None, 0, ProbeDo("quota", "s1")))
        assert judge(example, gold) > judge(example, other) > judge(example, "garbage") == 0.0


def test_nothing_is_measured_in_another_world_than_the_one_of_the_example(reward, localization) -> None:
    trajectory, situation = localization
    example = _examples(trajectory)[0].model_copy(update={"world": "0" * 64})
    with pytest.raises(ReplayDiffers, match="run the cycle again"):
        reward(example, _submit(_right(situation)))


@pytest.fixture(scope="module")
def twofold() -> tuple[Trajectory, scenario.Scenario]:
    """Two faults, each of which has to be put right."""
    return _solved(TaskKind.MITIGATION, "memory_limit+wrong_selector")


def _changes(trajectory: Trajectory) -> list[tuple[TrainingExample, Decision]]:
    decided = zip(_examples(trajectory), trajectory.content.steps, strict=True)
    return [
        (example, step.decided) for example, step in decided if step.decided and isinstance(step.decided.do, ExecDo)
    ]


def test_the_first_of_two_repairs_is_worth_more_where_the_other_cause_was_noted_down(twofold) -> None:
    (_, one), (_, other) = _changes(twofold[0])
    first = _examples(twofold[0])[0]  # both are in view, and nothing is remembered yet
    reward = MeasuredReward(SEED_PROFILE, CODEC, ExpertOperator(CODEC, SEED_PROFILE))
    where = other.do.target
    word = next(found.word for found in surveyed(twofold[0]) if is_cause(found) and found.subject == where)
    noted, wrong = (replace(one, summary=Finding(word, handle)) for handle in (where, one.do.target))
    paid = reward.measure([(first, render(said)) for said in (noted, wrong, replace(one, summary=None))])
    assert paid == pytest.approx([PUT_RIGHT + REST_MENDED, PUT_RIGHT, PUT_RIGHT])
    assert paid[0] < REPAIRED


def test_a_note_of_what_nobody_saw_earns_nothing_of_what_comes_after_it(hidden) -> None:
    """A guess that is remembered, and answered in the next step, is no better than the guess itself."""
    trajectory, situation = hidden
    first = _examples(trajectory)[0]
    reward = MeasuredReward(SEED_PROFILE, CODEC, ExpertOperator(CODEC, SEED_PROFILE))
    right = _right(situation)
    useless = parse(_looks(situation, trajectory)[1])
    guess = replace(useless, summary=Finding(right.cause, right.component))
    assert reward(first, render(guess)) == LOOK
    assert reward(first, render(guess)) < reward(first, _submit(right))


def test_the_first_of_two_repairs_pays_more_than_a_look_and_the_last_pays_most(reward, twofold) -> None:
    (first, one), (second, other) = _changes(twofold[0])
    assert reward(first, render(one)) == pytest.approx(PUT_RIGHT)
    assert reward(second, render(other)) == pytest.approx(REPAIRED)
    # What is right already is not put right again, and what mends nothing pays nothing.
    assert reward(second, render(one)) == 0.0
    assert reward(first, render(Decision(None, "fix", None, 5, ExecDo("restart", one.do.target)))) == 0.0
    look = render(Decision(None, "point", None, 5, ProbeDo("quota", one.do.target)))
    assert reward(first, look) < PUT_RIGHT
