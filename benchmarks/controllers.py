"""What the embedded cluster's controllers cost: building, restoring, waiting, breaking and repairing a world.

Run: python -m benchmarks.controllers. Times are process CPU, best of several, so that a loaded machine tells the same.
"""

import time
from collections.abc import Callable

from kubeworld.cluster import new_cluster
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.runtime import ContainerPlan
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World

SERVICES = 19
ROUNDS = 7
PROBE = {"httpGet": {"path": "/health", "port": 8080}, "initialDelaySeconds": 3}


class BenchmarkRuntime(PlainRuntime):
    """Images that take a while to start, and one that does not exist."""

    def plan(self, world: World, pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        if container["image"].startswith("shop/bad"):
            return ContainerPlan(image_error="not_found")
        return ContainerPlan(pull_ms=900, ready_after_ms=2500)


def build() -> World:
    world = new_cluster(seed=1, runtime=BenchmarkRuntime())
    for name in ("default", "shop"):
        world.store.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for number in range(3):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{number}"}, "spec": {}}
        world.store.create("nodes", node)
    for number in range(SERVICES):
        name = f"service-{number}"
        meta = {"name": name, "namespace": "shop", "labels": {"app": name}}
        ports = [{"port": 80, "targetPort": 8080}]
        service = {"metadata": meta, "spec": {"selector": {"app": name}, "ports": ports}}
        world.store.create("services", service)
        container = {"name": name, "image": f"shop/{name}:1", "readinessProbe": PROBE, "livenessProbe": PROBE}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        world.store.create("deployments.apps", {"metadata": dict(meta), "spec": spec})
    world.advance(30_000)
    return world


def set_image(world: World, image: str) -> None:
    deployment = world.store.get("deployments.apps", "shop", "service-3")
    assert deployment is not None
    changed, spec = fork(deployment, "spec", "template", "spec")
    spec["containers"] = [{**spec["containers"][0], "image": image}]
    world.store.update("deployments.apps", changed, spec_changed=True)


def break_and_repair(world: World) -> None:
    set_image(world, "shop/bad:1")
    world.advance(90_000)
    set_image(world, "shop/service-3:1")
    world.advance(90_000)


def best_ms(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Least CPU time of several runs, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time_ns()
        action()
        times.append(time.process_time_ns() - start)
    return min(times) / 1e6


def main() -> None:
    world = build()
    objects = sum(len(world.store.objects(resource)) for resource in world.store.resources())
    snapshot = world.snapshot()
    print(f"world: {SERVICES} Deployments, {objects} objects")
    print(f"build and settle:                 {best_ms(build):8.2f} ms")
    print(f"restore a snapshot:               {best_ms(lambda: world.restore(snapshot), 200) * 1000:8.1f} us")
    print(f"advance 60 s, healthy and quiet:  {best_ms(lambda: world.advance(60_000), 8) * 1000:8.1f} us")

    def episode() -> None:
        world.restore(snapshot)
        break_and_repair(world)

    print(f"bad rollout 90 s, repair 90 s:    {best_ms(episode):8.2f} ms")
    world.restore(snapshot)
    print(f"digest:                           {best_ms(world.digest):8.2f} ms")


if __name__ == "__main__":
    main()
