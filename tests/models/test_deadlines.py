"""A policy that is told until when an answer is of use leaves off then, whatever its server does."""

import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from aoi.agents.deadline import Deadline, TimeIsUp
from aoi.agents.policy import TimedPolicy, Turn
from aoi.errors import ServerUnavailable
from aoi.records.learning import TrainingExample
from models.policies.exchange import MAX_ANSWER_BYTES
from models.policies.in_process import InProcessPolicy
from models.policies.server import ModelServer, Served, ServedPolicy, ServerSettings
from tests.models.talking_server import PROMPT, completion, talking

TURNS = [Turn("observer", PROMPT, 8, 0.0, number) for number in range(3)]
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


@contextmanager
def sending(pieces: Iterable[bytes], pause_s: float) -> Iterator[str]:
    """The address of a server that answers every request with these pieces, with pauses between them."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # whoever asked goes away in the middle
            connection.recv(65_536)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause_s)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_one_request_ends_with_its_time_however_slowly_an_answer_comes() -> None:
    pieces = itertools.chain([HEAD + b"Content-Length: 500000\r\n\r\n"], itertools.repeat(b" ", 400))
    began = time.monotonic()
    with sending(pieces, 0.1) as url, pytest.raises(ServerUnavailable, match="does not answer"):
        ModelServer(ServerSettings(url=url, timeout_s=0.5)).names()
    assert time.monotonic() - began < GENEROUS_S


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
def test_an_answer_without_end_is_not_read_to_its_end(packed: bool) -> None:
    head = HEAD + (b"Content-Encoding: gzip\r\n" if packed else b"") + b"Connection: close\r\n\r\n"
    body = b" " * (4 * MAX_ANSWER_BYTES)
    pieces = [head, gzip.compress(body, 1)] if packed else [head, body]
    with sending(pieces, 0.0) as url, pytest.raises(ServerUnavailable, match="more than 16,777,216 bytes"):
        ModelServer(ServerSettings(url=url, timeout_s=60)).names()
