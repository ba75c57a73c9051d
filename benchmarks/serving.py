"""How many diagnoses get through `aoi serve`, and how long does each take from the request to its answer?

    .venv/bin/python -m benchmarks.serving --requests 200 --workers 4

The real server in a process of its own, asked by that many callers at once, about clusters that this process serves
over HTTPS with every call delayed. Each request differs, so none stands for another. Nothing may be lost: each is
answered, or refused with a typed refusal.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import httpx

from aoi.worlds.identities import PROBE
from benchmarks.diagnosis import REPLICAS, DelayedFront
from benchmarks.estate import NAMESPACE, shop
from flows.console import table
from kubeworld.api.server import api_of
from kubeworld.front import Scaled, serving, write_kubeconfig

AOI = (sys.executable, "-m", "flows.entry")
WAIT_S = 60.0
OVER = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Sent:
    """One request: how it ended, and seconds until it was taken and until it was answered."""

    ended: str
    taken_s: float
    answered_s: float


def ask(url: str, token: str, number: int, clusters: int) -> Sent:
    """One caller with connections of its own, who waits for the answer."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=600.0, trust_env=False, verify=False) as client:
        return _asked(client, number, clusters)


def _asked(client: httpx.Client, number: int, clusters: int) -> Sent:
    began = time.monotonic()
    body = {"cluster": f"c{number % clusters}", "symptoms": [f"request {number}"]}
    answer = client.post("/v1/diagnoses", json=body)
    taken_s = time.monotonic() - began
    if answer.status_code != httpx.codes.ACCEPTED:
        kind = answer.json()["type"].rpartition(":")[2]
        return Sent(f"refused: {kind}", taken_s, time.monotonic() - began)
    state = "queued"
    while state not in OVER:
        told = client.get(f"/v1/diagnoses/{answer.json()['id']}", params={"wait_s": WAIT_S})
        state = told.raise_for_status().json()["submission"]["state"]
    return Sent(state, taken_s, time.monotonic() - began)


def measure(requests: int, workers: int, clusters: int, services: int, delay_s: float) -> list[str]:
    """A row of the table."""
    world = shop(services, REPLICAS)
    front = DelayedFront({"": world}, Scaled(1.0), delay_s=delay_s)
    with serving(front), tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        tokens = {PROBE.name: front.call(lambda: api_of(world).tokens.add(PROBE))}
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, tokens, namespace=NAMESPACE)
        limits = {"WORKERS": workers, "PER_CLUSTER": workers, "QUEUE": requests}
        variables = {f"AOI_SERVE__{name}": str(value) for name, value in limits.items()}
        environment = {**os.environ, "AOI_HOME": f"{folder}/home", **variables}
        for number in range(clusters):
            _run(environment, "clusters", "add", f"c{number}", "--kubeconfig", str(kubeconfig))
        token = json.loads(_run(environment, "serve", "token", "add", "bench", "--role", "operator", "--json"))["token"]
        command = [*AOI, "serve", "--port", "0"]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[2].rstrip(".")
            while not _is_ready(url):
                time.sleep(0.1)
            began = time.monotonic()
            with ThreadPoolExecutor(requests) as callers:
                sent = list(callers.map(lambda number: ask(url, token, number, clusters), range(requests)))
            seconds = time.monotonic() - began
        finally:
            server.send_signal(SIGTERM)
            server.wait(60)
    return _row(sent, seconds)


def _row(sent: Sequence[Sent], seconds: float) -> list[str]:
    ended = Counter(one.ended for one in sent)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        ", ".join(f"{count} {name}" for name, count in ended.most_common()),
        _percentiles([one.taken_s for one in sent]),
        _percentiles([one.answered_s for one in sent if one.ended == "done"]),
        f"{ended['done'] / seconds:.2f}",
        f"{peak_mb:.0f}",
    ]


def _percentiles(values: list[float]) -> str:
    """p50 and p95."""
    if len(values) < 2:
        return "-"
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return f"{cuts[9]:.2f} / {cuts[18]:.2f}"


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _run(environment: dict[str, str], *words: str) -> str:
    return subprocess.run([*AOI, *words], env=environment, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="all at once")
    parser.add_argument("--workers", type=int, nargs="+", default=[4])
    parser.add_argument("--clusters", type=int, default=4)
    parser.add_argument("--services", type=int, default=10, help="of each cluster, with two pods each")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds of each call")
    options = parser.parse_args()
    columns = ("workers", "ended", "taken s p50 / p95", "answered s p50 / p95", "a second", "peak MB")
    rows = []
    for workers in options.workers:
        row = measure(options.requests, workers, options.clusters, options.services, options.delay)
        rows.append((str(workers), *row))
    table(f"{options.requests} diagnoses at once", columns, rows)


if __name__ == "__main__":
    main()
