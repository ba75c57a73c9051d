"""pytest finds this module by its entry point: installed beside pytest, kubeworld offers its fixture to every test.

Nothing of the cluster is imported until a test asks for one.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kubeworld.serve import ServedCluster

MARKER = (
    "kubeworld(nodes=1, seed=0, speed=1.0, behaviours=None): the cluster that the fixture kubeworld_cluster serves to "
    "this test"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def kubeworld_cluster(request: pytest.FixtureRequest) -> "Iterator[ServedCluster]":
    """An empty Kubernetes cluster of this test's own, served over HTTPS on loopback: kubeconfig, url, token, ca_file.

    `advance(seconds)` lets its time pass at once. `@pytest.mark.kubeworld(nodes=3, speed=0)` sets what
    `kubeworld.serve.serve` takes: nodes, seed, simulated seconds for each second of the wall clock, and what
    containers and kubelets do (a file, or its entries).
    """
    from kubeworld.serve import serve

    marker = request.node.get_closest_marker("kubeworld")
    with serve(**(marker.kwargs if marker else {})) as cluster:
        yield cluster
