"""What an episode does for whoever waits for it: it tells, it counts, it ends in time, and it always answers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from aoi.access.transport import ReadRequest, Response
from aoi.agents.deadline import Deadline
from aoi.agents.episode import run_episode
from aoi.agents.policy import Generation, Turn
from aoi.agents.rollout import follow, rollout
from aoi.errors import ClusterUnavailable, ServerUnavailable
from aoi.language.profile import SEED_PROFILE
from aoi.records.decision import Finding, ProbeDo, SubmitDo
from aoi.records.episode import BROKEN_OFF, Trajectory, TrajectoryContent
from aoi.records.event import Event
from tests.agents.test_episode import (
    CODEC,
    ROOMY,
    Says,
    Utf8Codec,
    build,
    command,
    decision,
    golden,
    look,
    run,
    spoken,
)

NEVER = 1e9


def told_of(situation: Any, policy: Any, **options: Any) -> tuple[list[Event], Trajectory]:
    events: list[Event] = []
    return events, run(situation, policy, tell=events.append, **options)


def followed(situation: Any, policy: Any, deadline: Deadline, **options: Any) -> Trajectory:
    settings = {"profile": SEED_PROFILE, "codec": CODEC, "arm": "test", "bundle": "b", "rollout_seed": 0, **options}
    return follow(run_episode(situation, deadline=deadline, **settings), policy, deadline)


def ticking(until: int) -> Deadline:
    """Over after it was asked about so many times."""
    ticks = itertools.count()
    return Deadline(until, lambda: float(next(ticks)))


class Broken:
    """Says what it is given, then breaks."""

    def __init__(self, error: Exception, *texts: str) -> None:
        self.error, self.texts = error, list(texts)

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        if not self.texts:
            raise self.error
        return [Generation(CODEC.encode_completion(self.texts.pop(0)), None, "test") for _ in turns]


PODS = '{"cmd":" kubectl pods s32"}'


class ByRole:
    """An Observer that decides one thing after another, the last one for ever, and a Probe that runs one line."""

    def __init__(self, *decided: str) -> None:
        *self.decided, self.line = decided

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        return [Generation(CODEC.encode_completion(self._said(turn.role)), None, "test") for turn in turns]

    def _said(self, role: str) -> str:
        if role == "probe":
            return self.line
        return self.decided.pop(0) if len(self.decided) > 1 else self.decided[0]


@dataclass
class Unreadable:
    """A situation whose cluster stops answering after so many reads."""

    situation: Any
    reads: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.situation, name)

    def read_transport(self) -> "Unreadable":
        return self

    def read(self, request: ReadRequest) -> Response:
        self.reads -= 1
        if self.reads < 0:
            raise ClusterUnavailable("connection reset by peer, password=hunter22")
        return self.situation.read_transport().read(request)


# ---------------------------------------------------------------- events


def test_an_episode_tells_what_it_asks_suspects_runs_and_sees_in_the_order_in_which_it_does() -> None:
    situation = build("memory_limit")
    events, trajectory = told_of(situation, golden(situation))
    kinds = [event.event for event in events]
    assert kinds[:4] == ["asked", "suspects", "asked", "ran"]
    assert kinds[-3:] == ["asked", "suspects", "stopped"]
    assert "saw" in kinds
    ran = [event for event in events if event.event == "ran"]
    done = [part for step in trajectory.content.steps for part in step.interactions]
    assert [(event.command, event.status, event.bytes) for event in ran] == [
        (part.command, part.status, part.observation_bytes) for part in done
    ]
    assert {event.step for event in events if event.event != "stopped"} == {
        step.index + 1 for step in trajectory.content.steps
    }
    suspected = [event.component for event in events if event.event == "suspects"]
    assert situation.truth.component in suspected


def test_whoever_watches_changes_nothing() -> None:
    _, watched = told_of(build("memory_limit"), golden(build("memory_limit")))
    assert watched.content.digest() == run(build("memory_limit"), golden(build("memory_limit"))).content.digest()


def test_texts_in_events_are_redacted_and_on_one_line() -> None:
    situation = build("wrong_selector")
    name, codec = situation.truth.component, Utf8Codec()
    texts = (
        spoken(ProbeDo("pods", name)),
        command("kubectl get pods --token=abcdef0123456789 [red]\nsecond"),
        command("done"),
        spoken(SubmitDo("no")),
    )
    events, _ = told_of(situation, Says(*texts, codec=codec), profile=ROOMY, codec=codec)
    (ran,) = (event for event in events if event.event == "ran")
    assert ran.status == "refused"
    assert "abcdef0123456789" not in ran.command
    assert "\n" not in ran.command
    assert "[red]" in ran.command


# ---------------------------------------------------------------- an answer, whatever ends it


@pytest.mark.parametrize(
    ("policy", "profile", "ended"),
    [
        (Says("{}"), {}, "malformed"),
        (Says(decision(SubmitDo("no"))), {"iterations": 1}, "submitted"),
        (ByRole(decision(ProbeDo("pods", "s32")), PODS), {"iterations": 2}, "steps"),
        (ByRole(decision(ProbeDo("pods", "s32")), PODS), {"episode_tokens": 10}, "tokens"),
    ],
    ids=["malformed", "submitted", "steps", "tokens"],
)
def test_an_episode_answers_however_it_ends(policy: Any, profile: dict[str, Any], ended: str) -> None:
    content = run(build("memory_limit"), policy, profile=SEED_PROFILE.model_copy(update=profile)).content
    assert content.ended == ended
    assert content.answer is not None
    assert (content.answer.verdict == "inconclusive") == (ended != "submitted")
    assert not content.outcome.success
    if ended != "submitted":
        assert content.answer.summary.startswith("the episode ended before it answered: ")
        assert content.answer.next
        assert content.answer.coverage is not None
        assert content.answer.coverage.looked


@pytest.mark.parametrize("kind", ["detection", "localization"])
def test_healthy_applications_are_not_won_by_an_answer_that_nobody_gave(kind: str) -> None:
    content = run(build("no_fault", kind), Says("{}")).content
    assert content.answer is not None
    assert content.answer.verdict == "inconclusive"
    assert not content.outcome.success
    assert not content.outcome.aiopslab_success


def test_without_any_decision_the_evidence_is_what_the_survey_showed() -> None:
    situation = build("memory_limit")
    seen: dict[str, Any] = {}
    content = run(situation, Says("{}"), keep=lambda kept: seen.update({kept.digest: kept})).content
    assert content.answer is not None
    assert content.answer.evidence
    assert all(signal.citation and signal.citation.observation in seen for signal in content.answer.evidence)


def test_a_policy_that_breaks_in_the_middle_leaves_what_was_believed() -> None:
    situation = build("memory_limit")
    handle = look(situation, "network", "frontend").target
    first = decision(ProbeDo("network", handle), cause=Finding("tls", handle))
    policy = Broken(ServerUnavailable("gone, password=hunter22"), first, f'{{"cmd":" kubectl network {handle}"}}')
    content = followed(situation, policy, Deadline(NEVER)).content
    assert (content.ended, content.outcome.success) == ("error", False)
    assert content.answer is not None
    assert (content.answer.verdict, content.answer.component) == ("inconclusive", "frontend")
    assert "ServerUnavailable" in content.answer.summary
    assert "hunter22" not in content.to_bytes().decode()
    assert len(content.steps) == 1


def test_a_policy_that_never_answered_is_its_callers_to_handle() -> None:
    with pytest.raises(ServerUnavailable, match="gone"):
        followed(build("memory_limit"), Broken(ServerUnavailable("gone")), Deadline(NEVER))


@pytest.mark.parametrize("cancel", [False, True], ids=["deadline", "cancelled"])
def test_time_that_ends_leaves_a_partial_answer_and_no_grade(cancel: bool) -> None:
    situation = build("memory_limit")
    ticks = itertools.count()
    deadline = Deadline(5, lambda: float("inf") if cancel and next(ticks) > 5 else float(next(ticks)))
    content = followed(situation, golden(situation), deadline).content
    assert content.ended == ("cancelled" if cancel else "deadline")
    assert content.ended in BROKEN_OFF
    assert content.answer is not None
    assert content.answer.verdict == "inconclusive"
    assert not content.outcome.success
    assert content.error is None


def test_an_iteration_that_time_ends_is_kept_with_what_was_done_of_it() -> None:
    situation = build("memory_limit")
    lengths = set()
    for until in range(4, 16):
        content = followed(situation.fork(), golden(situation), ticking(until)).content
        if content.steps and content.ended == "deadline":
            lengths.add((content.steps[-1].status, len(content.steps[-1].interactions) > 0))
    assert ("budget", True) in lengths


def test_a_cluster_that_does_not_answer_costs_a_line_and_not_the_episode() -> None:
    healthy = Unreadable(build("memory_limit"), 10**6)
    wanted = look(healthy, "pods", "frontend")
    texts = (decision(wanted), decision(SubmitDo("unsure")), f'{{"cmd":" kubectl pods {wanted.target}"}}')
    run(healthy, ByRole(*texts))
    before = 10**6 - healthy.reads
    lost = run(Unreadable(build("memory_limit"), before - 1), ByRole(*texts)).content
    assert lost.ended == "submitted"
    failed = [part for part in lost.steps[0].interactions if part.status == "failed"]
    assert failed
    assert "hunter22" not in lost.to_bytes().decode()


# ---------------------------------------------------------------- costs


def test_what_each_agent_cost_adds_up_to_what_was_said_and_read() -> None:
    situation = build("memory_limit")
    trajectory = run(situation, golden(situation))
    costs = {cost.role: cost for cost in trajectory.content.costs}
    said = [part for step in trajectory.content.steps for part in step.utterances]
    for role in ("observer", "probe"):
        mine = [part for part in said if part.role == role]
        assert costs[role].calls == len(mine)
        assert costs[role].prompt_tokens == sum(len(part.prompt_ids) for part in mine)
        assert costs[role].completion_tokens == sum(len(part.completion_ids) for part in mine)
    assert sum(cost.prompt_tokens + cost.completion_tokens for cost in costs.values()) == trajectory.content.tokens
    assert costs["survey"].requests > 0
    assert costs["probe"].requests > 0
    assert costs["probe"].bytes > 0
    assert costs["observer"].requests == 0
    assert set(trajectory.provenance.spent_ms) >= {"survey", "observer", "probe", "compressor"}


def test_costs_are_part_of_what_the_seed_determines_and_time_is_not() -> None:
    first, second = (run(build("memory_limit"), golden(build("memory_limit"))) for _ in range(2))
    assert first.content.costs == second.content.costs
    assert first.content.digest() == second.content.digest()
    assert b"spent_ms" not in first.content.to_bytes()


def test_an_episode_of_version_1_is_written_as_it_was_read() -> None:
    modern = run(build("memory_limit"), Says("{}")).content
    fields = modern.model_dump(mode="json") | {"schema_version": 1}
    with pytest.raises(ValueError, match="version 1 has"):
        TrajectoryContent(**fields)
    del fields["costs"]
    assert b'"costs"' not in TrajectoryContent(**fields).to_bytes()


# ---------------------------------------------------------------- what the runtime says to a model


def prompts(situation: Any, *texts: str, **profile: Any) -> list[str]:
    codec = Utf8Codec()
    policy = Says(*texts, codec=codec)
    run(situation, policy, profile=ROOMY.model_copy(update=profile), codec=codec)
    return policy.asked


def test_a_malformed_answer_is_explained_once_and_costs_a_turn() -> None:
    situation = build("wrong_selector")
    wrong, again = "I think it is the pods.", spoken(ProbeDo("pods", "nobody"))
    asked = prompts(situation, wrong, again, spoken(SubmitDo("no")))
    assert "Notice" not in asked[0]
    assert "Notice: your last answer was no decision: " in asked[1]
    assert "found no JSON object" in asked[1]
    assert "Notice" not in asked[2]
    seen_again = asked[1].partition("Notice: ")[0].strip().replace("left: 14", "left: 15")
    assert seen_again in asked[0], "who tries again decides about what it saw before"
    left = [text.partition("Iterations left: ")[2].partition("\n")[0] for text in asked]
    assert left == ["15", "14", "13"]


def test_limits_that_were_met_are_told() -> None:
    situation = build("wrong_selector")
    name = situation.truth.component
    line = command(f"kubectl get deployment/{name} -o json -n {situation.namespace}")
    texts = (spoken(ProbeDo("pods", name)), line, line, line, spoken(SubmitDo("no")))
    asked = prompts(situation, *texts, observation_bytes=300)
    assert "was cut to 300 bytes" in asked[-1]
    assert "the Probe has used its 3 rounds" in asked[-1]
    used = sum(map(len, asked[:-1]))
    tight = prompts(situation, *texts, episode_tokens=used * 11 // 10)
    assert "tokens are left: submit" in tight[-1]
    assert "tokens are left" not in asked[-1]


def test_the_probe_is_told_why_its_line_came_to_nothing() -> None:
    situation = build("wrong_selector")
    texts = (spoken(ProbeDo("pods", situation.truth.component)), command("kubectl delete pods"), "what?",
             command("done"), spoken(SubmitDo("no")))  # fmt: skip
    asked = prompts(situation, *texts)
    assert "Notice: your last answer came to nothing: " in asked[2]
    assert "found no JSON object" in asked[3]


def test_the_seed_layout_has_no_word_for_any_of_it() -> None:
    situation = build("memory_limit")
    trajectory = run(situation, Says("{}", decision(SubmitDo("no"))))
    assert all(step.state is not None and step.state.notice == "" for step in trajectory.content.steps)
    assert len(rollout([], golden(situation))) == 0
