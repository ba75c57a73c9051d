"""`aoi status`: one screen, answered at once, with or without a server that knows what runs next."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flows.schedule import Planned, planned_runs, told
from tasks.workspace import workspace
from tests.command import Ended
from tests.promotion.requests import asked, facts
from tests.promotion.test_history import measured_cycle

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
Typed = Callable[..., Ended]
DAILY = [{"active": True, "schedule": {"cron": "0 2 * * *"}}]
NIGHTLY = {"id": "1", "name": "nightly", "paused": False, "schedules": DAILY}
RECONCILE = {"id": "2", "name": "reconcile\x1b[2J", "paused": False, "schedules": DAILY}
PAUSED = {"id": "3", "name": "evaluate", "paused": True, "schedules": DAILY}
BY_HAND = {"id": "4", "name": "promote", "paused": False, "schedules": []}
OFF = {"id": "5", "name": "diagnose", "paused": False, "schedules": [{**DAILY[0], "active": False}]}


@contextmanager
def prefect(deployments: Any, starts: dict[str, str]) -> Iterator[str]:
    """What a Prefect server says of deployments and of their next runs, over HTTP."""

    class Server(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(True)

        def do_POST(self) -> None:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/deployments/filter"):
                self._answer(deployments)
            else:
                (number,) = wanted["deployments"]["id"]["any_"]
                self._answer([{"expected_start_time": starts[number]}] if number in starts else [])

        def _answer(self, body: Any) -> None:
            said = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_the_soonest_run_of_each_deployment_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    starts = {"1": "2026-01-02T02:00:00Z", "2": "2026-01-01T12:15:00Z", "3": "2026-01-01T12:01:00Z"}
    with prefect([NIGHTLY, RECONCILE, PAUSED, BY_HAND, OFF], starts) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        planned = planned_runs(tmp_path)
    assert planned is not None
    assert [one.deployment for one in planned] == ["reconcile\x1b[2J", "nightly"]
    assert told(planned, NOW) == (
        "reconcile\\x1b[2J 2026-01-01 12:15 UTC (in 15 min), nightly 2026-01-02 02:00 UTC (in 14 h)"
    )


def test_a_schedule_of_which_the_server_planned_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with prefect([NIGHTLY, RECONCILE], {"2": "2026-01-01T12:15:00Z"}) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        said = told(planned_runs(tmp_path), NOW)
    assert said.index("reconcile") < said.index("nightly never: it has a schedule")


@pytest.mark.parametrize("deployments", [{"detail": "no"}, [{"name": "nightly"}], "x", 7])
def test_another_answer_than_prefects_is_no_answer(
    deployments: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with prefect(deployments, {}) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        assert planned_runs(tmp_path) is None


def test_what_is_not_known_is_said_with_what_to_do() -> None:
    assert "aoi ui" in told(None, NOW)
    assert "prefect deploy" in told((), NOW)
    assert "late" in told((Planned(deployment="nightly", at=NOW - timedelta(hours=1)),), NOW)


def test_one_screen_has_champions_requests_and_the_next_run(own_home: Path, typed: Typed) -> None:
    ws = workspace()
    ws.ledger.install(facts(0), "ann")
    measured_cycle(ws.ledger, ws.store, 1, now=datetime.now(UTC))
    request = asked(ws.ledger, 2)
    ws.store.put("request", request)
    shown = typed("status")
    assert shown.status == 0
    lines = {line.split()[0]: line for line in shown.out.splitlines()}
    assert len(shown.out.splitlines()) <= 24
    assert "version v1" in lines["champion"]
    assert "v0 " in lines["champions"]
    assert "v1 " in lines["champions"]
    assert f"aoi review {request.digest()[:12]}" in lines["request"]
    assert "no Prefect server of this home answers" in lines["next"]


def test_json_keeps_what_it_had_and_adds_champions_and_the_next_runs(own_home: Path, typed: Typed) -> None:
    ws = workspace()
    ws.ledger.install(facts(0), "ann")
    measured_cycle(ws.ledger, ws.store, 1, now=datetime.now(UTC))
    said = json.loads(typed("status", "--json").out)
    assert {"champion", "cycles", "open_cycle", "open_requests", "last"} <= set(said)
    assert [one["version"] for one in said["champions"]] == ["v0", "v1"]
    assert said["planned"] is None


def test_a_new_home_is_told_how_to_begin(own_home: Path, typed: Typed) -> None:
    shown = typed("status")
    assert "aoi retrain" in shown.out
    assert shown.status == 0
