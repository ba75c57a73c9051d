"""Where a fault can hit: one component of an application, as its spec and the objects of a world spell it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from aoi.problems.writes import Key
from aoi.records.base import sha256_hex
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour import chaos
from kubeworld.controllers.predicates import NodeView, views
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

AROUND = (
    "resourcequotas",
    "limitranges",
    "persistentvolumeclaims",
    "horizontalpodautoscalers.autoscaling",
    "networkpolicies.networking.k8s.io",
    *chaos.EVERY,
)
PRIORITIES = "priorityclasses.scheduling.k8s.io"


@dataclass(frozen=True, slots=True)
class Site:
    """A component with the objects that stand for it, looked up before anything is injected."""

    application: Application
    spec: Component
    workload: Obj
    service: Obj | None
    pods_of: Mapping[str, tuple[str, ...]]
    """Pod names of every component, in order."""
    config_maps: Mapping[str, Obj]
    """All ConfigMaps of the namespace, by name."""
    nodes: tuple[NodeView, ...] = ()
    """Every node with its pods."""
    around: Mapping[str, tuple[Obj, ...]] = field(default_factory=dict)
    """GroupResource -> what else of it stands in the namespace: limits, quotas, claims."""

    elsewhere: frozenset[str] = frozenset()
    """Names of what other teams have put up on the cluster: workloads and priorities."""
    now: str = ""
    """When it was looked at, as RFC 3339."""

    @property
    def name(self) -> str:
        """Name of the component."""
        return self.spec.name

    @property
    def namespace(self) -> str:
        """Where the application lives."""
        return self.application.namespace

    @property
    def key(self) -> Key:
        """Key of its Deployment or StatefulSet."""
        return self.key_of(self.name)

    def key_of(self, component: str) -> Key:
        """Key of the workload of a component."""
        spec = self.application.by_name[component]
        return (spec.resource, self.application.namespace_of(spec), spec.workload)

    @property
    def service_key(self) -> Key:
        """Key of its Service."""
        assert self.service is not None, self.name
        return ("services", self.namespace, self.service["metadata"]["name"])

    @property
    def observer(self) -> str:
        """Whose log complains when this component does not answer: its first caller, or itself at the entry."""
        return self.callers[0] if self.callers else self.name

    @property
    def container(self) -> Mapping[str, Any]:
        """The application's container in the workload's template."""
        containers = self.workload["spec"]["template"]["spec"]["containers"]
        return next((c for c in containers if c["name"] == self.spec.container), containers[0])

    @property
    def pods(self) -> tuple[str, ...]:
        """Names of its pods, in order."""
        return self.pods_of[self.name]

    @property
    def is_autoscaled(self) -> bool:
        """Whether an autoscaler says how many replicas it has."""
        scalers = self.around["horizontalpodautoscalers.autoscaling"]
        return any(scaler["spec"]["scaleTargetRef"]["name"] == self.spec.workload for scaler in scalers)

    @property
    def callers(self) -> tuple[str, ...]:
        """Who calls it."""
        return self.application.callers[self.name]


def find(world: World, application: Application, name: str) -> Site:
    """The site of a component. Raises: KeyError if the world does not hold it."""
    spec, namespace = application.by_name[name], application.namespace
    workload = world.store.get(spec.resource, namespace, spec.workload)
    if workload is None:
        raise KeyError(f"{application.key}: no {spec.workload_kind} {spec.workload} in {namespace}")
    services = [service for service in application.services if service.component == name]
    service = world.store.get("services", namespace, services[0].name) if services else None
    pods: dict[str, tuple[str, ...]] = dict.fromkeys(application.by_name, ())
    for pod in world.store.objects("pods", namespace):
        owner = application.component_of(pod)
        if owner is not None and "deletionTimestamp" not in pod["metadata"]:
            pods[owner.name] += (pod["metadata"]["name"],)
    config_maps = {obj["metadata"]["name"]: obj for obj in world.store.objects("configmaps", namespace)}
    around = {resource: tuple(world.store.objects(resource, namespace)) for resource in AROUND}
    return Site(
        application,
        spec,
        workload,
        service,
        pods,
        config_maps,
        nodes=tuple(views(world)),
        around=around,
        elsewhere=_elsewhere(world),
        now=world.clock.rfc3339(),
    )


def _elsewhere(world: World) -> frozenset[str]:
    places = (("daemonsets.apps", "kube-system"), ("deployments.apps", "default"), (PRIORITIES, None))
    every = (obj for resource, namespace in places for obj in world.store.objects(resource, namespace))
    return frozenset(obj["metadata"]["name"] for obj in every)


@lru_cache(maxsize=256)
def flow(application: Application, silent: str = "") -> Mapping[str, float]:
    """Requests per second that reach each component by calls whose failure fails the caller, if all is well but that
    `silent` answers nobody: an operation ends at its first call that fails."""
    broken = _broken(application, silent)
    rates: dict[tuple[str, str], float] = {}
    for operation, share in application.workload.mix:
        rates[application.workload.entry, operation] = application.workload.rps * share
    rates |= {(worker, operation): jobs for worker, operation, jobs in application.workload.queued}
    totals: dict[str, float] = {}
    for name in application.topological:
        for operation in application.by_name[name].operations:
            alive = rates.get((name, operation.name), 0.0)
            totals[name] = totals.get(name, 0.0) + alive
            for call in filter(lambda call: call.critical, operation.calls):
                edge = (call.callee, call.operation)
                rates[edge] = rates.get(edge, 0.0) + alive * call.weight
                alive *= 1 - call.weight * broken[edge]
    return totals


def _broken(application: Application, silent: str) -> Mapping[tuple[str, str], float]:
    """(component, operation) -> share of its executions that fail where `silent` answers nobody."""
    shares: dict[tuple[str, str], float] = {}
    for name in reversed(application.topological):
        for operation in application.by_name[name].operations:
            alive = 0.0 if name == silent else 1.0
            for call in filter(lambda call: call.critical, operation.calls):
                alive *= 1 - call.weight * shares[call.callee, call.operation]
            shares[name, operation.name] = 1 - alive
    return shares


NOTICED = 0.05
"""Share of users' requests; what touches fewer neither pages nor shows among the noise."""


def is_used(application: Application, component: Component) -> bool:
    """Whether somebody notices when this component does not work: users, or who waits for the jobs of a queue."""
    if any(worker == component.name for worker, _, _ in application.workload.queued):
        return True
    return flow(application).get(component.name, 0.0) >= NOTICED * application.workload.rps


def rng(*parts: object) -> random.Random:
    """Random numbers that depend on `parts` alone, in every process."""
    return random.Random(int(sha256_hex("/".join(map(str, parts)).encode())[:16], 16))
