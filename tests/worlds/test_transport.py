"""The ways into a world."""

import orjson

from aoi.access.transport import Request
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.api.conftest import Cluster, deployment

DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


def test_a_transport_settles_the_world_and_stamps_simulated_time() -> None:
    cluster = Cluster()
    transport = EmbeddedTransport(cluster.world, ADMIN)
    answer = transport.request(Request("POST", DEPLOYMENTS, body=orjson.dumps(deployment())))
    assert answer.status == 201
    assert answer.headers["Date"] == "Mon, 05 Jan 2026 08:00:00 GMT"
    dry = transport.request(Request("DELETE", f"{DEPLOYMENTS}/web", dry_run=True))
    assert dry.status == 200
    assert cluster.world.store.get("deployments.apps", "shop", "web")
