"""Described containers as the real kubectl shows them, over HTTPS."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeworld.serve import ServedCluster, serve

LOG = b"\xff\xfe no text\n" + b"x" * 20_000 + b"\n" + b"last line \xc3"
BEHAVIOURS = r"""
- match: {namespace: default, pod: "orders-*", container: migrate}
  exit: {after_s: 1, code: 3, message: "no such relation"}
  log: ["running migrations", "ERROR relation \"items\" does not exist"]
- match: {pod: web}
  log_file: web.log
  probes: {readiness: "HTTP probe failed with statuscode: 503"}
  usage: {cpu_m: 900, memory_mib: 480}
  exec: {"cat /tmp/x": "text"}
- match: {image: "registry.example/gone:*"}
  pull: not_found
- node: node-2
  ready: false
"""
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      initContainers: [{name: migrate, image: "registry.example/migrate:1"}]
      containers: [{name: web, image: "registry.example/orders:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: main, image: "registry.example/web:1", readinessProbe: {httpGet: {path: /, port: 80}}}
---
apiVersion: v1
kind: Pod
metadata: {name: gone}
spec: {containers: [{name: main, image: "registry.example/gone:1"}]}
"""


class Kubectl:
    def __init__(self, binary: str, cluster: ServedCluster, home: Path) -> None:
        self.binary, self.cluster, self.home = binary, cluster, home

    def __call__(self, *words: str, stdin: str = "") -> bytes:
        variables = {"HOME": str(self.home), "KUBECONFIG": str(self.cluster.kubeconfig), "PATH": os.environ["PATH"]}
        command = [self.binary, "--cache-dir", str(self.home / "cache"), *words]
        done = subprocess.run(
            command, input=stdin.encode(), capture_output=True, timeout=60, check=False, env=variables
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def kubectl(binary: str, tmp_path: Path) -> Iterator[Kubectl]:
    (tmp_path / "web.log").write_bytes(LOG)
    file = tmp_path / "behaviours.yaml"
    file.write_text(BEHAVIOURS)
    with serve(3, speed=0, behaviours=file) as cluster:
        yield Kubectl(binary, cluster, tmp_path)


def test_kubectl_shows_what_described_containers_and_nodes_do(kubectl):
    kubectl("apply", "-f", "-", stdin=MANIFESTS)
    kubectl.cluster.advance(90)

    pods = kubectl("get", "pods", "--no-headers").decode().splitlines()
    shown = {line.split()[0].partition("-")[0]: line.split()[1:3] for line in pods}
    assert shown["orders"][1] in ("Init:CrashLoopBackOff", "Init:Error")
    assert shown["web"] == ["0/1", "Running"]
    assert shown["gone"][1] in ("ErrImagePull", "ImagePullBackOff")
    assert kubectl("logs", "deployment/orders", "-c", "migrate", "--tail=1").decode().startswith("ERROR relation")
    assert b"no such relation" in kubectl("describe", "pods", "-l", "app=orders")
    assert b"Readiness probe failed: HTTP probe failed with statuscode: 503" in kubectl("describe", "pod", "web")

    assert kubectl("logs", "web") == LOG
    assert kubectl("logs", "web", "--tail=1") == LOG.rpartition(b"\n")[2]
    assert kubectl("logs", "web", "--limit-bytes=5") == LOG[:5]
    assert kubectl("exec", "web", "--", "cat", "/tmp/x") == b"text"
    assert b"900m" in kubectl("top", "pod", "web")
    nodes = kubectl("get", "nodes", "--no-headers").decode().splitlines()
    assert [line.split()[1] for line in nodes] == ["Ready", "NotReady", "Ready"]
    everything = json.loads(kubectl("get", "all,events,configmaps,secrets", "-A", "-o", "json"))
    assert "cat /tmp/x" not in json.dumps(everything)
