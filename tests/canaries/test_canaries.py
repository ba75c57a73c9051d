"""Secrets stay: no canary of any shape, in any channel, is in what leaves the cluster or in what is kept of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from aoi.access.live import LiveReadTransport
from aoi.agents.kubectl import parse
from aoi.agents.probe import Probe
from aoi.needle import Needle
from tests.canaries.planted import CANARIES, CHANNELS, NAMESPACE, deployment, deployments, planted, plantings
from tests.foreign.served import Foreign


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
