"""A settled cluster of three nodes, its API, and behaviours as they would stand in a file."""

from typing import Any

import orjson
import pytest
import yaml

from kubeworld.api.server import api_of
from kubeworld.behaviours import apply, parse
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

PODS = "/api/v1/namespaces/default/pods"


class Described:
    """A world that behaves as YAML says."""

    def __init__(self, world: World) -> None:
        self.world = world

    def behave(self, text: str) -> None:
        apply(self.world, parse(yaml.safe_load(text)))

    def send(self, method: str, path: str, body: Obj | None = None, **query: str) -> Response:
        raw = b"" if body is None else orjson.dumps(body)
        answer = api_of(self.world).handle(method, path, tuple(query.items()), {}, raw, ADMIN)
        assert isinstance(answer, Response)
        self.world.settle()
        return answer

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status == 200, answer.body
        return orjson.loads(answer.body)

    def start(self, name: str, *, seconds: float = 0, spec: Obj | None = None, **container: Any) -> Obj:
        """A pod of one container `main`, as it is after so long."""
        main = {"name": "main", "image": "registry.example/app:1", **container}
        body = {"metadata": {"name": name}, "spec": {"containers": [main], **(spec or {})}}
        assert self.send("POST", PODS, body).status == 201
        return self.after(seconds, name)

    def after(self, seconds: float, name: str) -> Obj:
        self.world.advance(round(seconds * 1000))
        return self.get(f"{PODS}/{name}")

    def log(self, name: str, **query: str) -> bytes:
        answer = self.send("GET", f"{PODS}/{name}/log", **query)
        assert answer.status == 200, answer.body
        return answer.body

    def events(self, name: str, reason: str) -> list[str]:
        events = self.get("/api/v1/namespaces/default/events")["items"]
        return [e["message"] for e in events if e["involvedObject"]["name"] == name and e["reason"] == reason]


@pytest.fixture
def described() -> Described:
    return Described(empty_world(3, seed=1))


def state(pod: Obj, *, init: bool = False) -> Obj:
    return status(pod, init=init)["state"]


def status(pod: Obj, *, init: bool = False) -> Obj:
    return pod["status"]["initContainerStatuses" if init else "containerStatuses"][0]


def last(pod: Obj) -> Obj:
    return status(pod)["lastState"]["terminated"]
