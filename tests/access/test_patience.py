"""Asking again: where it can help, within the budget, with waits that the seed fixes. No test waits."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.access.patience import (
    ATTEMPTS,
    BACKOFF_S,
    GIVE_UP,
    MAX_BACKOFF_S,
    RETRIES,
    Patience,
    Patient,
    retry_after_s,
)
from aoi.access.reading import READABLES
from aoi.access.transport import ReadRequest, ReadTransport, Response, TimedReadTransport
from aoi.errors import ClusterUnavailable

PODS = ReadRequest(READABLES["pods"].path("shop"))
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OK = Response(200, b"{}")


class Clock:
    """Time that passes by sleeping and by being asked something."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def patience(self, budget_s: float = 60, seed: int = 0) -> Patience:
        return Patience(budget_s, seed=seed, clock=lambda: self.now_s, sleep=self.sleep, now=lambda: NOW)


class Server:
    """Answers in the order given; the last one for ever."""

    def __init__(self, clock: Clock, *answers: Response | str, takes_s: float = 0.0) -> None:
        self.clock, self.answers, self.takes_s = clock, list(answers), takes_s
        self.allowed_s: list[float] = []

    def read(self, request: ReadRequest) -> Response:
        return self.read_within(request, float("inf"))

    def read_within(self, request: ReadRequest, timeout_s: float) -> Response:
        request.check()
        self.allowed_s.append(timeout_s)
        self.clock.now_s += min(self.takes_s, timeout_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise ClusterUnavailable(answer)
        return answer


def failed(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, b"why", "text/plain", headers or {})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(status: int) -> None:
    clock = Clock()
    patient = Patient(Server(clock, failed(status), "dropped", OK), clock.patience())
    assert patient.read(PODS) == OK
    trouble = "throttled" if status == 429 else "server error"
    assert patient.retried == {PODS.path: {trouble: 1, "no answer": 1}}


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 410, 422, 501, 507])
def test_what_another_attempt_would_not_change_is_the_answer(status: int) -> None:
    clock = Clock()
    server = Server(clock, failed(status), OK)
    patient = Patient(server, clock.patience())
    assert patient.read(PODS).status == status
    assert (len(server.allowed_s), clock.slept, patient.retried) == (1, [], {})


def test_a_refusal_of_the_transport_itself_is_final() -> None:
    clock = Clock()
    server = Server(clock, Response(502, b"a login page", is_final=True), OK)
    assert Patient(server, clock.patience()).read(PODS).status == 502
    assert clock.slept == []


@pytest.mark.parametrize(("last", "status"), [(failed(429), 429), (failed(503), 503), ("dropped", 0)])
def test_what_fails_in_the_end_fails_alone(last: Response | str, status: int) -> None:
    clock = Clock()
    patience = clock.patience()
    server = Server(clock, last)
    if status:
        assert Patient(server, patience).read(PODS).status == status
    else:
        with pytest.raises(ClusterUnavailable, match="dropped"):
            Patient(server, patience).read(PODS)
    assert len(server.allowed_s) == ATTEMPTS
    assert Patient(Server(clock, OK), patience).read(PODS) == OK


def test_waits_grow_with_jitter_that_the_seed_fixes() -> None:
    def waits(seed: int) -> list[float]:
        clock = Clock()
        Patient(Server(clock, failed(503)), clock.patience(seed=seed)).read(PODS)
        return clock.slept

    assert waits(1) == waits(1) != waits(2)
    for number, wait_s in enumerate(waits(1)):
        most_s = min(MAX_BACKOFF_S, BACKOFF_S * 2**number)
        assert most_s / 2 <= wait_s <= most_s


def test_no_attempt_outlasts_the_budget_and_none_begins_after_it() -> None:
    clock = Clock()
    patience = clock.patience(budget_s=10)
    server = Server(clock, "timed out", takes_s=7)
    with pytest.raises(ClusterUnavailable, match="timed out"):
        Patient(server, patience, request_s=7).read(PODS)
    assert server.allowed_s[0] == 7
    assert server.allowed_s[1] == pytest.approx(3 - clock.slept[0])
    assert (len(server.allowed_s), patience.left_s) == (2, 0)
    with pytest.raises(ClusterUnavailable, match="not asked, the budget of 10 s is spent"):
        Patient(server, patience).read(PODS)
    assert len(server.allowed_s) == 2


def test_retry_after_is_waited_for_inside_the_budget_only() -> None:
    for told_s, statuses in ((5, 200), (9, 200), (11, 429), (10**9 - 1, 429)):
        clock = Clock()
        answer = Patient(Server(clock, failed(429, {"Retry-After": str(told_s)}), OK), clock.patience(10)).read(PODS)
        assert answer.status == statuses
        assert clock.slept == ([float(told_s)] if statuses == 200 else [])


def test_a_date_to_retry_at_is_read_by_the_servers_own_clock() -> None:
    hours_off = NOW + timedelta(hours=3)
    later = {"retry-after": format_datetime(hours_off + timedelta(seconds=4), usegmt=True)}
    assert retry_after_s(failed(503, {**later, "Date": format_datetime(hours_off, usegmt=True)}), NOW) == 4
    assert retry_after_s(failed(503, {"Retry-After": format_datetime(NOW, usegmt=True)}), NOW) == 0
    assert retry_after_s(failed(503, {"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}), NOW) == 0


@given(st.text(max_size=40))
def test_whatever_a_server_writes_there_is_no_crash(text: str) -> None:
    told_s = retry_after_s(failed(429, {"Retry-After": text, "Date": text}), NOW)
    assert told_s is None or told_s >= 0


@pytest.mark.parametrize("text", ["", "-1", "1.5", "inf", "1e3", "\u0663", "soon", "9" * 40, "Sun, 99 Nov 2026"])
def test_what_is_no_time_counts_as_none_given(text: str) -> None:
    assert retry_after_s(failed(429, {"Retry-After": text}), NOW) is None


def test_threads_share_one_budget_and_one_account() -> None:
    clock = Clock()
    patience = clock.patience()
    paths = [READABLES["pods"].path("shop", f"web-{number}") for number in range(50)]

    def read(path: str) -> int:
        return Patient(Server(clock, "dropped", OK), patience).read(ReadRequest(path)).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, paths)) == {200}
    assert patience.retried == {path: {"no answer": 1} for path in paths}


def test_a_transport_without_times_is_asked_as_it_is() -> None:
    class Plain:
        def __init__(self, ask: Callable[[ReadRequest], Response]) -> None:
            self.read = ask

    clock = Clock()
    plain: ReadTransport = Plain(Server(clock, "dropped", OK).read)
    assert not isinstance(plain, TimedReadTransport)
    assert Patient(plain, clock.patience()).read(PODS) == OK


def test_nothing_but_reads_can_be_asked_again() -> None:
    assert not hasattr(Patient, "request")


def lost(patience: Patience, clock: Clock, answer: Response | str, times: int, path: str = PODS.path) -> Server:
    """A server of which so many reads come to nothing."""
    server = Server(clock, answer)
    for _ in range(times):
        with suppress(ClusterUnavailable):
            Patient(server, patience).read(ReadRequest(path))
    return server


@pytest.mark.parametrize("answer", ["dropped", failed(503), failed(429), Response(502, b"a login page", is_final=True)])
def test_a_server_of_which_nothing_comes_back_is_left_alone(answer: Response | str) -> None:
    clock = Clock()
    patience = clock.patience(budget_s=1e6)
    server = lost(patience, clock, answer, 500)
    assert len(server.allowed_s) <= GIVE_UP + RETRIES
    with pytest.raises(ClusterUnavailable, match="not asked, since 16 reads in a row came to nothing"):
        Patient(server, patience).read(PODS)


def test_logs_that_cannot_be_had_leave_lists_to_be_read() -> None:
    clock = Clock()
    patience = clock.patience(budget_s=1e6)
    lost(patience, clock, failed(500), 3 * GIVE_UP, PODS.path + "/web/log")
    assert Patient(Server(clock, OK), patience).read(PODS) == OK


def test_an_answer_ends_the_row() -> None:
    clock = Clock()
    patience = clock.patience(budget_s=1e6)
    for _ in range(4):
        lost(patience, clock, "dropped", GIVE_UP - 1)
        assert Patient(Server(clock, OK), patience).read(PODS) == OK


def test_after_an_interrupt_nothing_is_asked_and_that_is_said() -> None:
    times = iter([0.0])
    patience = Patience(60, clock=lambda: next(times, float("inf")))
    with pytest.raises(ClusterUnavailable, match="interrupted by whoever asked"):
        Patient(Server(Clock(), OK), patience).read(PODS)
