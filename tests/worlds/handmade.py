"""A world whose pods and endpoints are written by hand, without controllers: for the pure parts."""

from aoi.worlds.applications import manifests
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.configuration import current_values
from aoi.worlds.runtime import AppRuntime
from kubeworld.cluster import new_cluster
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

HOUR_MS = 3_600_000


def world_of(application: Application, seed: int = 1) -> World:
    """Every component has its pods running for an hour and its endpoints ready."""
    world = new_cluster(seed=seed, runtime=AppRuntime(application))
    for resource, obj in manifests.objects(application):
        world.store.create(resource, obj)
    manifests.start_databases(world, application)
    world.state["configuration"] = ((0, current_values(world, application.namespace)),)
    for index, component in enumerate(application.components):
        workload = world.store.get(component.resource, application.namespace_of(component), component.workload)
        assert workload is not None
        for replica in range(component.replicas):
            pod = pod_of(world, workload, f"{component.name}-7d9f-{replica}", f"10.244.{replica}.{index + 5}")
            world.store.create("pods", pod)
    for service in application.services:
        endpoints = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
            }
            for namespace in application.namespaces
            for pod in world.store.objects("pods", namespace)
            if (owner := application.component_of(pod)) is not None and owner.name == service.component
        ]
        world.store.create("endpointslices.discovery.k8s.io", slice_of(application, service.name, endpoints))
    world.clock.now_ms = HOUR_MS
    return world


def slice_of(application: Application, name: str, endpoints: list[Obj]) -> Obj:
    service = next(service for service in application.services if service.name == name)
    return {
        "metadata": {
            "name": f"{name}-abcde",
            "namespace": application.namespace_of(application.by_name[service.component]),
            "labels": {"kubernetes.io/service-name": name},
        },
        "endpoints": endpoints,
        "ports": [{"name": port.name, "port": port.target, "protocol": "TCP"} for port in service.ports],
    }


def pod_of(world: World, workload: Obj, name: str, ip: str) -> Obj:
    template = workload["spec"]["template"]
    started = world.clock.rfc3339(0)
    statuses = [
        {
            "name": c["name"],
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": started}},
            "lastState": {},
        }
        for c in template["spec"]["containers"]
    ]
    return {
        "metadata": {
            "name": name,
            "namespace": workload["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
        },
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": statuses,
        },
    }
