"""What stands before every request of the HTTP service: a body is whole in time and small enough, or refused."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from aoi.errors import TokenRefused
from aoi.settings import ServeSettings
from flows.serving.app import application
from flows.serving.bodies import Bounded
from flows.serving.metrics import Metrics
from tasks.desk import Desk

SECRET = "hunter2secretXYZ"


def nobody(scope: Any) -> None:
    raise TokenRefused("nobody is known here")


def answered(
    parts: Iterable[bytes | None], admit: Callable[[Any], None] = lambda scope: None
) -> tuple[int, bytes, bytes, Metrics]:
    """Status, body and what the application was given, of a request whose body comes so; None never ends."""
    sent: list[dict[str, Any]] = []
    given: list[bytes] = []
    source = iter(parts)

    async def receive() -> dict[str, Any]:
        part = next(source, b"")
        if part is None:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": part, "more_body": part != b""}

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        given.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    metrics = Metrics()
    bounded = Bounded(application, metrics, admit, max_bytes=10, body_s=0.2)
    headers = [(b"transfer-encoding", b"chunked")]
    anyio.run(bounded, {"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent), b"".join(given), metrics


def test_a_body_that_fits_is_given_whole() -> None:
    assert answered([b"12345", b"67890"])[:3] == (204, b"", b"1234567890")


@pytest.mark.parametrize(
    ("parts", "status", "kind"),
    [([b"12345", b"678901"], 413, "body-large"), ([b"1" * 1000], 413, "body-large"), ([b"1", None], 408, "body-slow")],
)
def test_one_that_is_too_large_or_too_slow_reaches_no_application(
    parts: list[bytes | None], status: int, kind: str
) -> None:
    told, body, given, metrics = answered(parts)
    assert (told, given) == (status, b"")
    assert json.loads(body)["type"] == f"urn:aoi:error:{kind}"
    assert f'route="(none)",status="{status}"' in metrics.text().decode()


def test_an_endless_body_is_not_read_to_its_end() -> None:
    def endless() -> Iterable[bytes]:
        while True:
            read.append(1)
            yield b"x" * 10

    read: list[int] = []
    assert answered(endless())[0] == 413
    assert len(read) < 100


def test_nothing_is_read_of_the_body_of_a_stranger() -> None:
    def telling() -> Iterable[bytes]:
        read.append(1)
        yield b"x"

    read: list[int] = []
    told, body, given, _ = answered(telling(), nobody)
    assert (told, given, read) == (401, b"", [])
    assert json.loads(body)["type"] == "urn:aoi:error:token-refused"


def test_a_defect_is_told_as_one_counted_as_one_and_logged_without_secrets(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics()
    app = application(Desk(ServeSettings()), metrics)

    @app.get("/breaks")
    def breaks() -> None:
        raise ValueError(f"password={SECRET}")

    async def ask() -> httpx.Response:
        # What leaves the application is raised here, and would be printed whole by the server.
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://aoi.test") as client:
            return await client.get("/breaks")

    told = anyio.run(ask)
    assert (told.status_code, told.json()["type"]) == (500, "urn:aoi:error:internal")
    assert 'aoi_http_requests_total{method="GET",route="/breaks",status="500"} 1.0' in metrics.text().decode()
    logged = capsys.readouterr().err
    assert "ValueError" in logged
    assert SECRET not in logged + told.text
