"""How long does a survey take, and how much memory? By pods in the namespace, by way in, by the server's delay.

    .venv/bin/python -m benchmarks.estate --pods 10 100 1000 5000

Every tenth Deployment is broken in one of three ways. `in process` asks the embedded cluster directly; `https` asks
over a kubeconfig, as a live cluster is asked, from a process that holds nothing but the survey: its peak of memory is
what a diagnosis needs. Delays are added to each call.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aoi.access.transport import ReadRequest, ReadTransport, Request, Response
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.worlds.identities import PROBE, add_identities
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from flows.console import table
from kubeworld.bootstrap import empty_world
from kubeworld.front import Scaled, serving
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from kubeworld.serve import Kubeconfigs, Tenant, ending_now, front_of

NAMESPACE = "default"
PODS_PER_DEPLOYMENT = 20
PODS_PER_NODE = 100
SETTLE_S = 200
THREADS = 8
CASES = (("in process", 0.0), ("https", 0.0), ("https", 0.1), ("https", 1.5))
MEASURED = ("seconds", "peak_mib", "verdict", "causes", "gaps")
DELAYED_PODS = (10, 100)
"""Sizes that are asked with delays: a delay is paid for each call, and calls grow with pages alone."""


@dataclass(frozen=True)
class Delayed:
    """A server that takes its time."""

    inner: ReadTransport
    delay_s: float

    def read(self, request: ReadRequest) -> Response:
        """After a wait."""
        time.sleep(self.delay_s)
        return self.inner.read(request)


def world_of(pods: int) -> World:
    """As many pods, at least five to a Deployment where there are enough."""
    replicas = min(PODS_PER_DEPLOYMENT, max(1, pods // 5))
    return shop(max(1, pods // replicas), replicas)


def shop(deployments: int, replicas: int) -> World:
    """A namespace of Deployments with Services, every tenth broken."""
    world = empty_world(max(3, deployments * replicas // PODS_PER_NODE + 1), 0)
    add_identities(world, NAMESPACE)
    transport = EmbeddedTransport(world, ADMIN)
    for number in range(deployments):
        for path, obj in _objects(number, replicas):
            headers = {"content-type": "application/json"}
            transport.request(Request("POST", path, headers=headers, body=orjson.dumps(obj)))
    world.advance(SETTLE_S * 1000)
    return ending_now(world)


def _objects(number: int, replicas: int) -> list[tuple[str, dict[str, Any]]]:
    label, broken = f"shop-{number}", number % 10 == 3
    command = ["sh", "-c", "exit 1"] if broken and number % 3 == 0 else None
    container: dict[str, Any] = {"name": "app", "image": "registry.example/app:1", "ports": [{"containerPort": 8080}]}
    container |= {"command": command} if command else {}
    if broken and number % 3 == 1:
        container["envFrom"] = [{"configMapRef": {"name": "missing"}}]
    selector = f"{label}-old" if broken and number % 3 == 2 else label
    template = {"metadata": {"labels": {"app": label}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": label}}, "template": template}
    meta = {"name": label, "namespace": NAMESPACE}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
    service["spec"] = {"selector": {"app": selector}, "ports": [{"port": 80, "targetPort": 8080}]}
    return [
        (f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", deployment),
        (f"/api/v1/namespaces/{NAMESPACE}/services", service),
    ]


def measure(pods: int, way: str, delay_s: float) -> dict[str, Any]:
    """One survey of one world."""
    world = world_of(pods)
    if way == "in process":
        return _surveyed(EmbeddedReadTransport(world, PROBE), threads=1) | {"peak_mib": "-"}
    front = front_of([Tenant("aoi", world, NAMESPACE)], Scaled(1.0))
    with serving(front, 0), tempfile.TemporaryDirectory() as name:
        kubeconfig = Path(name) / "kubeconfig"
        files = Kubeconfigs({kubeconfig: PROBE}, cluster="aoi")
        front.call(lambda: files.write(front, [Tenant("aoi", world, NAMESPACE)]))
        return _asked("--survey", str(kubeconfig), str(delay_s))


def survey_over_https(kubeconfig: Path, delay_s: float) -> dict[str, Any]:
    """What the other process does: connect, check the identity, survey."""
    from aoi.access.live import LiveReadTransport

    began = time.perf_counter()
    transport = LiveReadTransport(kubeconfig, namespace=NAMESPACE)
    row = _surveyed(Delayed(transport, delay_s) if delay_s else transport, threads=THREADS)
    transport.close()
    peak_mib = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return row | {"seconds": round(time.perf_counter() - began, 2), "peak_mib": peak_mib}


def _surveyed(transport: ReadTransport, threads: int) -> dict[str, Any]:
    began = time.perf_counter()
    done = survey(Reader(transport, threads=threads, budget_s=120.0), [NAMESPACE])
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "verdict": done.answer.verdict,
        "causes": len(done.ranked.roots),
        "gaps": len(done.coverage.gaps),
    }


def _asked(*words: str) -> dict[str, Any]:
    """What this program prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.estate", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--survey", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(int(options.one[0]), options.one[1], float(options.one[2]))))
        return
    if options.survey:
        print(json.dumps(survey_over_https(Path(options.survey[0]), float(options.survey[1]))))
        return
    rows = []
    for pods in options.pods:
        for way, delay_s in CASES:
            if delay_s and pods not in DELAYED_PODS:
                continue
            row = _asked("--one", str(pods), way, str(delay_s))
            rows.append((str(pods), way, str(delay_s), *(str(row[key]) for key in MEASURED)))
    table("Survey of one namespace", ("pods", "way", "delay s", *MEASURED), rows)


if __name__ == "__main__":
    main()
