"""Secrets stay: no canary of any shape, in any channel, is in what leaves the cluster or in what is kept of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.access.live import LiveReadTransport
from aoi.agents.probe import Probe
from tests.canaries.planted import CHANNELS, NAMESPACE, deployment, deployments, planted, plantings
from tests.foreign.served import Foreign

LINES = (
    "kubectl get pods -o yaml -l app={}",
    "kubectl get pods -o json -l app={}",
    "kubectl get deployment {} -o yaml",
    "kubectl get deployment {} -o json",
    "kubectl get configmap {} -o yaml",
    "kubectl get configmap {} -o json",
    "kubectl describe deployment {}",
    "kubectl describe pods -l app={}",
    "kubectl describe configmap {}",
    "kubectl logs deployment/{}",
    "kubectl logs deployment/{} --previous",
    "kubectl events --for=deployment/{}",
    "kubectl get events -o yaml",
    "kubectl rollout history deployment/{} --revision=1",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Foreign]:
    with planted() as served:
        yield served


def leaks(text: str) -> dict[str, list[str]]:
    """Channel -> shapes whose secret can be read in a text."""
    found = {
        channel: [planting.shape.id for planting in plantings(channel) if planting.shape.leaks_into(text)]
        for channel in CHANNELS
    }
    return {channel: shapes for channel, shapes in found.items() if shapes}


def test_as_many_shapes_are_planted_as_are_promised():
    assert all(len(plantings(channel)) >= 120 for channel in CHANNELS)
    assert len(CHANNELS) == 6


def test_the_canaries_would_be_noticed():
    """Without this a text that holds none would prove nothing."""
    for channel in CHANNELS:
        everything = "\n".join(planting.text for planting in plantings(channel))
        assert set(leaks(everything)[channel]) == {planting.shape.id for planting in plantings(channel)}


@pytest.mark.parametrize("line", LINES)
def test_no_canary_is_in_what_a_probe_prints(line: str, cluster: Foreign):
    transport = LiveReadTransport(cluster.kubeconfig, namespace=NAMESPACE)
    probe = Probe(transport, NAMESPACE, limit_bytes=4 * 1024 * 1024)
    printed = []
    for number in range(deployments()):
        result = probe.run(line.format(deployment(number)))
        assert result.status == "ok", result.error
        printed.append(result.observation.decode())
    transport.close()
    assert leaks("\n".join(printed)) == {}


def test_no_canary_is_in_a_diagnosis_or_in_anything_that_is_kept_of_it(cluster: Foreign, tmp_path: Path):
    """The command as it is run: what it prints, its JSON, and every file of its home."""
    environment = {**os.environ, "AOI_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "diagnose"]
    where = ["--kubeconfig", str(cluster.kubeconfig), "-n", NAMESPACE, "--symptom", f"{deployment(0)} is down"]
    printed = []
    for options in ((), ("--json",)):
        done = subprocess.run([*command, *where, *options], capture_output=True, text=True, check=True, env=environment)
        printed += [done.stdout, done.stderr]
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert len(kept) > 5, "the evidence is kept"
    printed += [path.read_bytes().decode("utf-8", "replace") for path in kept]
    assert deployment(0) in printed[0]
    assert leaks("\n".join(printed)) == {}
