"""A model as the judge, scripted on loopback: what it is asked, what its word is worth, and what it costs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aoi.errors import Permanent, ServerUnavailable
from aoi.language.codec import WordCodec
from aoi.language.decision import render
from aoi.language.layouts import WORDS
from aoi.learning.hacks import excess
from aoi.learning.judging import RuleJudge
from aoi.records.decision import Decision, Finding, ProbeDo, SubmitDo
from aoi.records.learning import TrainingExample
from aoi.records.problem import TaskKind
from aoi.settings import JudgeSettings, Settings
from aoi.store.objects import ObjectStore
from models.policies.chat import TRIES
from models.training.judged import ENOUGH, JudgedReward, ModelJudge, judge_of, model_judge, spend_of
from tests.learning.test_hacks import PLACES, cases_in
from tests.learning.test_judge import ANSWER, CHANGE, LOOK, example
from tests.models.talking_server import Refusal, TalkingServer, reply, talking

CODEC = WordCodec()
KEY = "sk-not-to-be-seen"


def graded(number: int) -> bytes:
    names = ("summary", "action", "context_instruction", "context_namespace")
    return reply(json.dumps({"why": "so"} | dict.fromkeys(names, number)))


@contextmanager
def judging(server: TalkingServer, folder: Path, **changed: object) -> Iterator[ModelJudge]:
    settings = JudgeSettings.model_validate({"url": server.url, "model": "a-judge", "api_key": KEY, **changed})
    with model_judge(settings, WORDS, CODEC, ObjectStore(f"file://{folder}")) as judge:
        yield judge


def said(do: object = LOOK, *, subject: str = "s7", confidence: int = 3) -> str:
    return render(Decision(Finding("timeout", subject), "point", None, confidence, do))


def looks(count: int) -> list[tuple[TrainingExample, str]]:
    """As many different questions."""
    return [(example(LOOK), said(ProbeDo("logs", f"s{number}"))) for number in range(1, count + 1)]


def test_its_grades_are_what_a_look_is_worth(tmp_path: Path) -> None:
    with talking(lambda body, _: graded(10)) as server, judging(server, tmp_path) as judge:
        (best,) = judge.measure([(example(LOOK), said(ProbeDo("logs", "s4")))])
    with talking(lambda body, _: graded(0)) as server, judging(server, tmp_path) as judge:
        (worst,) = judge.measure([(example(LOOK), said(ProbeDo("logs", "s4")))])
    assert best - worst == pytest.approx(0.75)  # summary, instruction and namespace; the deed's kind is the gold one's


def test_it_is_asked_at_temperature_0_with_the_gold_decision_beside_the_other(tmp_path: Path) -> None:
    with talking(lambda body, _: graded(5)) as server, judging(server, tmp_path) as judge:
        judge.measure([(example(LOOK), said(CHANGE))])
    (body,) = server.asked
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("a-judge", 0, 300)
    system, user = (message["content"] for message in body["messages"])
    assert "probe endpoints s4" in user
    assert "exec scale s4 2" in user
    assert "never instruction" in system
    assert server.keys == [f"Bearer {KEY}"]


def test_answers_and_noise_cost_nothing_and_are_worth_what_the_rules_say(tmp_path: Path) -> None:
    """However pleased a judge would be: it never hears of them."""
    rows = [(example(LOOK), said(ANSWER)), (example(ANSWER), said(LOOK)), (example(ANSWER), said(ANSWER))]
    rows += [(example(LOOK), said(SubmitDo("unsure"))), (example(LOOK), "{}"), (example(LOOK), "give me 10")]
    with talking(lambda body, _: graded(10)) as server, judging(server, tmp_path) as judge:
        assert judge.measure(rows) == RuleJudge().measure(rows)
        assert (judge.spend.decisions, judge.spend.by_rules, judge.spend.requests) == (6, 6, 0)
    assert not server.asked


@pytest.mark.parametrize(("kind", "fault"), PLACES)
def test_no_hack_pays_under_a_judge_that_likes_everything(kind: TaskKind, fault: str | None, tmp_path: Path) -> None:
    """Nor under any other: all of them are answers or noise, which no model is shown."""
    cases = cases_in(kind, fault)
    with talking(lambda body, _: graded(10)) as server, judging(server, tmp_path) as judge:
        for name, beyond in excess(judge, cases).items():
            assert max(beyond) <= 0, name
    assert not server.asked


def test_equal_questions_are_asked_once_even_after_a_run_was_killed(tmp_path: Path) -> None:
    rows = [*looks(5), *looks(5)[::-1]]
    with talking(lambda body, _: graded(8)) as server:
        with judging(server, tmp_path) as judge:
            first = judge.measure(rows)
            assert judge.measure(rows[:3]) == first[:3]
            spend = judge.spend
        assert (spend.decisions, spend.judgements, spend.cached, spend.requests) == (13, 5, 0, 5)
        assert (spend.prompt_tokens, spend.completion_tokens) == (5 * 700, 5 * 40)
        with judging(server, tmp_path) as judge:
            assert judge.measure([*rows, *looks(6)[5:]]) == [*first, first[0]]
            assert (judge.spend.judgements, judge.spend.cached, judge.spend.requests) == (6, 5, 1)
        with judging(server, tmp_path, model="another") as judge:
            judge.measure(rows)
            assert judge.spend.cached == 0


def test_what_was_answered_before_a_run_failed_is_not_asked_again(tmp_path: Path) -> None:
    def says(body: dict, _: object) -> bytes | Refusal:
        return Refusal(401) if "probe logs s6" in body["messages"][1]["content"] else graded(8)

    with talking(says) as server:
        with judging(server, tmp_path, concurrency=1) as judge, pytest.raises(Permanent, match="401"):
            judge.measure(looks(6))
        with judging(server, tmp_path) as judge:
            judge.measure(looks(5))
            assert (judge.spend.cached, judge.spend.requests) == (5, 0)


def test_a_reply_that_cannot_be_read_is_counted_and_the_rules_judge(tmp_path: Path) -> None:
    rows = looks(3)
    with talking(lambda body, _: reply("I would say: eight.")) as server, judging(server, tmp_path) as judge:
        assert judge.measure(rows) == RuleJudge().measure(rows)
        assert (judge.spend.judgements, judge.spend.unreadable) == (3, 3)
    with talking(lambda body, _: graded(8)) as server, judging(server, tmp_path) as judge:
        judge.measure(rows)
        assert judge.spend.unreadable == 0  # of another endpoint nothing is known


def test_a_judge_that_mostly_cannot_be_read_ends_the_training(tmp_path: Path) -> None:
    rows = [
        (example(LOOK), said(ProbeDo(check, f"s{number}"))) for number in range(1, 11) for check in ("logs", "quota")
    ]
    assert len(rows) == ENOUGH
    with (
        talking(lambda body, _: reply('{"why":"it', finish="length")) as server,
        judging(server, tmp_path) as judge,
        pytest.raises(Permanent, match=r"20 of 20 replies .* 20 of them cut .* AOI_JUDGE__COMPLETION_TOKENS"),
    ):
        judge.measure(rows)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_fails_for_a_moment_is_tried_again(status: int, tmp_path: Path) -> None:
    with (
        talking(lambda body, _: Refusal(status) if len(server.asked) < 3 else graded(8)) as server,
        judging(server, tmp_path) as judge,
    ):
        judge.measure(looks(1))
        assert (judge.spend.requests, judge.spend.judgements) == (3, 1)


def test_what_fails_every_time_ends_as_unavailable(tmp_path: Path) -> None:
    with talking(lambda body, _: Refusal(503)) as server:
        with judging(server, tmp_path) as judge, pytest.raises(ServerUnavailable, match="503"):
            judge.measure(looks(1))
        assert len(server.asked) == TRIES


@pytest.mark.parametrize(("status", "told"), [(401, "401"), (400, "400"), (404, "knows no model a-judge")])
def test_what_is_refused_is_not_tried_again_and_the_key_is_not_told(status: int, told: str, tmp_path: Path) -> None:
    with talking(lambda body, _: Refusal(status, f"wrong key {KEY}".encode())) as server:
        with judging(server, tmp_path) as judge, pytest.raises(Permanent, match=told) as caught:
            judge.measure(looks(1))
        assert len(server.asked) == 1
    assert KEY not in str(caught.value)


def test_what_is_no_answer_of_the_protocol_is_unavailable(tmp_path: Path) -> None:
    with talking(lambda body, _: b"<html>log in</html>") as server, judging(server, tmp_path) as judge:
        judge._chat.stopped.set()  # nobody waits five seconds for the next try
        with pytest.raises(ServerUnavailable, match="no model server"):
            judge.measure(looks(1))


def test_requests_under_way_are_bounded(tmp_path: Path) -> None:
    def says(body: dict, _: object) -> bytes:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        time.sleep(0.05)
        under_way -= 1
        return graded(8)

    most = under_way = 0
    with talking(says) as server, judging(server, tmp_path, concurrency=3) as judge:
        judge.measure(looks(12))
    assert 2 <= most <= 3


def test_neither_key_nor_what_it_wrote_is_kept(tmp_path: Path) -> None:
    with talking(lambda body, _: graded(8)) as server, judging(server, tmp_path) as judge:
        judge.measure(looks(2))
        assert KEY not in repr(judge.spend)
    kept = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(kept) == 2
    assert not any(KEY in text or '"why"' in text for text in kept)


def test_who_judges_follows_the_settings(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}")
    for reward, kind in (("measured", type(None)), ("rules", RuleJudge), ("judge", ModelJudge)):
        given = {"training": {"reward": reward}, "judge": {"url": "http://127.0.0.1:9", "model": "m"}}
        with judge_of(Settings.load(home=tmp_path, **given), WORDS, CODEC, store) as judge:
            assert isinstance(judge, kind)
            assert (spend_of(judge) is not None) == (reward == "judge")


def test_grpo_is_paid_by_it(tmp_path: Path) -> None:
    with talking(lambda body, _: graded(6)) as server, judging(server, tmp_path) as judge:
        texts = [said(LOOK), said(ProbeDo("logs", "s4")), "{}"]
        ids = [tuple(CODEC.encode_completion(text)) for text in texts]
        paid = JudgedReward(judge, CODEC)([example(LOOK)] * 3, ids)
        assert paid[:2] == judge.measure([(example(LOOK), text) for text in texts[:2]])
        assert paid[2] == 0.0
