"""What was recorded answers again; nothing else does."""

from pathlib import Path

import pytest

from aoi.access.replay import RecordingTransport, ReplayTransport, capture
from aoi.access.transport import ReadRequest
from aoi.agents.probe import Probe
from aoi.errors import CommandRefused, CorruptObject
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.environment import new_world
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport

NAMESPACE = "test-hotel-reservation"
LINES = (
    "kubectl get pods",
    "kubectl describe deploy/geo",
    "kubectl logs deploy/geo --tail=20",
    "kubectl get svc nope",
    "prom alerts",
)


@pytest.fixture(scope="module")
def live() -> EmbeddedReadTransport:
    return EmbeddedReadTransport(new_world(hotel_reservation(1), 1), PROBE)


def test_recorded_case_prints_the_same_without_its_cluster(live: EmbeddedReadTransport, tmp_path: Path) -> None:
    recording = RecordingTransport(live)
    before = [Probe(recording, NAMESPACE).run(line) for line in LINES]
    recording.save(tmp_path / "case.jsonl")
    replayed = ReplayTransport.load(tmp_path / "case.jsonl")
    assert [Probe(replayed, NAMESPACE).run(line) for line in LINES] == before


def test_same_reads_record_the_same_bytes(live: EmbeddedReadTransport, tmp_path: Path) -> None:
    for name, lines in (("a", LINES), ("b", LINES[::-1])):
        recording = RecordingTransport(live)
        for line in lines:
            Probe(recording, NAMESPACE).run(line)
        recording.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_read_that_was_not_recorded_is_no_not_found() -> None:
    result = Probe(ReplayTransport({}), NAMESPACE).run("kubectl get svc geo")
    assert result.status == "failed"
    assert "NotRecorded" in (result.error or "")
    assert "NotFound" not in result.observation.decode()


def test_recording_cannot_be_written_to(live: EmbeddedReadTransport) -> None:
    assert not hasattr(ReplayTransport({}), "request")
    assert not hasattr(RecordingTransport(live), "request")


def test_capture_keeps_configuration_and_no_secret(live: EmbeddedReadTransport) -> None:
    recorded = capture(live, NAMESPACE)
    assert recorded.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/configmaps/geo-config")).status == 200
    assert recorded.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/pods")).status == 501


@pytest.mark.parametrize(
    "line",
    [b"{}", b"not json", b'{"path": "/api/v1/namespaces/x/pods"}', b"\x80\x04K\x01."],
    ids=["empty", "text", "partial", "pickle"],
)
def test_line_that_is_no_case_is_refused_with_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "case.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(CorruptObject, match="line 1"):
        ReplayTransport.load(path)


def test_recording_cannot_smuggle_in_a_path_that_may_not_be_read(live: EmbeddedReadTransport, tmp_path: Path) -> None:
    recording = RecordingTransport(live)
    recording.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/configmaps"))
    recording.save(tmp_path / "case.jsonl")
    text = (tmp_path / "case.jsonl").read_text().replace("/configmaps", "/secrets")
    (tmp_path / "case.jsonl").write_text(text)
    with pytest.raises(CommandRefused):
        ReplayTransport.load(tmp_path / "case.jsonl")
