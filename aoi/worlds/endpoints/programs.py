"""What answers HTTP in a cluster's containers: monitoring systems, by their image, and the programs of applications."""

from collections.abc import Callable
from functools import partial

from aoi.access.transport import Response
from aoi.worlds.behaviour.launch import split_image
from aoi.worlds.behaviour.network import container_status
from aoi.worlds.endpoints.alertmanager_api import alertmanager
from aoi.worlds.endpoints.jaeger_api import jaeger
from aoi.worlds.endpoints.prometheus_api import Query, prometheus
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Answer = Callable[[str, Query, str], Response]
"""(path, query, method) -> response."""
_SEVERAL = ("all-in-one", "jaeger", "jaeger-query")
JAEGER_PORTS, PROMETHEUS_PORTS, ALERTMANAGER_PORTS = (16686,), (9090,), (9093,)


def answer(world: World, pod: Obj, port: int) -> Answer | None:
    """What listens on a port of a pod and speaks HTTP; None if nothing does."""
    for container in pod["spec"]["containers"]:
        status = container_status(pod, container["name"])
        if status is None or "running" not in (status.get("state") or {}):
            continue
        found = _program(world, pod, container, port)
        if found is not None:
            return found
    return None


def _program(world: World, pod: Obj, container: Obj, port: int) -> Answer | None:
    repository, _ = split_image(container.get("image", ""))
    owner, _, name = repository.rpartition("/")
    owner = owner.rpartition("/")[2]
    if name == "prometheus" and port in PROMETHEUS_PORTS:
        return partial(prometheus, world)
    if name == "alertmanager" and port in ALERTMANAGER_PORTS:
        return partial(alertmanager, world)
    if owner == "jaegertracing" and name in _SEVERAL and port in JAEGER_PORTS:
        return partial(jaeger, world, namespace=pod["metadata"]["namespace"])
    return None
