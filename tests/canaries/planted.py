"""A served namespace in which every shape of a secret stands in every place where a cluster keeps text of people.

Each channel has a canary of its own, so that what comes out tells where it came from.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.access.secrets import CANARY, Shape, entries, shape
from tests.foreign.case import Deed, Obj
from tests.foreign.served import Foreign, foreign

NAMESPACE = "planted"
CHANNELS = ("configmap", "env", "args", "annotation", "log", "event")
PLAIN = {channel: f"blue-harbour-of-{channel}" for channel in ("configmap", "env", "args", "annotation")}
"""Values that neither their names nor their looks give away."""
MAX_EVENT = 1024
"""Characters of an event's message, as the API bounds them."""
_OF_ONE = 24
"""Shapes in each Deployment: as much log as a survey reads."""
_SETTLED_S = 400


@dataclass(frozen=True)
class Planting:
    """One shape in one place."""

    channel: str
    shape: Shape

    @property
    def text(self) -> str:
        return self.shape.text


@cache
def plantings(channel: str) -> tuple[Planting, ...]:
    """Every shape with a canary of its own in each channel, so that what comes out tells what it was."""
    place = CHANNELS.index(channel)
    made = [Planting(channel, shape(entry, _canary(place, number))) for number, entry in enumerate(entries())]
    # Values of API objects are whole: what is cut begins a log.
    return tuple(p for p in made if channel == "log" or not p.shape.id.startswith("cut in "))


def _canary(place: int, number: int) -> str:
    """As long and as mixed as the one of the corpus."""
    return f"{CANARY[:6]}{'ZqXwTv'[place]}{number:03d}Kw"


def deployments() -> int:
    """How many it takes."""
    return -(-len(entries()) // _OF_ONE)


def deployment(number: int) -> str:
    """What one of them, its ConfigMap and its label are called."""
    return f"shop-{number}"


@contextmanager
def planted() -> Iterator[Foreign]:
    """Serve it, every Deployment crashing so that its log and its objects are looked at."""
    with tempfile.TemporaryDirectory() as name, foreign(nodes=2, lasts_s=_SETTLED_S) as cluster:
        cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}], NAMESPACE)
        cluster.open_to_probe(NAMESPACE)
        for number in range(deployments()):
            few = slice(number * _OF_ONE, (number + 1) * _OF_ONE)
            parts = {channel: plantings(channel)[few] for channel in CHANNELS}
            _deploy(cluster, deployment(number), parts, Path(name))
        cluster.advance(_SETTLED_S)
        yield cluster


def _deploy(cluster: Foreign, name: str, parts: Mapping[str, Sequence[Planting]], folder: Path) -> None:
    lines = [line for planting in parts["log"] for line in planting.text.splitlines()]
    behaviour = {"match": {"pod": f"{name}-*"}, "exit": {"after_s": 2, "code": 1}, "log": [*lines, "ERROR it ended"]}
    cluster.behave(name, NAMESPACE, (behaviour,), folder)
    cluster.apply(_objects(name, parts), NAMESPACE)
    for number, planting in enumerate(parts["event"]):
        if len(planting.text) <= MAX_EVENT:
            cluster.do(Deed(event=_event(name, number, planting.text)), NAMESPACE)


def _objects(name: str, parts: Mapping[str, Sequence[Planting]]) -> list[Obj]:
    env = [{"name": f"SHAPE_{number}", "value": planting.text} for number, planting in enumerate(parts["env"])]
    env.append({"name": "COLOUR", "value": PLAIN["env"]})
    container = {
        "name": "app",
        "image": f"registry.example/{name}:1",
        "env": env,
        "args": [*(planting.text for planting in parts["args"]), PLAIN["args"]],
        "envFrom": [{"configMapRef": {"name": name}}],
    }
    annotations = {f"planted.example/shape-{n}": planting.text for n, planting in enumerate(parts["annotation"])}
    annotations["planted.example/colour"] = PLAIN["annotation"]
    metadata: dict[str, Any] = {"labels": {"app": name}, "annotations": annotations}
    template = {"metadata": metadata, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    data = {f"shape-{number}": planting.text for number, planting in enumerate(parts["configmap"])}
    data["colour"] = PLAIN["configmap"]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "annotations": annotations},
            "spec": spec,
        },
    ]


def _event(name: str, number: int, text: str) -> Obj:
    return {
        "kind": "Deployment",
        "name": name,
        "type": "Warning",
        "reason": f"Shape{number}",
        "message": text,
        "component": "kubelet",
    }
