"""A served world with controllers, and the real kubectl talking to it."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from kubeworld.api.server import api_of
from kubeworld.bootstrap import SETTLING_MS, empty_world
from kubeworld.cluster import new_cluster
from kubeworld.front import Front, Scaled, serving, write_kubeconfig
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.runtime import LogLine
from kubeworld.machine.world import World
from tests.kubeworld.identities import PROBE
from tests.kubeworld.programs import kubectls

NO_KUBECTL = "no kubectl is installed: `make clients` brings two"


@pytest.fixture(params=kubectls().items() or [None], ids=lambda found: found[0] if found else "none")
def binary(request: pytest.FixtureRequest) -> str:
    """The suite runs with the oldest and with the newest kubectl that the API is meant for."""
    if request.param is None:
        pytest.skip(NO_KUBECTL)
    return request.param[1]


class ShellRuntime(PlainRuntime):
    """Answers exec and logs enough to see that both arrive."""

    def exec(self, world, pod, container, command):
        if command[:1] == ["echo"]:
            return 0, " ".join(command[1:]).encode() + b"\n", b""
        return 3, b"", b"no such command\n"

    def log(self, world, pod, container, *, previous):
        return [] if previous else [LogLine(0, f"{container} line {number}") for number in range(5)]


def make_world() -> World:
    """Three nodes; simulated time starts now, because kubectl counts some ages on its own clock."""
    world = new_cluster(seed=1, runtime=ShellRuntime(), epoch_ms=int(time.time() * 1000))
    for name in ("default", "kube-system", "kube-node-lease"):
        spec = {"finalizers": ["kubernetes"]}
        meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta, "spec": spec, "status": {"phase": "Active"}}
        world.store.create("namespaces", body)
    for number in (1, 2, 3):
        capacity = {"cpu": "8", "memory": "16Gi", "pods": "110"}
        meta = {"name": f"node-{number}", "labels": {"kubernetes.io/hostname": f"node-{number}"}}
        status = {"capacity": capacity, "allocatable": capacity}
        world.store.create(
            "nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {}, "status": status}
        )
    world.settle()
    return world


@dataclass
class Kubectl:
    """Runs lines in one namespace of the served world and checks what comes back."""

    binary: str
    home: Path
    namespace: str

    def run(self, line: str, expected: str = "", *, code: int = 0, stdin: str = "", within_s: float = 0.0) -> str:
        """Run `kubectl line`; `expected` is a regex over stdout and stderr. Retries until `within_s` is over."""
        deadline = time.monotonic() + within_s
        while True:
            done = self._once(line, stdin)
            output = done.stdout + done.stderr
            fits = done.returncode == code and re.search(expected, output, re.S | re.M)
            if fits or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert done.returncode == code, f"kubectl {line}: exit {done.returncode}, expected {code}\n{output}"
        assert re.search(expected, output, re.S | re.M), f"kubectl {line}: no {expected!r} in\n{output}"
        return output

    def _once(self, line: str, stdin: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.home / "config"),
            "KUBECTL_KUBERC": "false",
            "KUBE_EDITOR": "sed -i s/replicas:.*/replicas:\\ 4/",
        }
        arguments = [self.binary, "-n", self.namespace, "--cache-dir", str(self.home / "cache"), *shlex.split(line)]
        return subprocess.run(
            arguments,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env=environment,
            cwd=self.home,
            check=False,
        )


@pytest.fixture(scope="session")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """The folder with the kubeconfig of a served world; each kubectl has a world of its own."""
    with ExitStack() as fronts:

        @cache
        def serve(binary: str) -> Path:
            world = make_world()
            home = tmp_path_factory.mktemp(Path(binary).name)
            tokens = {"admin": api_of(world).tokens.add(ADMIN), "probe": api_of(world).tokens.add(PROBE)}
            front = fronts.enter_context(serving(Front({"": world}, Scaled(20))))
            write_kubeconfig(home / "config", front.url, front.authority_pem, tokens)
            return home

        yield serve


@pytest.fixture
def empty_cluster(binary: str, tmp_path: Path) -> Iterator[Kubectl]:
    """The cluster that has nothing but the system in it, with its default class and its system."""
    world = empty_world(3, seed=1, epoch_ms=int(time.time() * 1000) - SETTLING_MS)
    with serving(Front({"": world}, Scaled(30))) as front:
        write_kubeconfig(
            tmp_path / "config", front.url, front.authority_pem, {"admin": api_of(world).tokens.add(ADMIN)}
        )
        yield Kubectl(binary, tmp_path, "default")


@pytest.fixture
def kubectl(binary: str, served_home: Callable[[str], Path], request: pytest.FixtureRequest) -> Kubectl:
    """Every test has a namespace of its own, so that their order does not matter."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:50].strip("-")
    runner = Kubectl(binary, served_home(binary), name)
    runner.run(f"create namespace {name}", "created")
    return runner
