"""What was kept in memory answers again; nothing else does."""

import pytest

from aoi.access.replay import RecordingTransport, ReplayTransport, capture
from aoi.access.transport import ReadRequest
from aoi.agents.probe import Probe
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


def test_kept_reads_print_the_same_without_their_cluster(live: EmbeddedReadTransport) -> None:
    recording = RecordingTransport(live)
    before = [Probe(recording, NAMESPACE).run(line) for line in LINES]
    replayed = ReplayTransport(recording.cases)
    assert [Probe(replayed, NAMESPACE).run(line) for line in LINES] == before


def test_read_that_was_not_recorded_is_no_not_found() -> None:
    result = Probe(ReplayTransport({}), NAMESPACE).run("kubectl get svc geo")
    assert result.status == "failed"
    assert "NotRecorded" in (result.error or "")
    assert "NotFound" not in result.observation.decode()


def test_kept_reads_cannot_be_written_to(live: EmbeddedReadTransport) -> None:
    assert not hasattr(ReplayTransport({}), "request")
    assert not hasattr(RecordingTransport(live), "request")


def test_capture_keeps_configuration_and_no_secret(live: EmbeddedReadTransport) -> None:
    recorded = capture(live, NAMESPACE)
    assert recorded.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/configmaps/geo-config")).status == 200
    assert recorded.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/pods")).status == 501
