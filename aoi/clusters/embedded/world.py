"""One embedded cluster with its clock: the store, the controllers that settle it, and the way back.

Everything that a world remembers is in the store, in the clock, or in `state` (application state that is
not an API object: database users, feature flags as loaded, kubelet back-off). A snapshot is those three.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from aoi.clusters.embedded.clock import Clock, ClockSnapshot
from aoi.clusters.embedded.runtime import PlainRuntime, Runtime
from aoi.clusters.embedded.store import Change, Name, Store, StoreSnapshot

EPOCH_MS = 1_767_600_000_000
"""2026-01-05T08:00:00Z, a Monday morning: where simulated time starts unless a person is watching."""


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point to go back to, or to fork from."""

    store: StoreSnapshot
    clock: ClockSnapshot
    state: dict[str, Any]


class World:
    """One cluster. `runtime` models what runs in its containers."""

    SETTLE_LIMIT = 200_000
    """Reconciles in one settle before it is declared a livelock."""
    INSTANT_LIMIT = 10_000
    """Times that timers may fire without time passing before that, too, is."""

    def __init__(
        self,
        *,
        seed: int,
        controllers: tuple[Controller, ...] = (),
        runtime: Runtime | None = None,
        epoch_ms: int = EPOCH_MS,
    ) -> None:
        self.seed = seed
        self.runtime = runtime or PlainRuntime()
        self.clock = Clock(epoch_ms)
        self.store = Store(seed, self.clock.rfc3339)
        self.state: dict[str, Any] = {}
        """Immutable values only (replace, do not mutate), JSON-able: what is remembered beside API objects."""
        self.derived: dict[str, Any] = {}
        """What was computed from objects, kept with those it was computed from. It only saves time: a world without it
        does the same, so no snapshot has it."""
        self.controllers = controllers
        self._by_name = {controller.name: controller for controller in controllers}
        self._watchers: dict[str, list[Controller]] = {}
        for controller in controllers:
            for resource in controller.watches:
                self._watchers.setdefault(resource, []).append(controller)
        self._watchers_of_all = self._watchers.get("*", [])
        self._dirty: dict[tuple[str, str, Name], None] = {}
        self.store.subscribers.append(self._mark)

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
        for controller in self._watchers.get(change.resource, ()):
            for resource, name in controller.wakes_for(self, change):
                self._dirty[(controller.name, resource, name)] = None
        for controller in self._watchers_of_all:
            for resource, name in controller.wakes_for(self, change):
                self._dirty[(controller.name, resource, name)] = None
