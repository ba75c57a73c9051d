"""A served cluster that knows nothing of AOI: namespaces as people write them, identities with more or fewer rights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aoi.worlds.identities import PROBE, add_identities
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.world import World
from kubeworld.serve import ending_now

BROKEN, CALM = "till-prod", "archive"
POOR = Identity("poor")
"""May list what AOI needs at the least, in both namespaces, and nothing else."""
RBAC = "rbac.authorization.k8s.io"
_NEEDED = {
    "verbs": ["get", "list"],
    "apiGroups": ["", "apps"],
    "resources": ["pods", "services", "events", "deployments"],
}


@dataclass(frozen=True)
class LiveCluster:
    """Where it is and what opens it."""

    kubeconfig: Path
    """Contexts: the probe's (the current one), the administrator's, and that of somebody with few rights."""
    url: str
    world: World


@contextmanager
def live_cluster(folder: Path) -> Iterator[LiveCluster]:
    """Serve two namespaces, in one of which a component lacks its configuration."""
    world = ending_now(empty_world(1, seed=3))
    for namespace in (BROKEN, CALM):
        _create(world, "/api/v1/namespaces", {"metadata": {"name": namespace}})
        _grant_little(world, namespace)
        add_identities(world, namespace)
    deploy(world, BROKEN, "front-door")
    deploy(world, BROKEN, "till-worker", env_from="till-settings")
    deploy(world, CALM, "vault")
    world.advance(120_000)
    with serving(Front({"": world})) as front:
        tokens = {who.name: api_of(world).tokens.add(who) for who in (PROBE, ADMIN, POOR)}
        path = folder / "config"
        write_kubeconfig(path, front.url, front.authority_pem, tokens, namespace=BROKEN)
        yield LiveCluster(path, front.url, world)


def deploy(world: World, namespace: str, name: str, *, env_from: str = "") -> None:
    """A Deployment and the Service before it, joined by a label that only the two of them know."""
    mark = {"part": f"{name}-part"}
    container: dict[str, Any] = {"name": "main", "image": f"registry.example/{name}:1"}
    if env_from:
        container["envFrom"] = [{"configMapRef": {"name": env_from}}]
    template = {"metadata": {"labels": mark}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": mark}, "template": template}
    _create(world, f"/apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": {"name": name}, "spec": spec})
    service = {"metadata": {"name": f"{name}-svc"}, "spec": {"selector": mark, "ports": [{"port": 80}]}}
    _create(world, f"/api/v1/namespaces/{namespace}/services", service)


def _grant_little(world: World, namespace: str) -> None:
    place = f"/apis/{RBAC}/v1/namespaces/{namespace}"
    _create(world, f"{place}/roles", {"metadata": {"name": "little"}, "rules": [_NEEDED]})
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "little"}
    subjects = [{"kind": "User", "apiGroup": RBAC, "name": POOR.name}]
    _create(
        world, f"{place}/rolebindings", {"metadata": {"name": "little"}, "roleRef": reference, "subjects": subjects}
    )


def _create(world: World, path: str, obj: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api_of(world).handle("POST", path, headers=headers, body=orjson.dumps(obj), identity=ADMIN)
    assert answer.status == 201, answer
