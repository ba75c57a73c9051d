"""Five agents that a sound oracle must tell apart, played by direct writes, each in a fork of the problem's world."""

from collections.abc import Callable

from aoi.problems.inventory import RECORDED
from aoi.problems.scenario import Scenario, repair
from aoi.problems.writes import Delete, Patch, restart, send
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Agent = Callable[[Scenario], None]

DELETED = (
    "deployments.apps",
    "statefulsets.apps",
    "services",
    "configmaps",
    *(resource for resource in RECORDED if resource.endswith(".chaos-mesh.org")),
)
"""What whoever deletes everything deletes."""


def key_of(obj: Obj) -> tuple[str, str]:
    """(namespace, name)."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def golden(scenario: Scenario) -> None:
    """Undo the fault."""
    assert scenario.plan is not None
    repair(scenario.world, scenario.plan)


def nobody(scenario: Scenario) -> None:
    """Do nothing."""


def delete_everything(scenario: Scenario) -> None:
    """Delete every workload, Service, ConfigMap and chaos object."""
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for resource in DELETED:
        for obj in scenario.world.store.objects(resource, scenario.namespace):
            send(transport, Delete((resource, *key_of(obj))))


def scale_to_zero(scenario: Scenario) -> None:
    """Ask for no pods at all."""
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for key in _workloads(scenario.world, scenario.namespace):
        send(transport, Patch(key, {"spec": {"replicas": 0}}))


def restart_everything(scenario: Scenario) -> None:
    """Restart every workload."""
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for key in _workloads(scenario.world, scenario.namespace):
        send(transport, restart(key, scenario.world.clock.rfc3339()))


def _workloads(world: World, namespace: str) -> list[tuple[str, str, str]]:
    resources = ("deployments.apps", "statefulsets.apps")
    return [(resource, *key_of(obj)) for resource in resources for obj in world.store.objects(resource, namespace)]


QUINTET: tuple[tuple[str, Agent, bool], ...] = (
    ("golden repair passes", golden, True),
    ("nobody fails", nobody, False),
    ("delete-everything fails", delete_everything, False),
    ("scale-to-zero fails", scale_to_zero, False),
    ("restart-everything fails", restart_everything, False),
)
"""(claim, agent, whether the oracle must pass it)."""
