"""Plain HTTP beside the front: faces of worlds, NodePorts, and connections that port-forward carries into pods."""

import asyncio
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass

import aiohttp
import httpx
import pytest

from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.front import Face, Front, Scaled, serving, spdy, write_kubeconfig
from kubeworld.front.forwarding import PROTOCOL
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.programs import kubectls

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]}]},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


@dataclass(frozen=True)
class Said:
    status: int
    body: bytes
    content_type: str = "application/json"


def listening(world, pod, port):
    """Port 8080 of every pod tells what it was asked, and who it is."""
    if port != 8080:
        return None
    name = pod["metadata"]["name"]
    return lambda path, query, method: Said(200, json.dumps({"pod": name, "path": path, "query": query}).encode())


def make_front(*names: str, **more) -> Front:
    worlds = {name: empty_world(1, seed=number) for number, name in enumerate(names or ("",))}
    return Front(worlds, Scaled(), listening=listening, **more)


def create(front: Front, obj: dict, world: str = "") -> dict:
    plural = {"Pod": "pods", "Service": "services"}[obj["kind"]]

    def act() -> dict:
        path = f"/api/v1/namespaces/default/{plural}"
        answer = api_of(front.worlds[world]).handle("POST", path, (), {}, json.dumps(obj).encode(), ADMIN)
        assert answer.status == 201, answer.body
        front.worlds[world].advance(5_000)
        return json.loads(answer.body)

    return front.call(act)


def until(holds) -> None:
    for _ in range(100):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("nothing changed within five seconds")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_face_answers_for_the_world_that_the_path_names():
    face = Face(
        "names", lambda world: lambda path, query, method: Said(200, f"{world.seed} {method} {path} {query}".encode())
    )
    with serving(make_front("a", "b", faces=(face,))) as front:
        url = front.doors.urls["names"]
        assert httpx.get(f"{url}/w/b/x%20y?k=1").text == "1 GET /x y (('k', '1'),)"
        form = httpx.post(f"{url}/w/a/x?k=1", data={"q": "up{}"})
        assert form.text == "0 POST /x (('k', '1'), ('q', 'up{}'))"
        assert httpx.get(f"{url}/w/c/x").status_code == 404
        assert httpx.delete(f"{url}/w/a/x").status_code == 405


def test_node_ports_listen_as_long_as_their_services_live():
    with serving(make_front(is_node_ports=True)) as front:
        create(front, POD)
        number = create(front, SERVICE)["spec"]["ports"][0]["nodePort"]
        until(lambda: is_open(number))
        assert httpx.get(f"http://127.0.0.1:{number}/x?k=v").json() == {
            "pod": "web",
            "path": "/x",
            "query": [["k", "v"]],
        }
        front.call(lambda: front.worlds[""].store.delete("services", "default", "web"))
        until(lambda: not is_open(number))


def test_a_node_port_with_nobody_behind_it_resets_the_connection():
    with serving(make_front(is_node_ports=True)) as front:
        number = create(front, SERVICE)["spec"]["ports"][0]["nodePort"]
        until(lambda: is_open(number))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{number}/")


def test_a_node_port_that_somebody_else_has_is_reported_and_the_rest_is_served():
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with serving(make_front(is_node_ports=True, report=said.append)) as front:
            service = json.loads(json.dumps(SERVICE))
            stored = create(front, service)
            stored["spec"]["ports"][0]["nodePort"] = taken
            front.call(lambda: front.worlds[""].store.update("services", stored))
            until(lambda: said)
            assert said == [
                f"NodePort {taken} of Service default/web is not served on 127.0.0.1: Address already in use"
            ]


CLOSING_S = 0.2
"""How long aiohttp's client takes to let go of a TLS connection: its documentation says to wait."""


async def forwarded(front: Front, token: str, port: str, request: bytes) -> tuple[bytes, bytes]:
    """(data, error) of one connection, spoken as kubectl speaks it."""
    url = f"{front.url}/api/v1/namespaces/default/pods/web/portforward"
    headers = {"Authorization": f"Bearer {token}"}
    codec, streams = spdy.Codec(), {1: b"", 3: b""}
    ended: set[int] = set()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=(PROTOCOL,), headers=headers, ssl=False) as websocket,
    ):
        for number, kind in ((1, "error"), (3, "data")):
            named = {"streamtype": kind, "port": port, "requestid": "0"}
            await websocket.send_bytes(codec.opening(number, named))
        await websocket.send_bytes(spdy.data(3, request))
        while ended != {1, 3}:
            message = await websocket.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.BINARY, message
            for frame in codec.read(message.data):
                if frame.kind == 0:
                    streams[frame.stream] += frame.data
                    ended |= {frame.stream} if frame.flags & spdy.FIN else set()
    await asyncio.sleep(CLOSING_S)
    return streams[3], streams[1]


def test_port_forward_carries_http_to_what_listens_and_refuses_where_nothing_does():
    request = b"GET /status?deep=1 HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
    with serving(make_front()) as front:
        create(front, POD)
        token = front.call(lambda: api_of(front.worlds[""]).tokens.add(ADMIN))
        data, error = asyncio.run(forwarded(front, token, "8080", request))
        assert (error, data[:12]) == (b"", b"HTTP/1.1 200")
        assert b'"path": "/status"' in data
        data, error = asyncio.run(forwarded(front, token, "9999", b""))
        assert data == b""
        assert b"dial tcp4 127.0.0.1:9999: connect: connection refused" in error


@pytest.mark.parametrize(
    "junk",
    [b"\x00", b"\xff" * 64, b"\x80\x02\x00\x01\x00\x00\x00\x04abcd", b"\x80\x03\x00\x01\x00\x00\x00\x0c" + b"z" * 12],
)
def test_junk_in_a_tunnel_ends_the_tunnel_alone(junk):
    with serving(make_front()) as front:
        create(front, POD)
        token = front.call(lambda: api_of(front.worlds[""]).tokens.add(ADMIN))

        async def send() -> None:
            url = f"{front.url}/api/v1/namespaces/default/pods/web/portforward"
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(url, protocols=(PROTOCOL,), headers=headers, ssl=False) as websocket,
            ):
                await websocket.send_bytes(junk)
            await asyncio.sleep(CLOSING_S)

        asyncio.run(send())
        data, _ = asyncio.run(forwarded(front, token, "8080", b"GET / HTTP/1.0\r\n\r\n"))
        assert data.startswith(b"HTTP/1.0 200")


@pytest.mark.parametrize("binary", kubectls().values() or [None], ids=kubectls().keys() or ["none"])
def test_kubectl_forwards_a_port_of_a_service(binary, tmp_path):
    if binary is None:
        pytest.skip("no kubectl is installed: `make clients` brings two")
    with serving(make_front()) as front:
        create(front, POD)
        create(front, SERVICE)
        config = tmp_path / "config"
        token = front.call(lambda: api_of(front.worlds[""]).tokens.add(ADMIN))
        write_kubeconfig(config, front.url, front.authority_pem, {"admin": token}, namespace="default")
        environment = {**os.environ, "KUBECONFIG": str(config), "KUBECACHEDIR": str(tmp_path / "cache")}
        process = subprocess.Popen(
            [binary, "port-forward", "service/web", ":80"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Forwarding from 127.0.0.1:"), line
            url = f"http://127.0.0.1:{line.split(':')[1].split()[0]}"
            for number in range(3):
                assert httpx.get(f"{url}/{number}").json()["path"] == f"/{number}"
        finally:
            process.kill()
            process.communicate()
