"""One embedded cluster with its clock: the store, the controllers that settle it, and the way back.

Everything that a world remembers is in the store, in the clock, or in `state` (application state that is
not an API object: database users, feature flags as loaded, kubelet back-off). A snapshot is those three.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import orjson

from kubeworld.machine.admission import Write
from kubeworld.machine.clock import Clock, ClockSnapshot
from kubeworld.machine.outside import Outside
from kubeworld.machine.runtime import ContainerPlan, LogLine, ProbeAnswer, Usage, Work
from kubeworld.machine.store import Change, Name, Obj, Store, StoreSnapshot

EPOCH_MS = 1_767_600_000_000
"""2026-01-05T08:00:00Z, a Monday morning: where simulated time starts unless a person is watching."""
Part = TypeVar("Part")


class Controller(Protocol):
    """Drives one kind of object towards its spec. Idempotent; keeps nothing of its own between calls."""

    @property
    def name(self) -> str:
        """Names it in timers and in the queue; unique in a world."""
        ...

    @property
    def watches(self) -> tuple[str, ...]:
        """Resources whose changes wake it; "*" means all."""
        ...

    def wakes_for(self, world: "World", change: Change) -> list[tuple[str, Name]]:
        """Which (resource, name) keys to reconcile after `change`."""
        ...

    def reconcile(self, world: "World", resource: str, name: Name) -> None:
        """Bring one object closer to its spec: commit changes, set timers."""
        ...


class Runtime(Protocol):
    """The world inside the containers, as a pure function of the world's state and time."""

    @property
    def probe_inputs(self) -> tuple[str, ...]:
        """Resources, other than the pod itself, that probe answers depend on.

        A change to one of them in a namespace has the probes of its pods asked again.
        """
        ...

    def plan(self, world: "World", pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        """What container `container` (its spec) of `pod` does if started now; `attempt` counts restarts."""
        ...

    def probe(self, world: "World", pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """Answer one probe of a running container (httpGet, tcpSocket, grpc or exec)."""
        ...

    def log(self, world: "World", pod: Obj, container: str, *, previous: bool) -> Sequence[LogLine]:
        """Log of the running container, or of the one before it, oldest first."""
        ...

    def usage(self, world: "World", pod: Obj, container: Obj) -> Usage:
        """Resource use of a running container now."""
        ...

    def exec(self, world: "World", pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """Run a command in a container: (exit code, stdout, stderr)."""
        ...


@runtime_checkable
class Worker(Protocol):
    """A runtime whose containers write to the API. One that does not say so has containers that write nothing."""

    def work(self, world: "World", pod: Obj, container: Obj, *, has_ended: bool) -> Sequence[Work]:
        """What a container has done: once it has ended with 0, or once it runs and is not going to end."""
        ...


class Plugin(Protocol):
    """Looks at changes after everything else, and may refuse them: what a validating webhook is to a real cluster."""

    def review(self, world: "World", write: Write) -> None:
        """Let a change pass. Raises: Refused."""
        ...


class Admission(Protocol):
    """Decides what may be stored. The API asks about every write, controllers about the pods and claims they make.

    `kubeworld.admission` decides as kube-apiserver would; a world without one stores whatever it is given.
    """

    def admit(self, world: "World", resource: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """The object as it may be stored. `previous` is the stored one on an update. Raises: Refused."""
        ...

    def admit_created_pod(self, world: "World", pod: Obj, component: str) -> Obj:
        """The same for a pod that a controller creates. Raises: Refused."""
        ...

    def review(self, world: "World", write: Write) -> None:
        """Ask the plug-ins that whoever built the world put behind Kubernetes' own. Raises: Refused."""
        ...


class AdmitAll:
    """No admission: for worlds whose objects come from their builder alone."""

    def admit(self, world: "World", resource: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """As it is."""
        return obj

    def admit_created_pod(self, world: "World", pod: Obj, component: str) -> Obj:
        """As it is."""
        return pod

    def review(self, world: "World", write: Write) -> None:
        """Nobody objects."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point to go back to, or to fork from."""

    store: StoreSnapshot
    clock: ClockSnapshot
    state: dict[str, Any]


class World:
    """One cluster. `runtime` models what runs in its containers, `admission` decides what may be stored."""

    SETTLE_LIMIT = 200_000
    """Reconciles in one settle before it is declared a livelock."""
    INSTANT_LIMIT = 10_000
    """Times that timers may fire without time passing before that, too, is."""

    def __init__(
        self,
        *,
        seed: int,
        runtime: Runtime,
        controllers: tuple[Controller, ...] = (),
        admission: Admission | None = None,
        without_generation: frozenset[str] = frozenset(),
        epoch_ms: int = EPOCH_MS,
    ) -> None:
        """`without_generation`: tables whose objects have no metadata.generation, as their kinds say."""
        self.seed = seed
        self.runtime = runtime
        self.admission: Admission = admission or AdmitAll()
        self.clock = Clock(epoch_ms)
        self.store = Store(seed, self.clock.rfc3339, without_generation)
        self.outside = Outside()
        """Programs beside the cluster that its API server asks, as far as somebody describes them."""
        self.state: dict[str, Any] = {}
        """Immutable values only (replace, do not mutate), JSON-able: what is remembered beside API objects."""
        self.derived: dict[str, Any] = {}
        """What was computed from objects, kept with those it was computed from. It only saves time: a world without it
        does the same, so no snapshot has it."""
        self._parts: dict[Callable[[World], Any], Any] = {}
        self.controllers = controllers
        self._by_name = {controller.name: controller for controller in controllers}
        self._watchers: dict[str, list[Controller]] = {}
        for controller in controllers:
            for resource in controller.watches:
                self._watchers.setdefault(resource, []).append(controller)
        self._watchers_of_all = self._watchers.get("*", [])
        # A dict for its order: first dirty, first reconciled, each once. A set would settle differently in each
        # process.
        self._dirty: dict[tuple[str, str, Name], None] = {}
        self.store.subscribers.append(self._mark)

    def part(self, make: Callable[["World"], Part]) -> Part:
        """The one thing of this kind that belongs to this world, made when it is first asked for.

        Its API server, the memo of an application model: what lives as long as the world, and no snapshot has. Kept
        here and not in a map from worlds: every such part holds its world, so that even a weak map would keep all
        worlds alive.
        """
        if make not in self._parts:
            self._parts[make] = make(self)
        return cast("Part", self._parts[make])

    def wake(self, controller: str, resource: str, name: Name) -> None:
        """Have a controller reconcile one key at the next settle, though no object changed."""
        if controller in self._by_name:
            self._dirty[(controller, resource, name)] = None

    def settle(self) -> None:
        """Reconcile until nothing is dirty, at the present instant. Raises: RuntimeError on a livelock."""
        for _ in range(self.SETTLE_LIMIT):
            if not self._dirty:
                return
            key = next(iter(self._dirty))
            del self._dirty[key]
            controller, resource, name = key
            self._by_name[controller].reconcile(self, resource, name)
        raise RuntimeError(f"world {self.seed} does not settle; next: {next(iter(self._dirty))}")

    def advance(self, duration_ms: int) -> None:
        """Let simulated time pass; timers fire in order and the world settles after each instant."""
        end = self.clock.now_ms + duration_ms
        self.settle()
        rounds = 0
        while (at := self.clock.next_at_ms()) is not None and at <= end:
            # Timers without delay that set each other would keep this instant for ever.
            rounds = rounds + 1 if at <= self.clock.now_ms else 0
            if rounds > self.INSTANT_LIMIT:
                raise RuntimeError(f"world {self.seed}: timers keep firing at {self.clock.now_ms} ms")
            self.clock.now_ms = max(at, self.clock.now_ms)
            while (timer := self.clock.pop_due()) is not None:
                self._dirty[(timer.controller, timer.resource, (timer.namespace, timer.name))] = None
            self.settle()
        self.clock.now_ms = end

    def snapshot(self) -> Snapshot:
        """A point to go back to. Settle first: the dirty queue is not part of it."""
        self.settle()
        return Snapshot(self.store.snapshot(), self.clock.snapshot(), dict(self.state))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back, in microseconds."""
        self.store.restore(snapshot.store)
        self.clock.restore(snapshot.clock)
        self.state = dict(snapshot.state)
        # It belongs to objects of the history that is left.
        self.derived.clear()
        self._dirty.clear()

    def digest(self) -> str:
        """SHA-256 over every object, the time and the state: equal worlds, equal digests, in any process."""
        digest = hashlib.sha256()
        for resource in self.store.resources():
            for obj in self.store.objects(resource):
                digest.update(orjson.dumps([resource, obj], option=orjson.OPT_SORT_KEYS))
        digest.update(orjson.dumps([self.clock.now_ms, self.state], option=orjson.OPT_SORT_KEYS))
        return digest.hexdigest()

    def _mark(self, change: Change) -> None:
        # Those of the resource before those of everything: the order is part of what a seed reproduces.
        for controller in self._watchers.get(change.resource, ()):
            for resource, name in controller.wakes_for(self, change):
                self._dirty[(controller.name, resource, name)] = None
        for controller in self._watchers_of_all:
            for resource, name in controller.wakes_for(self, change):
                self._dirty[(controller.name, resource, name)] = None
