from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from kubeworld.api.server import Api
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.response import Response
from kubeworld.machine.world import Plugin

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Cluster:
    """A world without controllers, and its API as a few short verbs."""

    def __init__(self, plugins: tuple[Plugin, ...] = ()) -> None:
        self.world = new_cluster(seed=1, controllers=(), plugins=plugins)
        self.api = Api(self.world)
        self.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        self.post("/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": "default"}})

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: tuple[tuple[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
        who: Identity = ADMIN,
    ) -> tuple[int, Any]:
        """(status, decoded body)."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        result = self.api.handle(method, path, query, headers or {}, raw, who)
        assert isinstance(result, Response)
        is_json = result.content_type.startswith("application/json") and result.body
        return result.status, orjson.loads(result.body) if is_json else result.body

    def get(self, path: str, **more: Any) -> Any:
        status, body = self.send("GET", path, **more)
        assert status == 200, body
        return body

    def post(self, path: str, body: Any, **more: Any) -> Any:
        status, answer = self.send("POST", path, body, **more)
        assert status == 201, answer
        return answer

    def patch(self, path: str, body: Any, media: str = STRATEGIC, **more: Any) -> Any:
        status, answer = self.send("PATCH", path, body, headers={"Content-Type": media}, **more)
        assert status in (200, 201), answer
        return answer

    def deploy(self, name: str = "web", **spec: Any) -> Any:
        return self.post("/apis/apps/v1/namespaces/shop/deployments", deployment(name, **spec))

    def pod(self, name: str = "web-1", **spec: Any) -> Any:
        body = {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {**pod_spec(), **spec}}
        return self.post("/api/v1/namespaces/shop/pods", body)


def pod_spec(image: str = "nginx:1.25") -> dict[str, Any]:
    return {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]}


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec()}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()
