"""A recording holds what was seen, redacted, and answers the same again, failures included."""

import os
import threading
from pathlib import Path

import orjson
import pytest

from aoi.access.recording import MAX_BYTES, RecordedTransport, Recorder, Recording, load, save
from aoi.access.transport import ReadRequest, Response
from aoi.errors import ClusterUnavailable, RecordingUnreadable
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance
from aoi.records.recording import RecordingHead

PODS = ReadRequest("/api/v1/namespaces/till/pods")
MAPS = ReadRequest("/api/v1/namespaces/till/configmaps")
LOG = ReadRequest("/api/v1/namespaces/till/pods/front-1/log", accept="*/*")
SERVER = "https://api.prod.example:6443"
PASSWORD = "hunter2-abcdef"
FIRST, SECOND = "Tue, 01 Sep 2026 10:00:00 GMT", "Tue, 01 Sep 2026 10:00:05 GMT"


class Scripted:
    """A server that answers in turn, or fails."""

    def __init__(self, answers: dict[str, list[Response | str]]) -> None:
        self._answers = answers

    def read(self, request: ReadRequest) -> Response:
        answer = self._answers[request.path].pop(0)
        if isinstance(answer, str):
            raise ClusterUnavailable(answer)
        return answer


def told(body: object, date: str = FIRST) -> Response:
    return Response(200, orjson.dumps(body), headers={"date": date})


def head(**fields: object) -> RecordingHead:
    given = {"aoi_version": "1", "clock": FIRST, "namespaces": ("till",), "answer": "0" * 64, "reads": 0, "sha256": ""}
    return RecordingHead.model_validate({**given, **fields})


def written(path: Path, recorder: Recorder) -> Path:
    save(path, head(clock=recorder.clock), recorder.reads)
    return path


def a_recording(path: Path) -> Path:
    recorder = Recorder(Scripted({PODS.path: [told({"kind": "PodList", "items": []})]}))
    recorder.read(PODS)
    return written(path, recorder)


def test_credentials_and_the_server_are_in_no_answer_and_in_no_byte_of_the_file(tmp_path: Path) -> None:
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": f"{{password: {PASSWORD}}}"}
    maps = {"kind": "ConfigMapList", "items": [{"metadata": {"name": "m"}, "data": {"db-password": PASSWORD}}]}
    env = [{"name": "DB_PASSWORD", "value": PASSWORD}]
    pods = {
        "kind": "PodList",
        "items": [{"metadata": {"name": "p", "annotations": annotation}, "spec": {"containers": [{"env": env}]}}],
    }
    log = f"dial postgres://me:{PASSWORD}@db:5432 failed\nasked {SERVER}/api\n".encode()
    server = Scripted({PODS.path: [told(pods)], MAPS.path: [told(maps)], LOG.path: [Response(200, log, "text/plain")]})
    recorder = Recorder(server, (SERVER, "api.prod.example:6443", "api.prod.example"))
    seen = b"".join(recorder.read(request).body for request in (PODS, MAPS, LOG))
    text = written(tmp_path / "case", recorder).read_bytes()
    for said in (seen, text):
        assert PASSWORD.encode() not in said
        assert b"api.prod.example" not in said
        assert b"postgres://me:" in said


@pytest.mark.parametrize("item", [f"password={PASSWORD}", [f"password={PASSWORD}"], [[{"password": PASSWORD}]]])
def test_what_a_list_holds_in_the_place_of_an_object_is_redacted_too(tmp_path: Path, item: object) -> None:
    recorder = Recorder(Scripted({PODS.path: [told({"kind": "PodList", "items": [item]})]}), (SERVER,))
    seen = recorder.read(PODS).body
    assert PASSWORD.encode() not in seen + written(tmp_path / "case", recorder).read_bytes()
    assert b"[redacted]" in seen


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    assert a_recording(tmp_path / "case").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["case"], "nothing half-written stays beside it"


def test_outcomes_come_again_in_their_order_and_a_failure_stays_one(tmp_path: Path) -> None:
    busy = Response(429, b"{}", headers={"retry-after": "1"})
    server = Scripted({PODS.path: [busy, told({"items": [1]}, SECOND)], LOG.path: [f"{SERVER} timed out"]})
    recorder = Recorder(server, (SERVER,))
    recorder.read(PODS)
    recorder.read(PODS)
    with pytest.raises(ClusterUnavailable, match=r"^\[server\] timed out$"):
        recorder.read(LOG)
    replayed = RecordedTransport(load(written(tmp_path / "case", recorder)))
    assert [replayed.read(PODS).status for _ in range(3)] == [429, 200, 200]
    with pytest.raises(ClusterUnavailable, match=r"^\[server\] timed out$"):
        replayed.read(LOG)


def test_all_answers_carry_one_time_whichever_came_last(tmp_path: Path) -> None:
    recorder = Recorder(Scripted({PODS.path: [told({}), told({}, SECOND)]}))
    live = [recorder.read(PODS).headers, recorder.read(PODS).headers]
    replayed = RecordedTransport(load(written(tmp_path / "case", recorder)))
    assert live == [replayed.read(PODS).headers, replayed.read(PODS).headers] == [{"Date": FIRST}] * 2


def test_what_nobody_asked_is_skipped_and_not_absent() -> None:
    reader = Reader(RecordedTransport(Recording(head(), ())))
    [listing] = reader.lists([("pods", "till")])
    assert listing.state == "unread"
    assert listing.gap is not None
    assert (listing.gap.reason, listing.gap.detail) == ("skipped", "the time budget was spent")


def test_the_order_of_threads_does_not_change_the_file(tmp_path: Path) -> None:
    class Kind:
        def read(self, request: ReadRequest) -> Response:
            return told({"path": request.path})

    requests = [ReadRequest(f"/api/v1/namespaces/n{n}/pods") for n in range(20)]
    recorders = [Recorder(Kind()), Recorder(Kind())]
    threads = [threading.Thread(target=recorders[0].read, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for request in reversed(requests):
        recorders[1].read(request)
    first, second = (written(tmp_path / name, one) for name, one in zip("ab", recorders, strict=True))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("fault", ["scale_to_zero", "buggy_image", "db_auth_revoked", "wrong_target_port", None])
def test_a_survey_of_redacted_reads_and_its_replay_say_what_the_survey_of_the_cluster_says(
    fault: str | None, tmp_path: Path
) -> None:
    problem = next(p for p in catalogue.problems() if p.fault == fault)
    world = scenario.build(ProblemInstance(problem=problem, seed=3))
    plain = survey(Reader(world.read_transport()), (world.namespace,))
    recorder = Recorder(world.read_transport())
    recorded = survey(Reader(recorder), (world.namespace,))
    again = survey(Reader(RecordedTransport(load(written(tmp_path / "case", recorder)))), (world.namespace,))
    assert recorded.answer.digest() == again.answer.digest()
    assert plain.answer.model_dump(exclude={"evidence"}) == again.answer.model_dump(exclude={"evidence"})


def test_an_altered_read_is_refused(tmp_path: Path) -> None:
    path = a_recording(tmp_path / "case")
    path.write_bytes(path.read_bytes().replace(b"PodList", b"PodLost"))
    with pytest.raises(RecordingUnreadable, match="altered or cut"):
        load(path)


@pytest.mark.parametrize("kept", [1, 30, 400])
def test_a_cut_file_is_refused(kept: int, tmp_path: Path) -> None:
    path = a_recording(tmp_path / "case")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecordingUnreadable):
        load(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"not json\n",
        b"\x80\x04K\x01.",
        b"[" * 100_000,
        b'{"format": "aoi-recording", "aoi_version": "9"}\n',
    ],
    ids=["nothing", "empty", "text", "pickle", "deep", "later"],
)
def test_a_file_of_somebody_else_is_refused_by_name(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "foreign").write_bytes(data)
    with pytest.raises(RecordingUnreadable, match="foreign"):
        load(tmp_path / "foreign")


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnreadable, match="cannot be read"):
        load(tmp_path / "none")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RecordingUnreadable, match="at most"):
        load(tmp_path / "huge")


def test_a_recording_cannot_smuggle_in_a_path_that_may_not_be_read(tmp_path: Path) -> None:
    recorder = Recorder(Scripted({MAPS.path: [told({})]}))
    recorder.read(MAPS)
    reads = tuple(read.model_copy(update={"path": "/api/v1/namespaces/till/secrets"}) for read in recorder.reads)
    save(tmp_path / "case", head(), reads)
    with pytest.raises(RecordingUnreadable, match="line 2"):
        load(tmp_path / "case")


def test_a_recording_cannot_be_written_to() -> None:
    assert not hasattr(Recorder(Scripted({})), "request")
    assert not hasattr(RecordedTransport(Recording(head(), ())), "request")


def test_of_a_log_that_heeds_no_limit_the_end_alone_is_redacted_and_kept() -> None:
    limited = ReadRequest(LOG.path, (("limitBytes", "1000"),), accept="*/*")
    long = Response(200, b"a line of no interest\n" * 100_000 + b"panic: the end\n", "text/plain")
    recorder = Recorder(Scripted({LOG.path: [long, Response(200, b"short\n", "text/plain")]}))
    answer = recorder.read(limited)
    assert len(answer.body) == 1_001
    assert answer.body.endswith(b"panic: the end\n")
    assert recorder.reads[0].body.encode() == answer.body
    assert recorder.read(limited).body == b"short\n"


def test_what_is_no_file_or_looks_at_nothing_is_no_recording(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, Path("a\0b")):
        with pytest.raises(RecordingUnreadable):
            load(path)
    first, _, rest = a_recording(tmp_path / "case.aoi").read_bytes().partition(b"\n")
    (tmp_path / "empty.aoi").write_bytes(first.replace(b'["till"]', b"[]") + b"\n" + rest)
    with pytest.raises(RecordingUnreadable, match="namespaces"):
        load(tmp_path / "empty.aoi")


def test_what_is_not_redacted_within_the_budget_is_told_as_lost(tmp_path: Path) -> None:
    items = [{"metadata": {"name": f"m{n}"}, "data": {"a": "b"}} for n in range(5)]
    left_s = iter([1.0] * 4)
    answers = {MAPS.path: [told({"kind": "ConfigMapList", "items": items})], PODS.path: [told({"kind": "PodList"})]}
    recorder = Recorder(Scripted(answers), left_s=lambda: next(left_s, 0.0))
    for request in (MAPS, PODS):
        with pytest.raises(ClusterUnavailable, match="budget was spent before it was redacted"):
            recorder.read(request)
    replayed = RecordedTransport(load(written(tmp_path / "case.aoi", recorder)))
    with pytest.raises(ClusterUnavailable, match="before it was redacted"):
        replayed.read(MAPS)
