"""A warmed-up HotelReservation, restored for every test."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import pytest

from aoi.access import rights
from aoi.access.replay import ReplayTransport, capture
from aoi.access.transport import Request
from aoi.agents.actions.database import script_digest
from aoi.agents.journal import Journal
from aoi.problems.sandbox import sandbox_executor, world_time
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.repairs import repair_scripts
from aoi.worlds.applications.spec import Application
from aoi.worlds.environment import new_world, running
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import Snapshot


@lru_cache(maxsize=1)
def _base() -> tuple[Application, Snapshot, ReplayTransport]:
    application = hotel_reservation(1)
    world = new_world(application, 1)
    recorded = capture(EmbeddedReadTransport(world, PROBE), application.namespace)
    return application, world.snapshot(), recorded


class Cluster:
    """One embedded cluster with an operator who breaks things and an Executor that may mend them."""

    def __init__(self) -> None:
        self.application, snapshot, self.recorded = _base()
        self.namespace = self.application.namespace
        self.world = running(self.application, 1)
        self.world.restore(snapshot)
        self.admin = EmbeddedTransport(self.world, ADMIN)
        self.transport = EmbeddedTransport(self.world, EXECUTOR)
        self.journal = Journal()
        self.executor = sandbox_executor(
            self.world, self.transport, self.namespace, journal=self.journal, recorded=self.recorded
        )

    def now(self) -> datetime:
        """The world's time."""
        return world_time(self.world)

    @property
    def repairs(self) -> frozenset[str]:
        """Digests of the scripts that the application's chart brings to repair with."""
        return frozenset(map(script_digest, repair_scripts(self.application)))

    def fence(self) -> None:
        """Bind the admission policies that `deploy/` ships for real clusters."""
        for document in rights.policies():
            plural = "policybindings" if document["kind"].endswith("Binding") else "policies"
            self.send("POST", f"/apis/{document['apiVersion']}/validatingadmission{plural}", document)

    def get(self, resource: str, name: str) -> dict[str, Any]:
        obj = self.world.store.get(resource, "" if resource == "nodes" else self.namespace, name)
        assert obj is not None, (resource, name)
        return obj

    def patch(self, path: str, patch: dict[str, Any]) -> None:
        kind = "merge" if "chaos" in path else "strategic-merge"
        headers = {"Content-Type": f"application/{kind}-patch+json"}
        self.send("PATCH", path, patch, headers)

    def send(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        path = path.replace("NS", self.namespace)
        sent = headers or {"Content-Type": "application/json"}
        response = self.admin.request(Request(method, path, headers=sent, body=orjson.dumps(body)))
        assert response.status < 300, response.body

    def break_deployment(self, name: str, container: dict[str, Any] | None = None, **spec: Any) -> None:
        """Change a Deployment's first container or pod spec, with old pods stopped first."""
        path = f"/apis/apps/v1/namespaces/NS/deployments/{name}"
        present = self.get("deployments.apps", name)["spec"]["template"]["spec"]["containers"][0]["name"]
        template = {"spec": {**spec, **({"containers": [{"name": present, **container}]} if container else {})}}
        strategy = {"type": "Recreate", "rollingUpdate": None}
        self.patch(path, {"spec": {"strategy": strategy, "template": template}})
        self.world.advance(60_000)

    def ready(self, deployment: str) -> int:
        return self.get("deployments.apps", deployment).get("status", {}).get("readyReplicas", 0)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()
