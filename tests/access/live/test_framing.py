"""Where an answer begins and ends is what its server says of it, and a server that says it wrongly has said nothing."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from aoi.access.live import LiveReadTransport
from aoi.access.transport import ReadRequest, Response
from aoi.errors import ClusterUnavailable
from tests.access.live import reads
from tests.access.live.reads import LOG, PODS
from tests.access.live.servers import (
    CERTIFICATES,
    Received,
    Scripted,
    Sent,
    answer_of,
    as_json,
    reviewing,
    scripted,
)

LIST = orjson.dumps({"kind": "PodList", "apiVersion": "v1", "items": []})
STATUS = orjson.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "pods not found"})
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def asked(folder: Path, sent: Sent, request: ReadRequest = PODS) -> Response:
    """One read of a server that sends this for every read."""
    return reads.asked(folder, lambda _: sent, request)


@pytest.mark.parametrize("size", [b"-5", b"-1", b"zz", b"\xb2", b"9" * 5_000], ids=repr)
def test_a_chunk_whose_size_is_none_is_no_answer(tmp_path: Path, size: bytes) -> None:
    chunks = [JSON, b"Transfer-Encoding: chunked\r\n\r\n", size, b"\r\n", LIST, b"\r\n0\r\n\r\n", None]
    with pytest.raises(ClusterUnavailable, match="lost before the answer was whole"):
        asked(tmp_path, chunks)


@pytest.mark.parametrize("length", [b"-1", b"\xb2\xb3", b"9" * 5_000, b"1e3"], ids=repr)
def test_a_length_that_is_no_number_is_no_data(tmp_path: Path, length: bytes) -> None:
    response = asked(tmp_path, [JSON, b"Content-Length: ", length, b"\r\n\r\n", LIST, None])
    assert (response.status, response.is_final) == (502, True)


@pytest.mark.parametrize("request_", [PODS, LOG], ids=["list", "log"])
def test_a_body_that_ends_with_a_cut_connection_is_no_answer(tmp_path: Path, request_: ReadRequest) -> None:
    kind = b"text/plain" if request_ is LOG else b"application/json"
    with pytest.raises(ClusterUnavailable, match="lost before the answer was whole"):
        asked(tmp_path, [b"HTTP/1.1 200 OK\r\nContent-Type: ", kind, b"\r\n\r\n", LIST, None], request_)


@pytest.mark.parametrize("rest", [gzip.compress(LIST), b"junk"], ids=["another gzip", "junk"])
def test_what_follows_a_gzip_makes_it_no_data(tmp_path: Path, rest: bytes) -> None:
    packed = answer_of(200, gzip.compress(LIST) + rest, "application/json", "Content-Encoding: gzip")
    assert asked(tmp_path, [packed]).status == 502


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("request_", [PODS, LOG], ids=["list", "log"])
def test_only_an_api_server_says_that_something_is_not_there(
    tmp_path: Path, request_: ReadRequest, status: int
) -> None:
    page = answer_of(status, b"<html>default backend</html>", "text/html")
    response = asked(tmp_path, [page], request_)
    assert (response.status, response.is_final) == (502, True)
    assert b"no API server" in response.body
    assert asked(tmp_path, [answer_of(status, STATUS)], request_).status == status


def test_a_group_that_is_not_served_is_told_in_plain_text(tmp_path: Path) -> None:
    assert asked(tmp_path, [answer_of(404, b"404 page not found\n", "text/plain; charset=utf-8")]).status == 404


def test_of_the_answer_to_a_review_no_more_is_read_than_rules_take(tmp_path: Path) -> None:
    def script(received: Received) -> Sent:
        if received.path.endswith("selfsubjectrulesreviews"):
            return as_json({"status": {"resourceRules": [], "incomplete": False}, "x": "y" * 2_000_000}, status=201)
        return reviewing(received)

    with scripted(script) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        transport.close()
    assert any("does not tell all rights" in line for line in transport.checked.untold)


@contextmanager
def greeting_without_end() -> Iterator[Scripted]:
    """A server that answers the client's hello with requests for another one, faster than they can be read."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=greet, args=[sock], daemon=True).start()

    def greet(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.settimeout(1.0)
            while not stopped.is_set():
                sock.sendall(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 1_000)

    threading.Thread(target=accept, daemon=True).start()
    port = listener.getsockname()[1]
    try:
        yield Scripted(port, f"https://127.0.0.1:{port}", CERTIFICATES.authority_pem)
    finally:
        stopped.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_a_handshake_without_end_costs_no_more_than_its_time(tmp_path: Path) -> None:
    with greeting_without_end() as server:
        began_s = time.monotonic()
        with pytest.raises(ClusterUnavailable):
            LiveReadTransport(server.kubeconfig(tmp_path / "config"), timeout_s=0.5, check_s=2.0)
    assert time.monotonic() - began_s < 20
