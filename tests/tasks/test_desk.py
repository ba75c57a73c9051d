"""Diagnoses that run at once in threads answer as they do alone, and none hears another's events."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from aoi.access.asked import redacted
from aoi.database.submissions import SubmissionBook
from aoi.errors import DatabaseUnavailable, QueueFull, UnknownCluster, UnknownProblem
from aoi.records.request import DiagnosisRequest
from aoi.records.submission import Submission
from aoi.settings import ServeSettings
from tasks.answers import rated
from tasks.clusters import register
from tasks.desk import Desk
from tasks.diagnose import diagnose
from tasks.workspace import workspace
from tests.flows.live_cluster import BROKEN, CALM, LiveCluster, live_cluster
from tests.models.small import make_base
from tests.tasks.requested import store_base

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts
PROBLEM = "misconfig_app_hotel_res-localization-1"
READY_S = 120.0


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveCluster]:
    """Registered as `prod`, in a home whose champion has learnt next to nothing."""
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    workspace.cache_clear()
    store_base(make_base(tmp_path / "base", steps=5))
    with live_cluster(tmp_path) as served:
        register("prod", served.kubeconfig, namespaces=(BROKEN,))
        yield served
    workspace().database.close()
    workspace.cache_clear()


@pytest.fixture
def opened() -> Iterator[Callable[..., Desk]]:
    """Desks that are closed after the test."""
    desks: list[Desk] = []

    def make(**settings: int) -> Desk:
        desks.append(Desk(ServeSettings(**settings)))
        desks[-1].open()
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def ended(desk: Desk, identity: str) -> Submission:
    deadline = time.monotonic() + READY_S
    while not (now := desk.find(identity)).is_over:
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return now


def told_of(submission: Submission) -> tuple[str, str | None]:
    assert submission.answer is not None, submission.trouble
    answer = rated(submission.answer).diagnosis.answer
    assert answer is not None
    return answer.verdict, answer.component


@pytest.mark.usefixtures("cluster")
def test_what_runs_at_once_answers_as_it_does_alone_and_hears_nothing_of_the_others(
    opened: Callable[..., Desk],
) -> None:
    broken, calm = DiagnosisRequest(cluster="prod"), DiagnosisRequest(cluster="prod", namespaces=(CALM,))
    world = DiagnosisRequest(problem=PROBLEM, seed=3)
    alone = {}
    for request in (broken, calm, world):
        answer = diagnose(request).answer
        assert answer is not None
        alone[request] = (answer.verdict, answer.component)
    assert alone[broken] == ("fault", "till-worker")
    desk = opened(workers=6, per_cluster=6)
    asked = [broken, calm, world] * 4
    submitted = [desk.submit(request, "ann") for request in asked]
    for request, submission in zip(asked, submitted, strict=True):
        assert told_of(ended(desk, submission.id)) == alone[request]
        first = desk.told(submission.id)[0]
        assert first.event == "surveyed"
        if request is not world:
            assert (first.verdict, first.component) == alone[request]
            assert len(desk.told(submission.id)) == 1
        else:
            assert desk.told(submission.id)[-1].event == "stopped"


@pytest.mark.usefixtures("cluster")
def test_no_more_wait_than_may_and_what_is_not_there_is_refused_at_once(opened: Callable[..., Desk]) -> None:
    desk = opened(workers=1, per_cluster=1, queue=3)
    taken: list[Submission] = []

    def submit_without_end() -> None:
        for number in range(100):
            taken.append(desk.submit(DiagnosisRequest(cluster="prod", symptoms=(f"n{number}",)), "ann"))

    with pytest.raises(QueueFull):
        submit_without_end()
    assert len(taken) >= 3
    with pytest.raises(UnknownCluster):
        desk.submit(DiagnosisRequest(cluster="nosuch"), "ann")
    with pytest.raises(UnknownProblem):
        desk.submit(DiagnosisRequest(problem="nosuch"), "ann")
    assert {ended(desk, one.id).state for one in taken} == {"done"}


@pytest.mark.usefixtures("cluster")
def test_what_is_asked_once_is_made_once_while_it_is_not_over(opened: Callable[..., Desk]) -> None:
    desk = opened(workers=1, per_cluster=1)
    request = DiagnosisRequest(cluster="prod", symptoms=("till is slow",))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: desk.submit_once(request, f"caller {number}").id, range(8)))
    assert len(set(taken)) == 1
    assert desk.submit(request, "bob").id != taken[0]
    ended(desk, taken[0])
    assert desk.submit_once(request, "ann").id != taken[0]


@pytest.mark.usefixtures("cluster")
def test_a_desk_takes_over_from_one_that_is_gone_and_not_from_one_that_lives(opened: Callable[..., Desk]) -> None:
    lives = Desk(ServeSettings(workers=1))
    lives._lease = workspace().leases.take(lives._server)  # a server whose workers never begin
    waiting = lives.submit(DiagnosisRequest(cluster="prod"), "ann")
    other = opened(workers=1)
    assert other.take_over() == 0
    assert other.find(waiting.id).state == "queued"
    lives.close()
    assert other.take_over() == 1
    assert told_of(ended(other, waiting.id)) == ("fault", "till-worker")


class Away(SubmissionBook):
    """A database that is away the first few times that something is to be changed in it."""

    def __init__(self, times: int) -> None:
        super().__init__(workspace().database)
        self.times = times

    @override
    def change(self, submission: Submission, server: str) -> bool:
        if self.times:
            self.times -= 1
            raise DatabaseUnavailable("it restarts")
        return super().change(submission, server)


@pytest.mark.usefixtures("cluster")
def test_what_the_database_did_not_hear_of_waits_again_and_is_made(
    opened: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.desk.RETRY_S", 0.05)
    desk = opened(workers=1)
    desk._book = Away(times=2)
    made = ended(desk, desk.submit(DiagnosisRequest(cluster="prod"), "ann").id)
    assert (made.state, made.attempts) == ("done", 1)
    desk.close()  # when its workers are done, the database knows
    assert SubmissionBook(workspace().database).get(made.id) == made
    assert desk.counts() == (0, {"prod": 0})


@pytest.mark.usefixtures("cluster")
def test_one_that_another_server_took_over_is_told_as_that_one_tells_it(opened: Callable[..., Desk]) -> None:
    desk = opened(workers=1, per_cluster=1)
    book = SubmissionBook(workspace().database)
    first, second = (desk.submit(DiagnosisRequest(cluster="prod", symptoms=(word,)), "ann") for word in ("a", "b"))
    assert book.adopt(second.id, desk._server, "serve:other")
    third = desk.submit(DiagnosisRequest(cluster="prod", symptoms=("c",)), "ann")
    assert {ended(desk, one.id).state for one in (first, third)} == {"done"}
    assert desk.held(second.id) is None
    assert desk.find(second.id) == book.get(second.id) == second


@pytest.mark.usefixtures("cluster")
def test_of_what_dead_servers_left_no_more_waits_than_may_and_nothing_of_yesterday(
    opened: Callable[..., Desk],
) -> None:
    book, now = SubmissionBook(workspace().database), datetime.now(UTC)
    left = [
        Submission(id=f"{number:032x}", request=DiagnosisRequest(cluster="prod"), by="ann", submitted_at=at)
        for number, at in enumerate([now - timedelta(days=2), *[now] * 6])
    ]
    for submission in left:
        book.enter(submission, "serve:gone")
    desk = opened(workers=1, per_cluster=1, queue=2)
    assert desk.counts()[0] <= 2
    late = desk.find(left[0].id)
    assert late.state == "failed"
    assert late.trouble is not None
    assert "ask again" in late.trouble.detail
    while any(not book.get(one.id).is_over for one in left):
        desk.take_over()
        assert desk.counts()[0] <= 2
        time.sleep(0.1)
    assert {book.get(one.id).state for one in left[1:]} == {"done"}


@pytest.mark.usefixtures("cluster")
def test_of_one_cluster_no_more_run_than_may_and_another_does_not_wait(
    opened: Callable[..., Desk], cluster: LiveCluster
) -> None:
    register("stage", cluster.kubeconfig, namespaces=(CALM,))
    desk = opened(workers=3, per_cluster=1)
    asked = [desk.submit(DiagnosisRequest(cluster=name), "ann") for name in ("prod", "prod", "prod", "stage")]
    most: Counter[str] = Counter()
    while not all(desk.find(one.id).is_over for one in asked):
        most |= Counter(dict(desk.counts()[1]))
        time.sleep(0.005)
    assert most["prod"] == 1
    times = [desk.find(one.id).started_at for one in asked]
    assert all(times)
    assert max(filter(None, times[:3])) > max(filter(None, times[3:]))


def test_what_is_kept_of_a_request_holds_no_credential() -> None:
    asked = DiagnosisRequest(cluster="prod", symptoms=("db password=hunter2secretXYZ\nis gone", "\x1b[31m"))
    kept = redacted(asked)
    assert "hunter2secretXYZ" not in str(kept)
    assert all("\n" not in said and "\x1b" not in said for said in kept.symptoms)
    assert redacted(kept) == kept
