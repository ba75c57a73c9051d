"""The cluster around an application: nodes, system namespaces, identities, storage; and worlds ready for use.

`new_world` gives a world that has been up for two hours to a day: pods have ages, some components have earlier
recorded revisions, a container may have been restarted long ago. All of that varies by seed and is there whether or
not a fault follows, so none of it tells anything.
"""

import math
import random
from collections.abc import Iterable

import orjson

from aoi.access.reading import READABLES
from aoi.worlds.applications import furniture, manifests, systems
from aoi.worlds.applications.astronomy import astronomy_shop
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.social import social_network
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour import growth, happenings
from aoi.worlds.behaviour.experiments import Experiments
from aoi.worlds.behaviour.memory import Recorder
from aoi.worlds.behaviour.pausing import Pausing
from aoi.worlds.behaviour.phases import Phases
from aoi.worlds.fence import ExecutorFence
from aoi.worlds.identities import add_identities
from aoi.worlds.recognition import RecognisingRecorder, RecognisingRuntime
from aoi.worlds.runtime import AppRuntime
from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.cluster import new_cluster, standard_controllers
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import EPOCH_MS, World

MINUTE_MS = 60_000
WARM_UP_MIN = (95, 12 * 60)
"""How long ago the present releases were rolled out, in simulated minutes; log-uniform."""


def new_world(application: Application, seed: int, *, epoch_ms: int = EPOCH_MS) -> World:
    """A settled, warmed-up world that runs `application`. Deterministic by (application, seed)."""
    rng = random.Random(f"world/{application.key}/{application.seed}/{seed}")
    world = running(application, seed, epoch_ms=epoch_ms)
    for resource, obj in systems.objects(rng):
        world.store.create(resource, obj)
    add_identities(world, application.namespace, databases=True)
    world.settle()
    _install(world, application)
    _send(world, furniture.objects(application))
    _release(world, application, rng)
    shortest, longest = map(math.log, WARM_UP_MIN)
    world.advance(round(math.exp(rng.uniform(shortest, longest)) * MINUTE_MS))
    happenings.happen(world, application, rng)
    _send(world, furniture.autoscalers(application))
    return world


def open_world(nodes: int, seed: int) -> World:
    """A cluster with nothing but the system in it, in which the applications that are known by name are recognised."""
    runtime = RecognisingRuntime((hotel_reservation(seed), social_network(seed), astronomy_shop(seed)))
    controllers = (Experiments(), Pausing(), Phases(), RecognisingRecorder(runtime, growth.arrange))
    return empty_world(nodes, seed, runtime=runtime, controllers=controllers)


def running(application: Application, seed: int, *, epoch_ms: int = EPOCH_MS) -> World:
    """An empty world that can run `application`: its runtime, its memory of the past, and the Executor's fence."""
    return new_cluster(
        seed=seed,
        runtime=AppRuntime(application),
        controllers=(*standard_controllers(), Experiments(), Phases(), Recorder(application, growth.arrange)),
        plugins=(ExecutorFence(),),
        epoch_ms=epoch_ms,
    )


def _send(world: World, objects: Iterable[tuple[str, Obj]]) -> None:
    """Create what people install with `kubectl apply`: the API server fills in its defaults. Raises: ValueError."""
    for resource, obj in objects:
        path = READABLES[resource].path(obj["metadata"]["namespace"], None)
        headers = {"content-type": "application/json"}
        answer = api_of(world).handle("POST", path, (), headers, orjson.dumps(obj), ADMIN)
        if not isinstance(answer, Response) or answer.status != 201:
            said = answer.body[:300].decode() if isinstance(answer, Response) else type(answer).__name__
            raise ValueError(f"{resource} {obj['metadata']['name']}: expected 201 of the API server, found {said}")
    world.settle()


def _install(world: World, application: Application) -> None:
    """First releases: configuration, data and infrastructure, then the programs that need them at start."""
    late: list[Component] = []
    for resource, obj in manifests.objects(application):
        name = obj["metadata"]["name"]
        component = application.by_workload.get((resource, name))
        if component is not None and component.kind in ("service", "gateway"):
            late.append(component)
            continue
        world.store.create(resource, obj)
    manifests.start_databases(world, application)
    world.advance(20_000)
    for component in late:
        first = component.history[0] if component.history else None
        world.store.create(component.resource, manifests.workload_object(application, component, first))
    world.advance(40_000)


def _release(world: World, application: Application, rng: random.Random) -> None:
    """Roll out the later recorded releases one after another, up to the present one."""
    rounds = max((len(component.history) for component in application.components), default=0)
    for index in range(1, rounds + 1):
        world.advance(rng.randint(12, 40) * MINUTE_MS)
        for component in application.components:
            if len(component.history) < index:
                continue
            revision = component.history[index] if index < len(component.history) else None
            wanted = manifests.workload_object(application, component, revision)
            stored = world.store.get(component.resource, application.namespace_of(component), component.workload)
            assert stored is not None
            updated, spec = fork(stored, "spec")
            spec["template"] = wanted["spec"]["template"]
            world.store.update(component.resource, updated, spec_changed=True)
        world.advance(2 * MINUTE_MS)
