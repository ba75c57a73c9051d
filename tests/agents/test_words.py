"""What a chat model says around its decisions is kept, comes back to it, and reaches those who carry them out."""

import json
from dataclasses import replace

import pytest

from aoi.agents.episode import run_episode
from aoi.agents.rollout import rollout
from aoi.language.layouts import CHAT, agrees
from aoi.language.narration import said
from aoi.language.profile import SEED_PROFILE, PromptProfile
from aoi.records.decision import Decision, ExecDo, Finding, Handover, Hypothesis, Note, ProbeDo, SubmitDo, Words
from aoi.records.episode import Step, Trajectory
from tests.agents.test_episode import ROOMY, Says, Utf8Codec, build, command, run, spoken

CODEC = Utf8Codec()
SUSPECT = Hypothesis("geo", "its Service targets a wrong port", "connections are refused", "it was well", 0.6)
LOOK = Words("search is refused by geo.", (SUSPECT,), Handover("whether the ports agree", ("rate",)))
ANSWER = Words(
    "the Service targets 9999.", (replace(SUSPECT, probability=0.9),), Handover("the ports differ", cause=SUSPECT.cause)
)


@pytest.fixture(scope="module")
def asked() -> tuple[list[str], Trajectory]:
    """The prompts of an episode of one look, and its record."""
    policy = Says(
        spoken(ProbeDo("endpoints", "geo"), words=LOOK),
        command("kubectl get endpoints geo"),
        command("done"),
        spoken(SubmitDo("yes", "geo", "targetport"), cause=Finding("targetport", "geo"), words=ANSWER),
        codec=CODEC,
    )
    trajectory = run(build("wrong_target_port"), policy, profile=ROOMY, codec=CODEC)
    assert trajectory.content.ended == "submitted"
    return policy.asked, trajectory


def test_words_are_recorded_with_the_decision_that_they_came_to(asked: tuple[list[str], Trajectory]) -> None:
    first, last = asked[1].content.steps
    assert first.decided is not None
    assert last.decided is not None
    assert (first.decided.words, last.decided.words) == (LOOK, ANSWER)
    assert (last.decided.cause, last.decided.do) == (
        Finding("targetport", "geo"),
        SubmitDo("yes", "geo", "targetport"),
    )
    assert all(map(agrees, asked[1].content.steps))
    assert Trajectory.from_bytes(asked[1].to_bytes()) == asked[1]


def test_the_observer_is_told_what_it_wrote_held_possible_and_wanted_to_know(
    asked: tuple[list[str], Trajectory],
) -> None:
    prompts, trajectory = asked
    later = trajectory.content.steps[1].state
    assert later is not None
    assert later.notes == (Note(None, LOOK.observation),)
    assert later.believed == (SUSPECT,)
    for told in (LOOK.observation, f"geo: {SUSPECT.cause} (60%)", f"probe endpoints of geo: {LOOK.handover.why}"):
        assert told not in prompts[0]
        assert told in prompts[-1]


def test_the_observer_may_use_the_names_of_all_components(asked: tuple[list[str], Trajectory]) -> None:
    names = set(asked[1].content.handles.values())
    (line,) = (line for line in asked[0][0].splitlines() if line.startswith("Components: "))
    assert set(line.removeprefix("Components: ").split(", ")) == names


def test_the_probe_is_told_what_the_look_is_for(asked: tuple[list[str], Trajectory]) -> None:
    assert f"Purpose: {LOOK.handover.why}" in asked[0][1]
    assert "Look at these, too: rate" in asked[0][1]


def test_the_executor_is_told_what_the_change_puts_right_and_what_to_do_if_it_does_not() -> None:
    told = Handover(cause="a wrong port", change="target 8083", verification="search connects", fallback="look again")
    act = json.dumps({"reason": "", "action": "restart", "target": "geo"})
    policy = Says(spoken(ExecDo("restart", "geo"), words=Words("", (), told)), act, spoken(SubmitDo("no")), codec=CODEC)
    run(build("wrong_target_port", "mitigation"), policy, profile=ROOMY, codec=CODEC)
    for text in (told.cause, told.change, told.verification, told.fallback):
        assert text in policy.asked[1]


def test_the_answer_says_the_cause_and_the_reason_in_the_models_words(asked: tuple[list[str], Trajectory]) -> None:
    answer = asked[1].content.answer
    assert answer is not None
    assert (answer.cause, answer.summary) == ("targetport", f"{SUSPECT.cause}: the ports differ")


def test_an_episode_is_replayed_with_its_words(asked: tuple[list[str], Trajectory]) -> None:
    steps = asked[1].content.steps
    given = [step.decided for step in steps if step.decided]
    again = rollout(
        [
            run_episode(
                build("wrong_target_port"),
                profile=ROOMY,
                codec=CODEC,
                arm="replay",
                bundle="replay",
                rollout_seed=0,
                prefix=given,
            )
        ],
        Says(""),
    )[0]
    assert [step.decided for step in again.content.steps] == given
    assert all(map(agrees, again.content.steps))
    state, before = again.content.steps[1].state, steps[1].state
    assert state is not None
    assert before is not None
    assert (state.notes, state.believed, state.handover) == (before.notes, before.believed, before.handover)


def test_people_read_what_was_said_under_the_step(asked: tuple[list[str], Trajectory]) -> None:
    first, last = (list(said(step)) for step in asked[1].content.steps)
    assert first == [
        f"saw in it: {LOOK.observation}",
        f"possible, 60%: geo: {SUSPECT.cause}",
        "  for: connections are refused",
        "  against: it was well",
        "why: whether the ports agree",
        "looks, too, at: rate",
    ]
    assert f"cause: {SUSPECT.cause}" in last


def test_a_step_of_a_former_version_says_nothing_in_words_and_is_written_as_it_was(
    asked: tuple[list[str], Trajectory],
) -> None:
    step = asked[1].content.steps[1]
    with pytest.raises(ValueError, match="before version 5"):
        Step.model_validate({**step.model_dump(), "schema_version": 4})
    assert step.state is not None
    assert step.decided is not None
    bare = replace(step.state, components=(), notes=(), believed=(), handover=Handover())
    former = step.model_copy(update={"schema_version": 4, "state": bare, "decided": replace(step.decided, words=None)})
    written = former.to_bytes()
    for name in (b'"words"', b'"notes"', b'"believed"', b'"components"', b'"handover"', b'"changed"'):
        assert name not in written
    assert Step.from_bytes(written) == former
    assert Step.from_bytes(written).to_bytes() == written


def test_a_profile_of_the_first_version_keeps_its_digest() -> None:
    fields = ROOMY.model_dump(exclude={"components", "thinks"}) | {"schema_version": 1}
    former = PromptProfile.model_validate(fields)
    assert b'"thinks"' not in former.to_bytes()
    assert PromptProfile.from_bytes(former.to_bytes()).digest() == former.digest()
    with pytest.raises(ValueError, match="version 1"):
        PromptProfile.model_validate(fields | {"thinks": True})


def test_a_profile_or_a_step_of_a_former_version_tells_nothing_of_what_was_changed_apart(
    asked: tuple[list[str], Trajectory],
) -> None:
    fields = SEED_PROFILE.model_dump(exclude={"tells_changed"}) | {"schema_version": 2}
    former = PromptProfile.model_validate(fields)
    assert b'"tells_changed"' not in former.to_bytes()
    assert PromptProfile.from_bytes(former.to_bytes()) == former
    with pytest.raises(ValueError, match="version 2 knows no tells_changed"):
        PromptProfile.model_validate(fields | {"tells_changed": True})
    step = asked[1].content.steps[1]
    assert step.state is not None
    told = step.model_copy(update={"state": replace(step.state, changed=(Finding("targetport", "geo"),))})
    with pytest.raises(ValueError, match="before version 6"):
        Step.model_validate({**told.model_dump(), "schema_version": 5})


def test_a_decision_without_words_is_said_in_plain_ones() -> None:
    decision = Decision(
        Finding("refused", "search", "geo"), "point", Finding("targetport", "geo"), 6, ProbeDo("logs", "geo")
    )
    told = json.loads(CHAT.say(decision))
    assert told["observation"] == "search calls geo: connections to it are refused."
    assert told["hypotheses"][0]["cause"] == "its Service targets a port that its pods do not serve"
    assert told["hypotheses"][0]["probability"] == 65
