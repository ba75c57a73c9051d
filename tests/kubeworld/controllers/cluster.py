"""A small cluster for the controllers' tests: three nodes, one namespace, and a runtime that tests can steer."""

from dataclasses import dataclass, field
from typing import Any

from kubeworld.cluster import new_cluster
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.runtime import ContainerPlan, ProbeAnswer
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World

NAMESPACE = "shop"


@dataclass
class SteeredRuntime(PlainRuntime):
    """Plans by image and probe answers by container name; whatever is not named behaves plainly."""

    plans: dict[str, ContainerPlan] = field(default_factory=dict)
    failing: dict[tuple[str, str], str] = field(default_factory=dict)
    """(container, probe kind) -> message."""
    probe_inputs: tuple[str, ...] = ("configmaps",)
    asked: int = 0

    def plan(self, world: World, pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        return self.plans.get(container["image"], ContainerPlan(pull_ms=400, ready_after_ms=2000))

    def probe(self, world: World, pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        self.asked += 1
        kind = next(k for k in ("startup", "readiness", "liveness") if container.get(f"{k}Probe") is probe)
        message = self.failing.get((container["name"], kind))
        return ProbeAnswer(message is None, message or "")


def make_world(seed: int = 1, *, nodes: int = 3, cpu: str = "4", memory: str = "8Gi") -> World:
    """Nodes `node-1`..., namespace `shop`, settled."""
    world = new_cluster(seed=seed, runtime=SteeredRuntime())
    for name in ("default", "kube-system", "kube-node-lease", NAMESPACE):
        world.store.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for number in range(1, nodes + 1):
        capacity = {"cpu": cpu, "memory": memory, "pods": "110"}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"node-{number}"},
            "spec": {},
            "status": {"capacity": capacity, "allocatable": capacity},
        }
        world.store.create("nodes", node)
    world.settle()
    return world


def template(name: str, image: str = "shop/app:1", **spec: Any) -> Obj:
    container = {"name": name, "image": image, "ports": [{"name": "http", "containerPort": 8080}]}
    container |= spec.pop("container", {})
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def deployment(name: str, replicas: int = 1, image: str = "shop/app:1", **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": spec.pop("template", None) or template(name, image),
            **spec,
        },
    }


def service(name: str, target_port: int | str = 8080, **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "type": "ClusterIP",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": target_port, "protocol": "TCP"}],
            **spec,
        },
    }


def create(world: World, resource: str, obj: Obj) -> Obj:
    stored = world.store.create(resource, obj)
    world.settle()
    return stored


def edit(world: World, resource: str, name: str, /, *path: str, **values: Any) -> Obj:
    """Set values at a path of an object, as a write through the API would, and settle."""
    namespace = "" if resource in ("nodes", "namespaces", "persistentvolumes") else NAMESPACE
    new, target = fork(get(world, resource, name, namespace), *path)
    target.update(values)
    for key in [key for key, value in values.items() if value is None]:
        del target[key]
    stored = world.store.update(resource, new, spec_changed=bool(path) and path[0] == "spec")
    world.settle()
    return stored


def set_container(world: World, name: str, /, **values: Any) -> None:
    """Edit the first container of a Deployment's template."""
    obj = get(world, "deployments.apps", name)
    containers = obj["spec"]["template"]["spec"]["containers"]
    changed = {k: v for k, v in {**containers[0], **values}.items() if v is not None}
    edit(world, "deployments.apps", name, "spec", "template", "spec", containers=[changed, *containers[1:]])


def get(world: World, resource: str, name: str, namespace: str = NAMESPACE) -> Obj:
    obj = world.store.get(resource, namespace, name)
    assert obj is not None, f"{resource} {namespace}/{name}"
    return obj


def pods_of(world: World, app: str) -> list[Obj]:
    return [p for p in world.store.objects("pods", NAMESPACE) if p["metadata"].get("labels", {}).get("app") == app]


def events_of(world: World, name: str, reason: str | None = None) -> list[Obj]:
    """Events about objects whose name starts with `name`."""
    return [
        event
        for event in world.store.objects("events")
        if event["involvedObject"]["name"].startswith(name) and reason in (None, event["reason"])
    ]


def condition(obj: Obj, type_: str) -> Obj:
    return next(one for one in obj["status"]["conditions"] if one["type"] == type_)


def waiting(pod: Obj) -> Obj:
    return pod["status"]["containerStatuses"][0]["state"].get("waiting", {})


def write_config(world: World, name: str, data: dict[str, str]) -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}
    if world.store.get("configmaps", NAMESPACE, name) is None:
        world.store.create("configmaps", obj)
    else:
        world.store.update("configmaps", {**get(world, "configmaps", name), "data": data})
    world.settle()
