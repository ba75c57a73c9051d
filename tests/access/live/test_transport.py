"""What reaches a reader from a server that is slow, broken or hostile: a whole answer, a refusal, or no answer."""

import base64
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.access import patience
from aoi.access.live import LiveReadTransport, answers, connections
from aoi.access.live.transport import PARALLEL_READS
from aoi.access.patience import Patience, Patient
from aoi.access.reading import READABLES, TABLE
from aoi.access.transport import Backend, ReadRequest
from aoi.errors import ClusterRefused, ClusterUnavailable, SettingsError
from tests.access.live.reads import LOG, PODS, answering, asked
from tests.access.live.servers import (
    NAMESPACE,
    TOKEN,
    Received,
    Scripted,
    Sent,
    answer_of,
    as_json,
    reviewing,
    scripted,
)

LIST = {"kind": "PodList", "items": []}
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the attempts of the access check."""
    monkeypatch.setattr(patience, "BACKOFF_S", 0.001)


def test_many_threads_read_over_connections_that_stay_open(tmp_path: Path) -> None:
    def read(received: Received) -> Sent:
        return [0.002, *as_json({"asked": received.path})]

    paths = [READABLES["pods"].path(NAMESPACE, f"web-{number}") for number in range(96)]
    with scripted(answering(read)) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            bodies = list(pool.map(lambda path: transport.read(ReadRequest(path)).body, paths))
        transport.close()
    assert [orjson.loads(body)["asked"] for body in bodies] == paths
    assert server.connections <= PARALLEL_READS
    assert server.most_at_once > 1
    assert {received.headers["Authorization"] for received in server.requests} == {f"Bearer {TOKEN}"}


def test_one_lost_connection_loses_one_read(tmp_path: Path) -> None:
    def read(received: Received) -> Sent:
        return [None] if received.path.endswith("/web-3") else as_json(LIST)

    def outcome(transport: LiveReadTransport, number: int) -> int:
        try:
            return transport.read(ReadRequest(READABLES["pods"].path(NAMESPACE, f"web-{number}"))).status
        except ClusterUnavailable:
            return 0

    with scripted(answering(read)) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda number: outcome(transport, number), range(8)))
        transport.close()
    assert statuses == [200, 200, 200, 0, 200, 200, 200, 200]


@pytest.mark.parametrize("lost", [[None], [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", None], [b"\0\1\2", None]])
def test_a_lost_connection_is_asked_again_by_a_patient_transport(tmp_path: Path, lost: list[Any]) -> None:
    losses = [lost, lost]
    with scripted(answering(lambda _: losses.pop() if losses else as_json(LIST))) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        patient = Patient(transport, Patience(60, sleep=lambda _: None))
        assert patient.read(PODS).status == 200
        transport.close()
    assert patient.retried == {PODS.path: {"no answer": 2}}


def trickle(head: bytes, count: int) -> Sent:
    yield head
    for _ in range(count):
        yield 0.02
        yield b" "


SLOW: dict[str, Callable[[Received], Sent]] = {
    "silence": lambda _: [5.0],
    "stalled body": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", 5.0],
    "trickling header": lambda _: trickle(b"HTTP/1.1 200 OK\r\nX: ", 250),
    "trickling status": lambda _: trickle(b"HTTP/1.1 200 ", 250),
    "trickling body": lambda _: trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", 250),
    "trickling chunk size": lambda _: trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", 250),
    "trickling without a length": lambda _: trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 250),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_slow_answer_ends_with_its_time(tmp_path: Path, script: Callable[[Received], Sent]) -> None:
    with scripted(answering(script)) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        with pytest.raises(ClusterUnavailable, match=r"no whole answer within 0\.1 s"):
            transport.read_within(PODS, 0.1)
        transport.close()


def test_the_time_of_a_read_is_the_lesser_of_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match=r"within 0\.2 s"):
        asked(tmp_path, SLOW["silence"], timeout_s=0.2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_a_failed_read(tmp_path: Path, status: int) -> None:
    with scripted(lambda _: as_json(LIST)) as other:
        headers = [f"Location: {other.url}/steal?a=b"]
        response = asked(tmp_path, lambda _: [answer_of(status, b"{}", "application/json", *headers)])
    assert response.status == 502
    assert response.is_final
    assert response.body.decode().endswith(f"redirected to 127.0.0.1:{other.port}, not followed")
    assert other.connections == 0


def test_a_redirect_shows_no_more_of_its_target_than_the_host(tmp_path: Path) -> None:
    location = "Location: https://me:pw@127.0.0.1:9/?token=x"
    body = asked(tmp_path, lambda _: [answer_of(302, b"", "", location)]).body
    assert body.endswith(b"redirected to 127.0.0.1:9, not followed")


def test_a_telemetry_redirect_is_not_followed_and_the_token_is_never_sent_there(tmp_path: Path) -> None:
    with scripted(lambda _: [answer_of(302, b"", "", "Location: http://127.0.0.1:9/")], tls=False) as prometheus:
        alerts = ReadRequest("/api/v1/alerts", backend=Backend.PROMETHEUS)
        response = asked(tmp_path, lambda _: as_json(LIST), alerts, prometheus_url=prometheus.url)
    assert response.status == 502
    assert "Authorization" not in prometheus.requests[0].headers


def test_no_proxy_of_the_environment_sees_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        scripted(lambda _: as_json({}), tls=False) as proxy,
        scripted(lambda _: as_json({"status": "success", "data": []}), tls=False) as prometheus,
    ):
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "example.invalid")
        assert asked(tmp_path, lambda _: as_json(LIST)).status == 200
        alerts = ReadRequest("/api/v1/alerts", backend=Backend.PROMETHEUS)
        assert asked(tmp_path, lambda _: as_json(LIST), alerts, prometheus_url=prometheus.url).status == 200
    assert proxy.connections == 0


NO_DATA: dict[str, tuple[ReadRequest, bytes]] = {
    "a login page": (PODS, answer_of(200, b"<html>Sign in</html>", "text/html; charset=utf-8")),
    "a login page for a log": (LOG, answer_of(200, b"<html>Sign in</html>", "text/html")),
    "no content type": (PODS, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "text": (PODS, answer_of(200, b"{}", "text/plain")),
    "protobuf": (PODS, answer_of(200, b"k8s\0", "application/vnd.kubernetes.protobuf")),
    "no content": (PODS, b"HTTP/1.1 204 No\r\n\r\n"),
    "a part": (PODS, answer_of(206, b"{}")),
    "too deep": (PODS, answer_of(200, b'{"a":' * 900 + b"1" + b"}" * 900)),
    "an encoding that nobody asked for": (PODS, answer_of(200, b"{}", "application/json", "Content-Encoding: br")),
}


@pytest.mark.parametrize(("request_", "sent"), NO_DATA.values(), ids=NO_DATA.keys())
def test_what_is_no_data_is_a_failed_read(tmp_path: Path, request_: ReadRequest, sent: bytes) -> None:
    response = asked(tmp_path, lambda _: [sent], request_)
    assert (response.status, response.content_type, response.is_final) == (502, "text/plain", True)
    assert request_.path in response.body.decode()
    assert b"Sign in" not in response.body


def test_data_are_json_tables_and_plain_logs(tmp_path: Path) -> None:
    table = answer_of(200, b"{}", "application/json;as=Table;g=meta.k8s.io;v=v1")
    assert asked(tmp_path, lambda _: [table], ReadRequest(PODS.path, accept=TABLE)).status == 200
    assert asked(tmp_path, lambda _: [answer_of(200, b"<html>", "text/plain; charset=utf-8")], LOG).body == b"<html>"


def test_an_error_stays_what_it_is(tmp_path: Path) -> None:
    for status, content_type in ((403, "application/json"), (410, "text/plain"), (503, "text/html")):
        response = asked(tmp_path, lambda _, s=status, c=content_type: [answer_of(s, b"why", c, "Retry-After: 7")])
        assert (response.status, response.body, response.content_type) == (status, b"why", content_type)
        assert response.headers["Retry-After"] == "7"
        assert not response.is_final


def test_an_answer_over_the_limit_says_how_much_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_BYTES", 100_000)
    response = asked(tmp_path, lambda _: [answer_of(200, b" " * 200_000)])
    assert (response.status, response.is_final) == (507, True)
    assert response.body.endswith(
        b"was cut: 100000 bytes of the 200000 that it announced were read, and more were to come"
    )
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = [chunked, *[b"8000\r\n" + b" " * 0x8000 + b"\r\n"] * 8]
    assert asked(tmp_path, lambda _: endless).status == 507


def test_a_header_or_a_frame_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_WIRE_BYTES", 100_000)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for head in (b"HTTP/1.1 200 OK\r\nX: ", chunked, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200):
        with pytest.raises(ClusterUnavailable, match="lost before the answer was whole"):
            asked(tmp_path, lambda _, head=head: [head, *[b"1" * 10_000] * 20])


def test_a_compressed_answer_is_read_and_a_bomb_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(orjson.dumps(LIST))
    packed = answer_of(200, whole, "application/json", "Content-Encoding: gzip")
    assert orjson.loads(asked(tmp_path, lambda _: [packed]).body) == LIST
    monkeypatch.setattr(connections, "MAX_BYTES", 1_000_000)
    bomb = answer_of(200, gzip.compress(b" " * 50_000_000), "application/json", "Content-Encoding: gzip")
    response = asked(tmp_path, lambda _: [bomb])
    assert response.status == 507
    assert b"cut: 1000000 bytes were read" in response.body
    for broken in (whole[:-4], b"no gzip"):
        with pytest.raises(ClusterUnavailable):
            asked(tmp_path, lambda _, b=broken: [answer_of(200, b, "application/json", "Content-Encoding: gzip")])


FRAGMENTS = st.sampled_from(
    (
        b"HTTP/1.1 ", b"HTTP/9 ", b"200 OK", b"99999", b"-1 x", b"302 Found", b"\r\n", b"\r\n\r\n", b"Content-Length: ",
        b"5", b"-5", b"5, 6", b"99999999999999999999", b"abc", b"Transfer-Encoding: chunked", b"zz\r\n", b"0\r\n\r\n",
        b"Content-Type: application/json", b"Content-Type: \xff\xfe", b"Content-Encoding: gzip", b"Location: https://[::1",
        b"Location: //", b"{}", b"\x1f\x8b", b"\0", b": ", b" folded", b"HTTP/1.1 100 Continue\r\n\r\n",
    )
)  # fmt: skip


HEADERS = st.lists(FRAGMENTS, max_size=14).map(lambda parts: b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(parts))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(HEADERS, st.lists(FRAGMENTS, max_size=14).map(b"".join), st.binary(max_size=200)))
def test_whatever_bytes_come_are_an_answer_or_none(scrambled: "Scrambled", sent: bytes) -> None:
    scrambled.sent = sent
    try:
        response = scrambled.transport.read_within(PODS, 5.0)
    except ClusterUnavailable:
        return
    assert 200 <= response.status <= 999


class Scrambled:
    """A transport to a server that sends `sent` for every read and goes away."""

    sent = b""
    transport: LiveReadTransport


@pytest.fixture
def scrambled(tmp_path: Path) -> Iterator[Scrambled]:
    scrambled = Scrambled()
    with scripted(answering(lambda _: [scrambled.sent, None])) as server:
        scrambled.transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        yield scrambled
        scrambled.transport.close()


def test_depth_counts_brackets_outside_of_strings() -> None:
    for text, deep in (
        (b"", 0),
        (b"{}", 1),
        (b'{"a":[{"b":[1]},2]}', 4),
        (b'{"a":"{[{[\\"{[\\\\"}', 1),
        (b'["}}}}}}", [[]]]', 3),
        (b'["\\\\", [], "\\\\\\"["]', 2),
    ):
        assert answers.depth(text) == deep, text


def test_the_refusal_of_an_identity_names_no_token(tmp_path: Path) -> None:
    with (
        scripted(lambda _: [answer_of(401, b"{}")]) as server,
        pytest.raises(SettingsError, match="create token") as refused,
    ):
        LiveReadTransport(server.kubeconfig(tmp_path / "config"))
    assert TOKEN not in str(refused.value)


def test_a_token_that_the_server_says_back_is_in_no_answer(tmp_path: Path) -> None:
    said = {"message": f"token was {TOKEN}"}
    response = asked(tmp_path, lambda _: as_json(said, f'Warning: 299 - "{TOKEN}"', status=401))
    assert response.status == 401
    assert TOKEN.encode() not in response.body
    assert TOKEN not in str(response.headers)


def test_the_refusal_of_an_identity_shows_no_credential_in_a_path(tmp_path: Path) -> None:
    rules = {"resourceRules": [], "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x?token=hunter2x7"]}]}
    with (
        scripted(lambda _: as_json({"status": {**rules, "incomplete": False}}, status=201)) as server,
        pytest.raises(SettingsError, match=r"may get /x\?token=\[redacted") as refused,
    ):
        LiveReadTransport(server.kubeconfig(tmp_path / "config"))
    assert "hunter2x7" not in str(refused.value)


def test_a_server_with_a_path_before_its_own_is_asked_there(tmp_path: Path) -> None:
    with scripted(answering(lambda _: as_json(LIST))) as server:
        config = server.kubeconfig(tmp_path / "config", server=f"{server.url}/k8s/clusters/c-1/")
        transport = LiveReadTransport(config)
        assert transport.read(PODS).status == 200
        transport.close()
    assert server.reads[0].path == f"/k8s/clusters/c-1{PODS.path}"


def test_an_ipv6_address_is_a_server(tmp_path: Path) -> None:
    with scripted(answering(lambda _: as_json(LIST)), host="::1") as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config"))
        assert transport.read(PODS).status == 200
        transport.close()
    assert server.url.startswith("https://[::1]:")


def test_the_certificate_must_have_the_name_that_the_kubeconfig_gives(tmp_path: Path) -> None:
    def opened(server: Scripted, name: str) -> None:
        LiveReadTransport(server.kubeconfig(tmp_path / "config", cluster={"tls-server-name": name})).close()

    with scripted(reviewing) as server:
        opened(server, "localhost")
        with pytest.raises(ClusterRefused, match=r"certificate is not one .* trusts\. .*kubectl config set-cluster"):
            opened(server, "elsewhere.example")


def test_the_servers_own_certificate_may_be_named_as_its_authority(tmp_path: Path) -> None:
    with scripted(reviewing) as server:
        own = ssl.get_server_certificate(("127.0.0.1", server.port))
        data = {"certificate-authority-data": base64.b64encode(own.encode()).decode()}
        LiveReadTransport(server.kubeconfig(tmp_path / "config", cluster=data)).close()


def test_a_server_that_does_not_speak_tls_is_unavailable(tmp_path: Path) -> None:
    with scripted(reviewing, tls=False) as server:
        config = server.kubeconfig(tmp_path / "config", server=server.url.replace("http:", "https:"))
        with pytest.raises(ClusterUnavailable):
            LiveReadTransport(config, timeout_s=0.05)
    assert not server.requests


def test_a_handshake_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, scripted(reviewing) as server:
        config = server.kubeconfig(tmp_path / "config", server=f"https://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ClusterUnavailable, match="no whole answer"):
            LiveReadTransport(config, timeout_s=0.05)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The system's lookup of names hangs. Gives the names that were looked up."""
    asked: list[str] = []
    released = threading.Event()

    def hangs(host: str, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    yield asked
    released.set()


def test_a_name_whose_lookup_hangs_costs_a_read_its_time_and_one_thread(hanging: list[str]) -> None:
    kept = connections.Connections(kept=1)
    for _ in range(3):
        with pytest.raises(ClusterUnavailable, match=r"slow.example:443: no whole answer within 0\.1 s"):
            kept.send("GET", "https://slow.example:443/api", headers={}, timeout_s=0.1)
    kept.close()
    assert hanging == ["slow.example"]


def test_of_several_addresses_the_first_that_accepts_is_taken_within_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(lambda _: as_json(LIST), tls=False) as server:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (1, 1, server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *rest, **options: found)
        kept = connections.Connections(kept=1)
        assert kept.send("GET", f"http://many.example:{server.port}/api", headers={}, timeout_s=5).status == 200
        kept.close()


def test_more_objects_than_anybody_asked_for_are_not_parsed(tmp_path: Path) -> None:
    many = b'{"kind":"PodList","items":[' + b",".join([b"{}"] * (answers.MAX_NODES + 1)) + b"]}"
    response = asked(tmp_path, lambda _: [answer_of(200, many)])
    assert (response.status, response.is_final) == (502, True)
    assert b"objects and lists" in response.body
