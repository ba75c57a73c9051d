"""A small served namespace with a Secret in it, and another one that is nobody's business."""

from typing import Any

import orjson

from aoi.worlds.identities import add_identities
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from kubeworld.serve import ending_now
from tests.flows.live_cluster import deploy

NAMESPACE, OTHER = "shop", "payroll"


def shop() -> World:
    """Two namespaces with a Secret each; of the Probe's rights only those in the first."""
    world = ending_now(empty_world(1, seed=3))
    for namespace in (NAMESPACE, OTHER):
        _create(world, "/api/v1/namespaces", {"metadata": {"name": namespace}})
        _create(
            world, f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "db"}, "stringData": {"a": "b"}}
        )
        deploy(world, namespace, "geo")
    add_identities(world, NAMESPACE)
    world.advance(60_000)  # service accounts come after their namespace
    container = {"name": "main", "image": "registry.example/geo:1"}
    _create(
        world,
        f"/api/v1/namespaces/{NAMESPACE}/pods",
        {"metadata": {"name": "geo"}, "spec": {"containers": [container]}},
    )
    world.advance(120_000)
    return world


def _create(world: World, path: str, obj: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api_of(world).handle("POST", path, headers=headers, body=orjson.dumps(obj), identity=ADMIN)
    assert answer.status == 201, answer
