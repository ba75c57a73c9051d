"""A real operator, run by kopf in a process of its own, lives on the served API."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kubeworld.serve import ServedCluster, serve

pytestmark = pytest.mark.xdist_group("kopf")  # one operator for all of them
OPERATOR = Path(__file__).with_name("sites.py")
SITES = "/apis/example.com/v1/namespaces/default/sites"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"Content-Type": "application/merge-patch+json"}
LIMIT_S = 30.0
"""What the operator does takes some tenths of a second; a machine may be busy."""
_PROPERTIES = {"replicas": {"type": "integer"}, "image": {"type": "string", "default": "nginx:1.25"}}
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": _PROPERTIES}, "status": _OPEN}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "sites.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Site", "plural": "sites", "singular": "site"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": _SCHEMA},
            }
        ],
    },
}


class Operated:
    """A cluster in which the operator runs, and an administrator's client."""

    def __init__(self, cluster: ServedCluster, client: httpx.Client, log: Path) -> None:
        self.cluster = cluster
        self.client = client
        self._log = log

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        answer = self.client.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def create(self, name: str, replicas: int) -> Any:
        body = {"apiVersion": "example.com/v1", "kind": "Site", "metadata": {"name": name}}
        return self.send("POST", SITES, {**body, "spec": {"replicas": replicas}})

    def patch(self, path: str, body: object) -> Any:
        return self.send("PATCH", path, body, **MERGE)

    def status(self, name: str) -> dict[str, Any]:
        return self.send("GET", f"{SITES}/{name}").get("status") or {}

    def exists(self, path: str) -> bool:
        return self.client.get(path).status_code == 200

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    log = tmp_path_factory.mktemp("kopf") / "log"
    command = [
        sys.executable,
        "-m",
        "kopf",
        "run",
        "--standalone",
        "--namespace",
        "default",
        "--verbose",
        str(OPERATOR),
    ]
    with serve(speed=10) as cluster, log.open("w") as output:
        trust = ssl.create_default_context(cafile=str(cluster.ca_file))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        with httpx.Client(base_url=cluster.url, verify=trust, headers=headers, timeout=20) as client:
            running = Operated(cluster, client, log)
            running.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
            environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            try:
                yield running
            finally:
                process.terminate()
                assert process.wait(timeout=LIMIT_S) == 0, log.read_text()


def test_a_created_object_gets_its_child_and_both_statuses(operated):
    operated.create("first", 2)
    operated.until(lambda: operated.status("first").get("ready") == 2)
    site, child = operated.send("GET", f"{SITES}/first"), operated.send("GET", f"{DEPLOYMENTS}/first")
    assert site["status"]["create"] == {"deployment": child["metadata"]["uid"]}
    assert site["metadata"]["finalizers"] == ["example.com/site"]
    assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [site["metadata"]["uid"]]


def test_a_changed_field_reaches_its_handler_with_what_was_before(operated):
    operated.create("scaled", 1)
    operated.until(lambda: operated.status("scaled").get("ready") == 1)
    operated.patch(f"{SITES}/scaled", {"spec": {"replicas": 3}})
    operated.until(lambda: operated.status("scaled").get("ready") == 3)
    assert operated.status("scaled")["scaled"] == "1 -> 3"


def test_a_handler_is_tried_again_and_what_it_refuses_becomes_an_event(operated):
    operated.create("refused", 1)
    operated.until(lambda: operated.status("refused").get("ready") == 1)
    operated.patch(f"{SITES}/refused", {"spec": {"image": "other:1"}})

    def messages() -> list[str]:
        events = operated.send("GET", "/api/v1/namespaces/default/events")["items"]
        return [event["message"] for event in events if event["involvedObject"]["name"] == "refused"]

    operated.until(lambda: any("the image of a site cannot change" in message for message in messages()))
    assert any("in a moment" in message for message in messages())


def test_a_deleted_object_stays_until_its_handler_is_done_and_takes_its_child_with_it(operated):
    operated.create("brief", 1)
    operated.until(lambda: operated.status("brief").get("ready") == 1)
    uid = operated.send("GET", f"{SITES}/brief")["metadata"]["uid"]
    deleted = operated.send("DELETE", f"{SITES}/brief")
    assert deleted["metadata"]["uid"] == uid
    assert deleted["metadata"]["deletionTimestamp"]
    operated.until(lambda: not operated.exists(f"{SITES}/brief"))
    assert operated.send("GET", f"{MAPS}/brief-was-here")["data"] == {"replicas": "1"}
    operated.until(lambda: not operated.exists(f"{DEPLOYMENTS}/brief"))


def test_an_operator_whose_watches_are_gone_lists_again_and_goes_on(operated):
    operated.create("before", 1)
    operated.until(lambda: operated.status("before").get("ready") == 1)
    restarting = "Restarting the watch-stream for sites"
    restarted = operated.log().count(restarting)
    operated.cluster.call(lambda world: world.restore(world.snapshot()))  # its history is cut: every watch gets a 410
    operated.until(lambda: operated.log().count(restarting) > restarted)
    operated.create("after", 1)
    operated.until(lambda: operated.status("after").get("ready") == 1)
    operated.patch(f"{SITES}/before", {"spec": {"replicas": 2}})
    operated.until(lambda: operated.status("before").get("ready") == 2)
