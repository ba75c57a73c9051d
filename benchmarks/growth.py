"""What a cluster costs by itself, and how that grows with what is in it. Needs kubeworld alone.

Run: python -m benchmarks.growth. Times are CPU time of this process (other programs on the machine disturb little).
"""

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import orjson

from kubeworld.api.server import Api, api_of
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.world import World
from kubeworld.serve import serve

JSON = "application/json"
SIZES = (100, 1000, 10_000)
POD_COUNTS = (100, 500, 1000)
Row = tuple[str, str, str]
"""(what, figure, target)."""


def cpu_us(act: Callable[[], object], repeat: int = 200) -> float:
    """Median CPU microseconds of one call; the clock is read around batches, since it ticks in microseconds."""
    act()
    batch = max(1, repeat // 20)
    times = []
    for _ in range(20):
        started = time.process_time_ns()
        for _ in range(batch):
            act()
        times.append((time.process_time_ns() - started) / batch / 1000)
    return statistics.median(times)


def ask(world: World, path: str, identity: Identity = ADMIN, accept: str = JSON, **query: str) -> Callable[[], Any]:
    """One GET, ready to be timed."""
    api, headers = api_of(world), {"accept": accept}
    result = api.handle("GET", path, query, headers, b"", identity)
    assert getattr(result, "status", 0) == 200, result
    return lambda: api.handle("GET", path, query, headers, b"", identity)


def growth() -> list[Row]:
    """What the same acts cost in a cluster with many more objects."""
    rows = _more_objects()
    _pods_us(20)  # the first pods of a process pay for the schemas that it loads
    for pods in POD_COUNTS:
        rows.append((f"{pods} pods made ready on {_nodes(pods)} nodes", f"{_pods_us(pods):.0f} us CPU a pod", ""))
    return rows


def _more_objects() -> list[Row]:
    rows = []
    for size in SIZES:
        world = empty_world(3, 1)
        for number in range(size):
            meta = {"name": f"c{number:05}", "namespace": f"ns{number % 10}"}
            world.store.create("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {}})
        world.settle()
        api = api_of(world)
        snapshot = world.snapshot()
        one = "/api/v1/namespaces/ns3/configmaps/c00013"
        patch = {"content-type": "application/merge-patch+json"}
        patched, listed = _patcher(api, one, patch), ask(world, "/api/v1/configmaps")
        acts: dict[str, Callable[[], object]] = {
            "restore": lambda world=world, snapshot=snapshot: world.restore(snapshot),
            "GET": lambda api=api, one=one: api.handle("GET", one, (), {}, b"", ADMIN),
            "PATCH": patched,
            "list all": listed,
            "PATCH and list all": lambda patched=patched, listed=listed: (patched(), listed()),
            "60 s": lambda world=world: world.advance(60_000),
        }
        figures = ", ".join(f"{name} {cpu_us(act, 40):.0f}" for name, act in acts.items())
        rows.append((f"{size} objects more (us CPU)", figures, "at most linear"))
    return rows


def _patcher(api: Api, path: str, headers: dict[str, str]) -> Callable[[], object]:
    count = iter(range(10**9))

    def act() -> object:
        return api.handle("PATCH", path, (), headers, orjson.dumps({"data": {"n": str(next(count))}}), ADMIN)

    return act


def _nodes(pods: int) -> int:
    return max(3, pods // 50)


def _pods_us(pods: int) -> float:
    """From nothing to ready, over deployments of 20 with a Service each."""
    gc.collect()  # the worlds of earlier figures are not this one's garbage
    world = empty_world(_nodes(pods), 1)
    started = time.process_time()
    for number in range(pods // 20):
        labels = {"app": f"a{number}"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        spec = {"replicas": 20, "selector": {"matchLabels": labels}, "template": template}
        body = {"metadata": {"name": f"a{number}"}, "spec": spec}
        api = api_of(world)
        api.handle("POST", "/apis/apps/v1/namespaces/default/deployments", (), {}, orjson.dumps(body), ADMIN)
        service = {"metadata": {"name": f"a{number}"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
        api.handle("POST", "/api/v1/namespaces/default/services", (), {}, orjson.dumps(service), ADMIN)
        world.settle()
    world.advance(30_000)
    ready = sum(d["status"].get("readyReplicas", 0) for d in world.store.objects("deployments.apps", "default"))
    assert ready == pods, f"{ready} of {pods} pods are ready"
    return (time.process_time() - started) / pods * 1e6


def begin() -> list[Row]:
    """From nothing to a served cluster, its certificates and kubeconfig included."""

    def once() -> float:
        started = time.process_time()
        with serve():
            return time.process_time() - started

    return [("an empty cluster, served", f"{min(once() for _ in range(5)) * 1000:.0f} ms CPU", "")]


def print_rows(rows: list[Row]) -> None:
    """One line a figure."""
    for name, figure, target in rows:
        print(f"{name:46} {figure:>24}   {target}", flush=True)


if __name__ == "__main__":
    print_rows(begin())
    print_rows(growth())
