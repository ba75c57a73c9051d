"""The HTTPS front: who gets in, what a hostile client gets, and that the official client works."""

import socket
import ssl
from pathlib import Path

import httpx
import kubernetes
import orjson
import pytest
import yaml

from kubeworld.api.server import api_of
from kubeworld.cluster import new_cluster
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.identities import PROBE

PODS = "/api/v1/namespaces/shop/pods"


class Served:
    """One running front and a client per identity."""

    def __init__(self, front: Front, folder: Path) -> None:
        self.front = front
        self.folder = folder
        self.world = front.worlds[""]
        tokens = api_of(self.world).tokens
        self.tokens = {"admin": tokens.add(ADMIN), "probe": tokens.add(PROBE)}
        (folder / "ca.pem").write_bytes(front.authority_pem)
        self.trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))

    def send(self, method: str, path: str, who: str | None = "admin", **more) -> httpx.Response:
        headers = {
            **({"Authorization": f"Bearer {self.tokens.get(who, who)}"} if who else {}),
            **more.pop("headers", {}),
        }
        with httpx.Client(verify=self.trust, base_url=self.front.url, timeout=10) as client:
            return client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    front = Front({"": new_cluster(seed=1, controllers=()), "b": new_cluster(seed=2, controllers=())})
    with serving(front):
        running = Served(front, tmp_path_factory.mktemp("front"))
        assert running.send("POST", "/api/v1/namespaces", json={"metadata": {"name": "shop"}}).status_code == 201
        account = {"metadata": {"name": "default"}}
        assert running.send("POST", "/api/v1/namespaces/shop/serviceaccounts", json=account).status_code == 201
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "Bearer"},
        {"X-Remote-User": "admin", "X-Remote-Group": "system:masters"},
    ],
)
def test_without_a_known_bearer_token_nothing_is_served(served, headers):
    for path in (PODS, "/version", "/apis", f"{PODS}?token={served.tokens['admin']}"):
        answer = served.send("GET", path, None, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["reason"] == "Unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/v1/namespaces/shop/secrets", {"Impersonate-User": "system:admin"}),
        ("GET", "/api/v1/namespaces/shop/secrets", {"Impersonate-User": "x", "Impersonate-Group": "system:masters"}),
        ("GET", "/api/v1/namespaces/shop/secrets", {"X-HTTP-Method-Override": "DELETE"}),
        ("GET", "/api/v1/namespaces/shop/pods/../secrets", {}),
        ("GET", "/api/v1/namespaces/shop/pods/%2e%2e/secrets", {}),
        ("GET", "/api/v1/namespaces/shop/pods%2f..%2fsecrets", {}),
        ("GET", "/api/v1/namespaces/shop/sec%72ets", {}),
        ("GET", "//api/v1/namespaces/shop/secrets", {}),
        ("GET", "/api/v1/namespaces/shop/secrets/", {}),
        ("GET", "/api/v1/watch/namespaces/shop/secrets", {}),
        ("GET", "/api/v1/namespaces/shop/secrets?watch=true", {}),
        ("GET", "/api/v1/secrets?fieldSelector=metadata.namespace%3Dshop", {}),
        ("GET", f"{PODS}/x/exec?command=id", {}),
        ("POST", f"{PODS}/x/exec?command=id", {}),
        ("POST", f"{PODS}/x/attach", {}),
        ("POST", f"{PODS}/x/portforward", {}),
        ("GET", f"{PODS}/x/proxy/", {}),
        ("GET", "/api/v1/nodes/n/proxy/run/shop/x/web?cmd=id", {}),
        ("POST", f"{PODS}/x/eviction", {}),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/default/token", {}),
        ("POST", f"{PODS}?dryRun=All", {}),
        ("DELETE", PODS, {}),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {}),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {}),
        ("PATCH", f"{PODS}/x", {"Content-Type": "application/apply-patch+yaml"}),
    ],
)
def test_a_probe_without_roles_is_refused_whatever_it_tries(served, method, path, headers):
    before = served.world.store.revision
    answer = served.send(method, path, "probe", headers=headers, content=b"{}" if method != "GET" else None)
    assert answer.status_code in (403, 404)
    assert served.world.store.revision == before


def test_hostile_bodies_are_refused_and_the_server_lives(served):
    path = "/api/v1/namespaces/shop/configmaps"
    assert served.send("POST", path, content=b"x" * (4 << 20)).status_code == 413
    assert served.send("POST", path, content=b"[" * 200_000).status_code == 400
    assert served.send("POST", path, content=b"\xff\xfe").status_code == 400
    bomb = b"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\n"
    assert served.send("POST", path, content=bomb, headers={"Content-Type": "application/yaml"}).status_code == 400
    assert served.send("GET", "/readyz").text == "ok"


def test_conflicting_lengths_are_refused(served):
    """HTTP request smuggling: two Content-Length fields."""
    host, port = served.front.url.removeprefix("https://").split(":")
    plain = socket.create_connection((host, int(port)), timeout=5)
    with served.trust.wrap_socket(plain, server_hostname=host) as secure:
        token = served.tokens["admin"].encode()
        head = b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token
        secure.sendall(head + b"\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}")
        assert b" 400 " in secure.recv(4096).splitlines()[0]


def test_the_front_listens_on_loopback_only_and_speaks_tls_only(served):
    assert served.front.url.startswith("https://127.0.0.1:")
    with pytest.raises(httpx.HTTPError):
        httpx.get(served.front.url.replace("https", "http") + "/version", timeout=5)
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(served.front.url + "/version", timeout=5)


def test_worlds_behind_one_port_are_apart(served):
    other = api_of(served.front.worlds["b"]).tokens.add(ADMIN)
    assert served.send("GET", "/w/b/api/v1/namespaces/shop", other).status_code == 404
    assert served.send("GET", "/w/b/api/v1/namespaces").status_code == 401, "a token is for one world"
    assert served.send("GET", "/w/none/api/v1/namespaces").status_code == 404


def test_answers_carry_simulated_time_and_forbid_caching(served):
    answer = served.send("GET", "/version")
    assert answer.headers["Date"].startswith("Mon, 05 Jan 2026 08:0")
    assert answer.headers["Cache-Control"] == "no-cache, private"


def test_a_watch_streams_until_its_time_is_up(served):
    path = "/api/v1/namespaces/shop/serviceaccounts?watch=true&timeoutSeconds=1"
    lines = served.send("GET", path).text.splitlines()
    assert [orjson.loads(line)["type"] for line in lines] == ["ADDED"]


def test_a_kubeconfig_is_private_and_complete(served):
    path = served.folder / "kubeconfig"
    write_kubeconfig(path, served.front.url, served.front.authority_pem, served.tokens, namespace="shop")
    assert path.stat().st_mode & 0o777 == 0o600
    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "admin"
    assert {user["name"] for user in document["users"]} == {"admin", "probe"}


def test_the_official_client_reads_writes_and_watches(served):
    path = served.folder / "client"
    write_kubeconfig(path, served.front.url, served.front.authority_pem, {"admin": served.tokens["admin"]})
    with kubernetes.config.new_client_from_config(str(path)) as client:
        core, apps = kubernetes.client.CoreV1Api(client), kubernetes.client.AppsV1Api(client)
        assert kubernetes.client.VersionApi(client).get_code().minor == "32"
        spec = {"containers": [{"name": "web", "image": "nginx:1"}]}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
        body = {
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
        }
        created = apps.create_namespaced_deployment("shop", body)
        assert created.spec.strategy.type == "RollingUpdate"
        scaled = apps.patch_namespaced_deployment_scale("web", "shop", {"spec": {"replicas": 3}})
        assert scaled.spec.replicas == 3
        core.create_namespaced_config_map("shop", {"metadata": {"name": "c"}, "data": {"a": "b"}})
        assert core.read_namespaced_config_map("c", "shop").data == {"a": "b"}
        with pytest.raises(kubernetes.client.ApiException) as refusal:
            core.read_namespaced_config_map("none", "shop")
        assert refusal.value.status == 404
        seen = [
            (event["type"], event["object"].metadata.name)
            for event in kubernetes.watch.Watch().stream(core.list_namespaced_config_map, "shop", timeout_seconds=1)
        ]
        assert ("ADDED", "c") in seen
        apps.delete_namespaced_deployment("web", "shop")


def test_a_stepped_world_stands_still_until_it_is_advanced(served):
    world = served.front.worlds["b"]
    before = served.front.call(lambda: world.clock.now_ms)
    served.front.advance(5000)
    assert served.front.call(lambda: world.clock.now_ms) == before + 5000
    served.front.call(lambda: world.restore(world.snapshot()))
    assert served.front.call(lambda: world.clock.now_ms) == before + 5000
