"""What stands is told by the ledger; of the store only what is left is asked for, and what is lost is a line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.records.base import Ref
from aoi.records.promotion import PromotionRequest
from flows.summary import print_status
from tasks.review import find_request
from tasks.status import open_requests, status
from tasks.workspace import workspace
from tests.promotion.requests import asked, facts
from tests.store import buckets


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    buckets.empty()
    monkeypatch.setenv("AOI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AOI_STORE_URL", "bucket://b/store")
    workspace.cache_clear()
    workspace().ledger.install(facts(0), "ann")
    yield
    workspace().database.close()
    workspace.cache_clear()


def cycle(name: int, verdict: str = "promote") -> PromotionRequest:
    """A whole cycle that nobody decides."""
    request = asked(workspace().ledger, name, verdict=verdict)
    workspace().store.put("request", request)
    workspace().ledger.close_cycle(request.cycle, "nightly", "waits")
    return request


def lose(request: PromotionRequest) -> None:
    workspace().store.discard(Ref(kind="request", sha256=request.digest(), size_bytes=0))


def calls() -> int:
    """Of the bucket, for a status."""
    before = buckets.FailingBucket.calls
    status()
    return buckets.FailingBucket.calls - before


def test_cycles_that_nobody_decided_cost_no_request_of_the_store() -> None:
    cycle(1, "inconclusive")
    cycle(2, "reject")
    cycle(3, "reject")
    before = calls()
    for name in range(4, 12):
        cycle(name, "inconclusive" if name % 2 else "reject")
    assert calls() == before


def test_a_lost_request_is_a_line_and_the_others_wait_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    lost, waiting = cycle(1), cycle(2)
    lose(lost)
    stands = status()
    assert [each.sha256 for each in stands.open_requests] == [waiting.digest()]
    (line,) = stands.unreadable
    assert line.startswith(f"request of cycle 1: request:{lost.digest()[:12]} is not in bucket://b/store. Restore")
    assert [each.request for each in open_requests()] == [waiting]
    assert find_request(None).request == waiting
    print_status(stands, "nothing")
    assert "lost       request of cycle 1" in " ".join(capsys.readouterr().out.split("\n"))


def test_a_lost_request_that_was_no_proposal_is_nobodys_concern_here() -> None:
    lose(cycle(1, "inconclusive"))
    assert status().unreadable == ()
