"""What becomes of episodes: each example says what it is, and shows what the Observer would have seen alone."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import ExpertOperator, GoldenOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.decision import parse
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.prompt import within
from aoi.language.prompting import Prompter, unguided
from aoi.learning.corrections import (
    correction_examples,
    is_supported,
    prompt_examples,
    rests_on_evidence,
    success_examples,
    unguided_prompt,
    verified,
)
from aoi.learning.purifier import decided, purify
from aoi.problems import catalogue, scenario
from aoi.problems.oracle import NOTHING
from aoi.records.decision import AlertLine, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.episode import Signal, Step, Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind
from tests.learning.handmade import episode, malformed, plan, signal, step

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)


class Bytes:
    """One token a byte, for prompts of real text."""

    eos_ids = frozenset((256,))

    def encode_prompt(self, prompt):
        return tuple(f"{prompt.system}\n{prompt.user}".encode())

    def encode_completion(self, text):
        return (*text.encode(), 256)

    def decode(self, ids):
        return bytes(token_id for token_id in ids if token_id not in self.eos_ids).decode("utf-8", "replace")


CHAT = Prompter(PRODUCTION_PROFILE.model_copy(update={"prompt_tokens": 20_000}), Bytes())


@pytest.fixture(scope="module")
def situation() -> scenario.Scenario:
    (problem, *_) = catalogue.problems(split="train", kind=TaskKind.LOCALIZATION, fault="wrong_target_port")
    return scenario.build(ProblemInstance(problem=problem, seed=3))


def run(situation, policy, prompter=PROMPTER, **options):
    made = run_episode(
        situation.fork(),
        profile=prompter.profile,
        codec=prompter.codec,
        arm="test",
        bundle="scripted:test",
        rollout_seed=0,
        **options,
    )
    (trajectory,) = rollout([made], policy)
    assert trajectory.content.error is None
    return trajectory


@pytest.fixture(scope="module")
def guided(situation):
    """A plan of three looks that an expert follows, and its episode."""
    handle = handles_of(situation, SEED_PROFILE).component(situation.truth.component)
    looks = plan(*(f"probe {check} {handle}" for check in ("network", "quota", "history")))
    return looks, run(situation, ExpertOperator(CODEC, SEED_PROFILE), guidance=looks)


def test_a_prompt_without_guidance_is_that_of_an_unguided_episode_in_the_same_state(situation, guided):
    """The same decisions, replayed without the plan, meet the same states: only the plan is gone from the prompts."""
    _, trajectory = guided
    assert trajectory.content.steps[0].state.plan
    alone = run(situation, ExpertOperator(CODEC, SEED_PROFILE), prefix=[s.decision for s in trajectory.content.steps])
    for with_plan, without in zip(trajectory.content.steps, alone.content.steps, strict=True):
        assert unguided(with_plan.state) == without.state
        assert unguided_prompt(with_plan, PROMPTER) == without.utterances[0].prompt_ids
        is_open = bool(with_plan.state.plan)
        assert (with_plan.utterances[0].prompt_ids != without.utterances[0].prompt_ids) is is_open


@pytest.mark.parametrize("prompter", [PROMPTER, CHAT], ids=["words", "chat"])
def test_the_recorded_state_renders_the_recorded_prompt(situation, prompter):
    looks = plan("probe network s1", "probe quota s1") if prompter is PROMPTER else None
    given_steps = [step(ProbeDo("logs", "frontend")), step(SubmitDo("no"))]
    prefix = [each.decision for each in given_steps]
    trajectory = run(situation, None, prompter, guidance=looks, prefix=["{}", *prefix])
    assert trajectory.content.steps[0].status == "malformed"
    for each in trajectory.content.steps:
        assert prompter.ids(each.state) == each.utterances[0].prompt_ids


findings = st.builds(
    Finding,
    st.sampled_from(("refused", "slow", "targetport")),
    st.sampled_from(("s1", "s4")),
    st.none() | st.just("s7"),
)
looks = st.builds(ProbeDo, st.sampled_from(("logs", "pods")), st.sampled_from(("s1", "s4")))
evidence = st.text(max_size=300) | st.just(
    "Suggested next steps (you may deviate):\n- probe logs s1\n\n <plan> ; probe pods s1 <last>"
)
states = st.builds(
    ObserverState,
    task=st.sampled_from(("locate", "detect")),
    alerts=st.lists(st.just(AlertLine("errors", "s1")), max_size=3).map(tuple),
    memory=st.lists(findings, max_size=5).map(tuple),
    last=st.lists(findings, max_size=3).map(tuple),
    last_do=st.none() | looks,
    plan=st.lists(looks, min_size=1, max_size=3).map(tuple),
    text=evidence,
    remaining=st.integers(1, 6),
)


@given(states, st.booleans())
@settings(max_examples=150, deadline=None)
def test_guidance_leaves_no_trace_in_the_prompt_whatever_the_evidence_spells(state, is_chat):
    """Evidence that looks like a plan stays, as evidence: nothing is cut out of text."""
    prompter = CHAT if is_chat else PROMPTER
    shown = replace(within(state, prompter.profile), text=state.text if is_chat else "")
    recorded = Step(index=0, status="malformed", decision="", state=shown, utterances=(), sim_ms=0)
    bare = replace(shown, plan=())
    assert unguided_prompt(recorded, prompter) == prompter.ids(bare)
    assert prompter.ids(shown) != prompter.ids(bare)
    if is_chat:
        assert shown.text.replace("</evidence", "< /evidence") in prompter.codec.decode(prompter.ids(bare))


@given(states)
@settings(max_examples=60, deadline=None)
def test_without_guidance_a_prompt_has_the_room_that_the_plan_took(state):
    """Where the plan pushed memory out, the unguided prompt has it again: it is rendered, not trimmed."""
    tight = Prompter(SEED_PROFILE.model_copy(update={"prompt_tokens": 40}), CODEC)
    shown = within(replace(state, text=""), SEED_PROFILE)
    recorded = Step(index=0, status="malformed", decision="", state=shown, utterances=(), sim_ms=0)
    assert unguided_prompt(recorded, tight) == tight.ids(unguided(shown))
    assert len(unguided_prompt(recorded, tight)) <= 40


def test_a_correction_is_learnt_from_its_useful_decisions_without_the_guidance(guided):
    looks, trajectory = guided
    passed = looks.model_copy(update={"status": "verified", "verified_by": trajectory.content.digest()})
    examples = list(correction_examples(trajectory, passed, PROMPTER))
    assert [example.step for example in examples] == [kept.step.index for kept in purify(trajectory)]
    for example in examples:
        recorded = trajectory.content.steps[example.step]
        assert (example.source, example.plan) == ("verified_correction", passed.digest())
        assert "<plan>" not in CODEC.decode(example.prompt_ids)
        assert example.target_ids == recorded.utterances[0].completion_ids
        assert example.target == recorded.decided == parse(CODEC.decode(example.target_ids))
        assert example.commands == tuple(each.decided for each in trajectory.content.steps[: example.step])


def test_a_decision_that_was_made_under_a_plan_is_learnt_from_the_prompt_without_it(situation):
    """The first look is the plan's, and its finding is used: it is learnt, though the Observer was told to look."""
    check, component = situation.truth.evidence[-1]
    handle = handles_of(situation, SEED_PROFILE).component(component)
    looks = plan(f"probe {check} {handle}", f"probe quota {handle}")
    trajectory = run(situation, ExpertOperator(CODEC, SEED_PROFILE), guidance=looks)
    first = trajectory.content.steps[0]
    assert "<plan>" in CODEC.decode(first.utterances[0].prompt_ids)
    passed = looks.model_copy(update={"status": "verified", "verified_by": trajectory.content.digest()})
    correction = next(correction_examples(trajectory, passed, PROMPTER))
    point = next(prompt_examples([trajectory], PROMPTER))
    for example in (correction, point):
        assert example.step == 0
        assert example.prompt_ids == unguided_prompt(first, PROMPTER)
        assert "<plan>" not in CODEC.decode(example.prompt_ids)


def test_what_the_policy_had_said_before_it_was_corrected_is_as_likely_as_it_was(guided):
    looks, trajectory = guided
    at, *_ = (kept.step.index for kept in purify(trajectory))
    passed = {"status": "verified", "verified_by": trajectory.content.digest(), "branch": at + 1}
    taken = trajectory.content.steps[at].utterances[0]
    probabilities = tuple(-0.1 * place for place, _ in enumerate(taken.completion_ids))
    prompt = unguided_prompt(trajectory.content.steps[at], PROMPTER)

    def behaviours(prompt_ids: tuple[int, ...]) -> list[tuple[float, ...] | None]:
        own = taken.model_copy(update={"prompt_ids": prompt_ids, "logprobs": probabilities})
        steps = list(trajectory.content.steps)
        steps[at] = steps[at].model_copy(update={"utterances": (own,)})
        node = trajectory.model_copy(update={"content": trajectory.content.model_copy(update={"steps": tuple(steps)})})
        found = correction_examples(trajectory, looks.model_copy(update=passed), PROMPTER, node)
        return [example.behaviour for example in found]

    said, *decided_anew = behaviours(prompt)
    assert said == probabilities
    assert set(decided_anew) <= {None}
    assert behaviours((*prompt, CODEC.unk_id))[0] is None  # in another state


def test_a_plan_that_this_episode_did_not_verify_teaches_nothing(guided):
    looks, trajectory = guided
    for unfit in (looks, looks.model_copy(update={"status": "verified", "verified_by": "0" * 64})):
        with pytest.raises(ValueError, match="not verified by this episode"):
            list(correction_examples(trajectory, unfit, PROMPTER))


def test_every_decision_point_is_a_prompt_and_says_that_it_is_one():
    failed = episode(step(ProbeDo("logs", "s7")), malformed(), step(SubmitDo("no")), success=False)
    solved = episode(step(SubmitDo("yes", "s4", "targetport")), number=1)
    examples = list(prompt_examples([failed, solved], PROMPTER))
    assert [(example.source_trajectory, example.step) for example in examples] == [
        (trajectory.content.digest(), kept.step.index)
        for trajectory in (failed, solved)
        for kept in decided(trajectory)
    ]
    for example in examples:
        assert (example.source, example.target_ids, example.target) == ("decision_point", None, None)
        assert example.prompt_ids == (5, 6)
        assert len(example.commands) == example.step
    after_malformed = examples[1]
    looked, unread = failed.content.steps[:2]
    assert after_malformed.commands == (looked.decided, unread.decision)
    assert TrainingExample.model_validate_json(after_malformed.model_dump_json()) == after_malformed


def test_a_success_is_learnt_from_only_if_it_was_one_and_its_own(situation):
    trajectory = run(situation, GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE)))
    examples = list(success_examples(trajectory, PROMPTER))
    assert {example.source for example in examples} == {"success"}
    assert [example.target for example in examples] == [kept.decision for kept in purify(trajectory)]
    for unfit in (
        trajectory.model_copy(update={"content": trajectory.content.model_copy(update={"guidance": "0" * 64})}),
        episode(step(SubmitDo("no")), success=False),
    ):
        with pytest.raises(ValueError, match="no success of its own"):
            list(success_examples(unfit, PROMPTER))


def test_who_rehearses_a_success_also_rehearses_the_looks_that_led_nowhere():
    nowhere = step(ProbeDo("logs", "s9"), signal("healthy", "s9"))
    course = (
        nowhere,
        malformed(),
        step(ProbeDo("quota", "s9"), status="failed"),
        step(ProbeDo("endpoints", "s4"), signal("targetport", "s4")),
        step(SubmitDo("yes", "s4", "targetport"), cause=Finding("targetport", "s4")),
    )
    trajectory = episode(*course)
    useful, whole = (
        [example.target for example in success_examples(trajectory, PROMPTER, with_detours=detours)]
        for detours in (False, True)
    )
    assert whole == [each.decided for each in course if each.status == "ok"]
    assert useful == whole[1:]


def test_a_guided_step_of_the_former_version_is_refused_and_an_unguided_one_still_teaches():
    old = Step(schema_version=1, index=0, status="ok", decision="{}", utterances=(), sim_ms=0)
    with pytest.raises(ValueError, match="version 1"):
        unguided_prompt(old, PROMPTER)
    modern = step(SubmitDo("yes", "s4", "targetport"))
    former = Step(**modern.model_dump(exclude={"state", "decided", "schema_version"}), schema_version=1)
    (example,) = prompt_examples([episode(former)], PROMPTER)
    assert example.prompt_ids == (5, 6)


def test_an_answer_is_earned_by_the_cause_at_the_culprit_or_by_somebody_found_healthy(situation):
    cause, culprit = situation.truth.cause, situation.truth.component
    seen = episode(step(ProbeDo("endpoints", "s4"), signal(cause, "s4")))
    handles = {**seen.content.handles, "s4": culprit}
    assert is_supported(_with(seen, handles=handles), situation.truth)
    assert not is_supported(_with(seen, handles={**handles, "s4": "elsewhere"}), situation.truth)
    lucky = episode(step(ProbeDo("endpoints", "s4"), signal("slow", "s4")))
    assert not is_supported(_with(lucky, handles=handles), situation.truth)


def test_that_nothing_is_wrong_is_earned_by_somebody_found_healthy_alone():
    healthy = episode(step(ProbeDo("endpoints", "s4"), signal("slow", "s7"), signal("healthy", "s4")))
    assert is_supported(healthy, NOTHING)
    assert not is_supported(episode(step(ProbeDo("endpoints", "s4"), signal("slow", "s4"))), NOTHING)
    assert not is_supported(episode(step(SubmitDo("no"))), NOTHING)


def test_only_an_earned_success_verifies_a_plan(situation):
    cause, culprit = situation.truth.cause, situation.truth.component
    seen = episode(step(ProbeDo("endpoints", "s4"), signal(cause, "s4")))
    earned = _with(seen, handles={**seen.content.handles, "s4": culprit})
    hint = plan("probe endpoints s4")
    passed = verified(hint, earned, situation.truth)
    assert (passed.status, passed.verified_by) == ("verified", earned.content.digest())
    failed = _with(earned, outcome=earned.content.outcome.model_copy(update={"success": False}))
    assert verified(hint, failed, situation.truth) == hint
    assert verified(hint, _with(earned, handles={"s4": "elsewhere"}), situation.truth) == hint


def test_a_stored_example_of_the_former_version_says_what_it_is_when_it_is_read():
    (point,) = prompt_examples([episode(step(SubmitDo("no")), success=False)], PROMPTER)
    old = point.model_dump(mode="json", exclude={"target"}) | {"schema_version": 1, "source": "success"}
    assert TrainingExample.model_validate(old) == point
    imitated = old | {"target_ids": [7, 1], "step": 1, "commands": ['{"sum":"none"}']}
    read = TrainingExample.model_validate(imitated)
    assert (read.source, read.target_ids, read.target, read.schema_version) == ("success", (7, 1), None, 3)
    assert read.commands == ('{"sum":"none"}',)


def _with(trajectory, **changes):
    return trajectory.model_copy(update={"content": trajectory.content.model_copy(update=changes)})


def test_a_success_rests_on_evidence_if_its_cause_was_seen_or_health_was() -> None:
    def answered(*signals: Signal, **fields: str) -> Trajectory:
        made = episode(step(ProbeDo("logs", "s4"), *signals), step(SubmitDo("yes", "s4", "targetport")))
        answer = made.content.answer.model_copy(update=fields)
        return made.model_copy(update={"content": made.content.model_copy(update={"answer": answer})})

    assert rests_on_evidence(answered(signal("targetport", "s4")))
    assert not rests_on_evidence(answered(signal("refused", "s4")))
    assert not rests_on_evidence(answered(signal("targetport", "s7")))
    assert rests_on_evidence(answered(signal("healthy", "s1"), verdict="no_fault"))
    assert not rests_on_evidence(answered(signal("refused", "s1"), verdict="no_fault"))
