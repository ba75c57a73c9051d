"""How long does `aoi diagnose` take where no model is asked? From its start to its first request, and in all.

    .venv/bin/python -m benchmarks.diagnosis --services 40 --delay 0.05

The real command in a process of its own, over HTTPS, by a kubeconfig, with every call delayed at the server. Each
service has two pods and every tenth is broken.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from typing_extensions import override

from aoi.worlds.identities import PROBE
from benchmarks.estate import NAMESPACE, shop
from flows.console import table
from kubeworld.api.server import api_of
from kubeworld.front import Front, Scaled, serving, write_kubeconfig

REPLICAS = 2
VENDORS = ("torch", "transformers", "mlflow", "prefect", "great_expectations", "pandas")
"""What nobody should wait for who asks no model."""
PROGRAM = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *[name for name in {VENDORS!r} if name in sys.modules], file=sys.stderr))
from flows.cli import main
main()
"""
"""Runs the command and tells what of them it loaded."""


@dataclass
class DelayedFront(Front):
    """A server that is some way off."""

    delay_s: float = 0.0
    asked_at: list[float] = field(default_factory=list)
    """When each request came, in seconds of the monotonic clock."""

    @override
    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked_at.append(time.monotonic())
        await asyncio.sleep(self.delay_s)
        return await super()._serve(request)


def measure(services: int, delay_s: float) -> dict[str, Any]:
    """One diagnosis."""
    world = shop(services, REPLICAS)
    front = DelayedFront({"": world}, Scaled(1.0), delay_s=delay_s)
    with serving(front), tempfile.TemporaryDirectory() as name:
        kubeconfig = Path(name) / "kubeconfig"
        tokens = {PROBE.name: front.call(lambda: api_of(world).tokens.add(PROBE))}
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, tokens, namespace=NAMESPACE)
        words = ["diagnose", "--kubeconfig", str(kubeconfig), "-n", NAMESPACE, "--json"]
        environment = {**os.environ, "AOI_HOME": f"{name}/home"}
        _run(words, environment)  # makes the home, which is there ever after
        front.asked_at.clear()
        began = time.monotonic()
        done = _run(words, environment)
        seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"aoi diagnose ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)["answer"]
    return {
        "until first request s": round(front.asked_at[0] - began, 2),
        "in all s": round(seconds, 2),
        "requests": len(front.asked_at),
        "verdict": answer["verdict"],
        "causes": 1 + len(answer["also"]) if answer["verdict"] == "fault" else 0,
        "vendors loaded": done.stderr.rpartition("loaded:")[2].strip() or "none",
    }


def _run(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, nargs="+", default=[40])
    parser.add_argument("--delay", type=float, nargs="+", default=[0.0, 0.05, 0.2], help="seconds of each call")
    options = parser.parse_args()
    rows = []
    for services in options.services:
        for delay_s in options.delay:
            row = measure(services, delay_s)
            columns = ("services", "delay s", *row)
            rows.append((str(services), f"{delay_s:g}", *(str(value) for value in row.values())))
    table("aoi diagnose without a model", columns, rows)


if __name__ == "__main__":
    main()
