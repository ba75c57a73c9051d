"""A served namespace whose components can be broken, an Executor that may mend them, and what the server was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aoi.worlds.identities import EXECUTOR, PROBE, add_identities
from kubeworld.api.server import AuditRecord, api_of
from kubeworld.bootstrap import empty_world
from kubeworld.front import Front, Stepped, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from kubeworld.serve import ending_now
from tests.flows.live_cluster import deploy

NAMESPACE = "shop"
STEP_MS = 5_000
"""Simulated time that a request takes: pods start while somebody looks whether they do."""
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


@dataclass(frozen=True)
class Shop:
    """Where it is, and what opens it."""

    kubeconfig: Path
    """Contexts: the Probe's (the current one), the Executor's, the administrator's."""
    front: Front
    world: World

    @property
    def registering(self) -> tuple[str, ...]:
        """What registers it, with both identities."""
        file = str(self.kubeconfig)
        executor = ("--executor-kubeconfig", file, "--executor-context", EXECUTOR.name)
        return ("clusters", "add", "prod", "--replace", "--kubeconfig", file, *executor)

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """As the administrator, in the thread that owns the world."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"

        def sent() -> int:
            api = api_of(self.world)
            answer = api.handle(method, path, headers={"Content-Type": kind}, body=orjson.dumps(body), identity=ADMIN)
            self.world.settle()
            assert answer.status < 300, answer
            return answer.status

        self.front.call(sent)

    def get(self, resource: str, name: str) -> dict[str, Any]:
        """An object as it is stored."""
        found = self.front.call(lambda: self.world.store.get(resource, NAMESPACE, name))
        assert found is not None
        return found

    def replicas(self, name: str = "till") -> int:
        """How many a Deployment asks for."""
        count: int = self.get("deployments.apps", name)["spec"]["replicas"]
        return count

    def scale(self, count: int, name: str = "till") -> None:
        """Break it, or mend it by hand."""
        self.send("PATCH", f"{DEPLOYMENTS}/{name}", {"spec": {"replicas": count}})

    def pass_time(self, ms: int) -> None:
        """Let controllers and kubelets work."""
        self.front.call(lambda: self.world.advance(ms))

    def writes(self, *, dry_run: bool = False) -> list[AuditRecord]:
        """What the Executor sent that is no read and no question about itself, from the server's own audit log."""
        return [
            record
            for record in self.front.call(lambda: list(api_of(self.world).audit))
            if record.user in (EXECUTOR.name, PROBE.name)
            and record.verb not in ("get", "list", "watch")
            and not record.resource.startswith("selfsubject")
            and record.dry_run == dry_run
        ]


@contextmanager
def shop(folder: Path, *, seed: int = 3, break_it: Callable[[World], None] = lambda world: None) -> Iterator[Shop]:
    """Serve a namespace with two components behind their Services."""
    world = ending_now(empty_world(1, seed=seed))
    create(world, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    add_identities(world, NAMESPACE)
    deploy(world, NAMESPACE, "till")
    deploy(world, NAMESPACE, "door")
    world.advance(120_000)
    break_it(world)
    world.advance(120_000)
    folder.mkdir(parents=True, exist_ok=True)
    with serving(Front({"": world}, Stepped(STEP_MS))) as front:
        tokens = {who.name: api_of(world).tokens.add(who) for who in (PROBE, EXECUTOR, ADMIN)}
        path = folder / "config"
        write_kubeconfig(path, front.url, front.authority_pem, tokens, namespace=NAMESPACE)
        front.call(api_of(world).audit.clear)
        yield Shop(path, front, world)


def create(world: World, path: str, obj: dict[str, Any]) -> None:
    """As the administrator, in a world that nobody serves yet."""
    headers = {"Content-Type": "application/json"}
    answer = api_of(world).handle("POST", path, headers=headers, body=orjson.dumps(obj), identity=ADMIN)
    assert answer.status == 201, answer
