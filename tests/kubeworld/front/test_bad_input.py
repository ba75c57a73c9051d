"""What hostile and broken clients send over the wire: the right status, no crash, and nobody else is harmed."""

import socket
import ssl
import time
from collections.abc import Iterator

import httpx
import orjson
import pytest

from kubeworld.api.server import api_of
from kubeworld.cluster import new_cluster
from kubeworld.front import Front, serving
from kubeworld.front.server import WATCH_LIMIT
from kubeworld.machine.identity import ADMIN

MAPS = "/api/v1/namespaces/shop/configmaps"


class Server:
    """A served world, a client that behaves, and raw connections for those that do not."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.world = front.worlds[""]
        self.token = api_of(self.world).tokens.add(ADMIN)
        self.trust = ssl.create_default_context(cadata=front.authority_pem.decode())
        self.client = httpx.Client(
            verify=self.trust, base_url=front.url, timeout=20, headers={"Authorization": f"Bearer {self.token}"}
        )

    def connect(self) -> ssl.SSLSocket:
        host, port = self.front.url.removeprefix("https://").split(":")
        plain = socket.create_connection((host, int(port)), timeout=20)
        return self.trust.wrap_socket(plain, server_hostname=host)

    def head(self, method: str, path: str, *fields: str) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.token}", *fields, "", "")
        return "\r\n".join(lines).encode()

    def status_of(self, request: bytes) -> int:
        with self.connect() as connection:
            connection.sendall(request)
            return int(connection.recv(4096).split()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Front({"": new_cluster(seed=1, controllers=())})) as front:
        running = Server(front)
        running.client.post("/api/v1/namespaces", json={"metadata": {"name": "shop"}})
        running.client.post(MAPS, json={"metadata": {"name": "one"}, "data": {"a": "b"}})
        yield running
        running.client.close()


@pytest.fixture(autouse=True)
def nobody_is_harmed(server: Server) -> Iterator[None]:
    yield
    answer = server.client.get(f"{MAPS}/one")
    assert answer.status_code == 200
    assert answer.json()["data"]["a"] == "b"


BOMB = b"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n"


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"metadata":{"name":"x"}} trailing', 400),
        ("application/json", b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        ("application/json", b'{"metadata":{"name":"x"},"data":{"a":' + b"[" * 500 + b"]" * 500 + b"}}", 400),
        ("application/yaml", b"a: [", 400),
        ("application/yaml", b"\x00\xff", 400),
        ("application/yaml", BOMB, 400),
        ("application/yaml", b"!!python/object/apply:os.system [id]", 400),
        ("application/vnd.kubernetes.protobuf", b"nonsense", 400),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00" + b"\xff" * 200, 400),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\x0a\xff\xff\xff\xff\x7f", 400),
        ("application/msgpack", b"{}", 415),
        ("application/json", b'{"metadata":{"name":"' + b"x" * (3 << 20) + b'"}}', 413),
    ],
)
def test_a_body_that_cannot_be_read_is_the_clients_mistake(server, media, body, status):
    answer = server.client.post(MAPS, content=body, headers={"Content-Type": media})
    assert answer.status_code == status, answer.text[:300]
    assert answer.json()["kind"] == "Status"


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "add", "path": "/data/x", "value": "1"}] * 10_001, 413),
        ([{"op": "copy", "from": "/data", "path": f"/data/{'x' * 400}{n}"} for n in range(200)], 413),
        ([{"op": "replace", "path": "/data/none", "value": "1"}], 422),
        ([{"op": "test", "path": "/data/a", "value": "other"}], 422),
        ([{"op": "explode", "path": "/"}], 400),
        ({"op": "add"}, 400),
    ],
)
def test_a_patch_that_cannot_be_applied_is_refused(server, operations, status):
    headers = {"Content-Type": "application/json-patch+json"}
    answer = server.client.patch(f"{MAPS}/one", content=orjson.dumps(operations), headers=headers)
    assert answer.status_code == status, answer.text


def test_ten_thousand_operations_are_done(server):
    operations = [{"op": "add", "path": "/data/n", "value": str(n)} for n in range(10_000)]
    headers = {"Content-Type": "application/json-patch+json"}
    answer = server.client.patch(f"{MAPS}/one", content=orjson.dumps(operations), headers=headers)
    assert answer.status_code == 200
    assert answer.json()["data"]["n"] == "9999"


def test_two_lengths_and_a_length_beside_chunks_are_refused(server):
    two = server.head("POST", MAPS, "Content-Length: 2", "Content-Length: 40") + b"{}"
    assert server.status_of(two) == 400
    both = server.head("POST", MAPS, "Content-Length: 2", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n"
    assert server.status_of(both) == 400
    assert server.status_of(b"\x16\x03\x01 nonsense\r\n\r\n") == 400


def test_a_chunked_body_without_a_length_is_read_and_bounded(server):
    body = orjson.dumps({"metadata": {"name": "chunked"}})
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    head = server.head("POST", MAPS, "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert server.status_of(head + chunk) == 201
    answer = server.client.post(MAPS, content=(b"x" * 65_536 for _ in range(64)))
    assert answer.status_code == 413


def test_clients_that_dawdle_or_vanish_hold_nothing(server):
    slow = [server.connect() for _ in range(20)]
    for connection in slow:
        connection.sendall(server.head("POST", MAPS, "Content-Length: 1000")[:40])
    dropped = [server.connect() for _ in range(20)]
    for number, connection in enumerate(dropped):
        connection.sendall(server.head("GET", f"{MAPS}?watch=true" if number % 2 else MAPS))
        connection.close()
    started = time.monotonic()
    assert server.client.get(MAPS).status_code == 200
    assert time.monotonic() - started < 5
    for connection in slow:
        connection.close()
    deadline = time.monotonic() + 10
    while server.front.streams and time.monotonic() < deadline:
        server.client.get(MAPS)
        time.sleep(0.05)
    assert server.front.streams == 0


def test_a_thousand_watches_are_served_or_told_to_come_back(server):
    """A handshake each is slow, so they are plain sockets over TLS; all stay open together."""
    connections, answers = [], []
    for _ in range(1000):
        connection = server.connect()
        connection.sendall(server.head("GET", f"{MAPS}?watch=true"))
        connections.append(connection)
    for connection in connections:
        answers.append(int(connection.recv(4096).split()[1]))
    assert answers.count(200) == WATCH_LIMIT
    assert answers.count(429) == 1000 - WATCH_LIMIT
    assert server.client.get(f"{MAPS}/one").status_code == 200
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 20
    while server.front.streams and time.monotonic() < deadline:
        server.front.call(lambda: None)
        time.sleep(0.1)
    assert server.front.streams == 0, "nothing is kept of watches whose clients are gone"
