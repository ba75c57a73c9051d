"""A policy that is told until when an answer is of use leaves off then, whatever its server does."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from aoi.agents.deadline import Deadline, TimeIsUp
from aoi.agents.policy import TimedPolicy, Turn
from aoi.errors import ServerUnavailable
from aoi.records.learning import TrainingExample
from models.policies.in_process import InProcessPolicy
from models.policies.server import ModelServer, Served, ServedPolicy, ServerSettings
from tests.models.talking_server import completion, talking

TURNS = [Turn("observer", (5, 6), 8, 0.0, number) for number in range(3)]
BARE = Served("base", "base:" + "0" * 64)
GENEROUS_S = 10.0
"""For what should take a moment, on a machine that is busy."""


def silent(body: dict[str, Any], is_over: threading.Event) -> bytes:
    is_over.wait(60)
    return b"{}"


def served(url: str, **changes: Any) -> ServedPolicy:
    return ServedPolicy(ModelServer(ServerSettings(url=url, timeout_s=60, **changes)), {}, BARE)


def test_both_policies_can_be_told_until_when(base: Path) -> None:
    assert isinstance(InProcessPolicy(base), TimedPolicy)
    assert isinstance(served("http://127.0.0.1:9"), TimedPolicy)


def test_a_server_that_says_nothing_is_left_at_the_deadline() -> None:
    began = time.monotonic()
    with talking(silent) as server, pytest.raises(TimeIsUp) as up:
        served(server.url).generate_within(TURNS, Deadline(0.3))
    assert up.value.ended == "deadline"
    assert time.monotonic() - began < GENEROUS_S


def test_a_server_that_says_nothing_is_left_when_whoever_asked_cancels() -> None:
    is_cancelled = threading.Event()

    def clock() -> float:
        return float("inf") if is_cancelled.is_set() else time.monotonic()

    began = time.monotonic()
    with talking(silent) as server:
        threading.Timer(0.3, is_cancelled.set).start()
        with pytest.raises(TimeIsUp) as up:
            served(server.url).generate_within(TURNS, Deadline(60, clock))
    assert up.value.ended == "cancelled"
    assert time.monotonic() - began < GENEROUS_S


def test_a_server_that_answers_in_time_is_heard_in_order() -> None:
    def echo(body: dict[str, Any], is_over: threading.Event) -> bytes:
        time.sleep(0.05 * (3 - body["seed"]))
        return completion(body["seed"])

    with talking(echo) as server:
        answers = served(server.url).generate_within(TURNS, Deadline(GENEROUS_S))
    assert [answer.token_ids for answer in answers] == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>log in</html>", b"[]", b'{"choices":[]}', b'{"choices":[{"token_ids":"x"}]}', b'{"choices":[7]}',
     json.dumps({"choices": [{"token_ids": [[1]]}]}).encode(), b"[" * 100_000],
    ids=["nothing", "a page", "a list", "no choice", "no numbers", "no object", "numbers in lists", "depth"],
)  # fmt: skip
def test_what_is_no_completion_is_an_error_that_may_pass(body: bytes) -> None:
    with talking(lambda asked, is_over: body) as server, pytest.raises(ServerUnavailable, match="is no model server"):
        served(server.url).generate(TURNS[:1])


def test_the_engine_of_this_process_stops_between_two_tokens(base: Path, examples: list[TrainingExample]) -> None:
    ticks = iter(range(1_000))
    turn = Turn("observer", examples[0].prompt_ids, 32, 1.0, 0)
    with pytest.raises(TimeIsUp):
        InProcessPolicy(base).generate_within([turn], Deadline(3, lambda: float(next(ticks))))
    assert next(ticks) < 20
