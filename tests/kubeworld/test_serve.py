"""A served cluster as programs and people begin one: `serve`, and `python -m kubeworld`."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from kubeworld.bootstrap import empty_world
from kubeworld.front import Stepped, is_ours, serving
from kubeworld.machine.identity import ADMIN
from kubeworld.serve import Kubeconfigs, ServedCluster, Tenant, front_of, serve
from tests.kubeworld.api.conftest import deployment

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def send(cluster: ServedCluster, method: str, path: str, body: object = None) -> dict:
    trust = ssl.create_default_context(cafile=str(cluster.ca_file))
    headers = {"Authorization": f"Bearer {cluster.token}"}
    with httpx.Client(base_url=cluster.url, verify=trust, headers=headers, timeout=20) as client:
        answer = client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


def test_a_cluster_that_stands_still_moves_when_it_is_advanced():
    with serve(nodes=3, speed=0) as cluster:
        assert len(send(cluster, "GET", "/api/v1/nodes")["items"]) == 3
        probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 20}
        body = deployment()
        body["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
        send(cluster, "POST", DEPLOYMENTS, body)
        assert "readyReplicas" not in send(cluster, "GET", f"{DEPLOYMENTS}/web")["status"]
        before = cluster.call(lambda world: world.clock.now_ms)
        cluster.advance(60.5)
        assert cluster.call(lambda world: world.clock.now_ms) == before + 60_500
        assert send(cluster, "GET", f"{DEPLOYMENTS}/web")["status"]["readyReplicas"] == 1


def test_the_files_of_a_cluster_are_private_and_go_with_it():
    with serve() as cluster:
        document = yaml.safe_load(cluster.kubeconfig.read_text())
        assert document["clusters"][0]["cluster"]["server"] == cluster.url
        assert cluster.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert not cluster.kubeconfig.parent.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(cluster.url)


def test_equal_seeds_give_equal_clusters():
    def pods(seed: int) -> list[tuple[str, str]]:
        with serve(seed=seed, speed=0) as cluster:
            items = send(cluster, "GET", "/api/v1/pods")["items"]
            return [(pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in items]

    assert pods(7) == pods(7)
    assert pods(7) != pods(8)


def test_several_worlds_have_a_context_each_and_their_clusters_the_name_that_was_chosen(tmp_path):
    tenants = [Tenant("a", empty_world(1, 1)), Tenant("b", empty_world(1, 2), "kube-system")]
    front, file = front_of(tenants, Stepped()), tmp_path / "config"
    files = Kubeconfigs({file: ADMIN}, cluster="mine")
    with serving(front):
        files.check()
        front.call(lambda: files.write(front, tenants))
    document = yaml.safe_load(file.read_text())
    assert [cluster["name"] for cluster in document["clusters"]] == ["mine", "mine-2"]
    assert [cluster["cluster"]["server"].rpartition("/w/")[2] for cluster in document["clusters"]] == ["a", "b"]
    assert [(one["name"], one["context"]["namespace"]) for one in document["contexts"]] == [
        ("a", "default"),
        ("b", "kube-system"),
    ]
    assert is_ours(file, "mine")
    assert not is_ours(file)


def test_a_file_that_somebody_else_wrote_is_neither_overwritten_nor_removed(tmp_path):
    file = tmp_path / "config"
    file.write_text("apiVersion: v1\nkind: Config\nclusters: [{name: production, cluster: {server: https://x}}]\n")
    before, files = file.read_text(), Kubeconfigs({file: ADMIN})
    with pytest.raises(FileExistsError) as refusal:
        files.check()
    assert refusal.value.filename == str(file)
    files.remove()
    assert file.read_text() == before
    with pytest.raises(NotADirectoryError):
        Kubeconfigs({tmp_path / "none" / "config": ADMIN}).check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted_and_leaves_nothing(tmp_path, number):
    command = [sys.executable, "-m", "kubeworld", "--nodes", "2"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = ""
        while "KUBECACHEDIR=" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        path = Path(re.search(r"KUBECONFIG=(\S+)", said)[1])
        assert is_ours(path)
        assert json.dumps(yaml.safe_load(path.read_text())).count("https://127.0.0.1:") == 1
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_and_a_number_that_is_none_are_said(tmp_path):
    with serve() as cluster:
        port = cluster.url.rpartition(":")[2]
        command = [sys.executable, "-m", "kubeworld"]
        taken = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=60, check=False)
        assert taken.returncode == 1
        assert f"error: cannot serve on 127.0.0.1:{port}: " in taken.stderr
        assert "already in use" in taken.stderr.lower()
        assert "Traceback" not in taken.stderr
        wrong = subprocess.run([*command, "--nodes", "0"], capture_output=True, text=True, timeout=60, check=False)
        assert wrong.returncode == 2
        assert "0 is not from 1 to 1000" in wrong.stderr
