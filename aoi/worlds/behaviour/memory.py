"""What a world remembers of its past, so that telemetry from before a change looks as it did then.

Two immutable lists in `world.state`: `"configuration"`, (from_ms, values of ConfigMaps and Secrets), because a
program reads its configuration once, when it starts; and `"telemetry"`, (from_ms, conditions), because yesterday's
metrics do not change with today's fault. The `Recorder` controller keeps both.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import chaos
from aoi.worlds.behaviour.conditions import FAILING, Conditions, observe
from aoi.worlds.behaviour.configuration import current_values
from aoi.worlds.behaviour.saturation import retried
from aoi.worlds.behaviour.traffic import evaluate
from kubeworld.machine.store import Change, Name
from kubeworld.machine.world import World

Segments = tuple[tuple[int, Conditions], ...]
SCRAPE_MS = 5_000
"""Changes within one scrape interval are seen together, as a monitoring system sees them."""
EASED_AT = "eased_at"
"""Since when less fails of what is retried."""
CLEARED_MS = 120_000
"""How long callers must be rid of their failures before a retry storm has run dry."""
EASED = 0.1
"""Share of attempts by which fewer failures are an ease, and not a fluctuation."""
Shares = tuple[tuple[str, str, float], ...]
KEPT = 2000
"""Segments kept; more than a network that comes and goes every half minute makes in six simulated hours."""


class _Reading:
    """The recorded history of a world (a tuple that is replaced, never changed) and what it reads as."""

    def __init__(self, world: World) -> None:
        self.history: tuple[tuple[int, tuple[Any, ...]], ...] = ()
        self.segments: Segments = ()


def segments(world: World, application: Application) -> Segments:
    """(from_ms, conditions) from oldest to newest; the last one is how things stand now."""
    recorded = _recorded(world)
    now = observe(world, application)
    if recorded and recorded[-1][1] == now:
        return recorded
    since = world.state.get("telemetry_due", world.clock.now_ms)
    return (*recorded, (min(since, world.clock.now_ms), now))


def _recorded(world: World) -> Segments:
    """Every pod's log and metrics ask for it, so it is read once for each change of the history."""
    history = world.state.get("telemetry", ())
    reading = world.part(_Reading)
    if reading.history is not history:
        # Most of a longer history was read before. Its entries live as long as it does, so their ids are their own.
        known = {
            id(data): conditions for (_, data), (_, conditions) in zip(reading.history, reading.segments, strict=True)
        }
        reading.history = history
        reading.segments = tuple((at_ms, known.get(id(data)) or Conditions.from_json(data)) for at_ms, data in history)
    return reading.segments


def conditions_at(world: World, application: Application, at_ms: int) -> Conditions:
    """How things stood at `at_ms`."""
    history = segments(world, application)
    index = bisect_right(history, at_ms, key=lambda entry: entry[0]) - 1
    return history[max(index, 0)][1]


class Recorder:
    """Remembers configuration at once and conditions at the next scrape. Belongs to one application's namespace."""

    name = "telemetry-recorder"
    watches = (
        "pods",
        "services",
        "endpointslices.discovery.k8s.io",
        "configmaps",
        "secrets",
        "networkpolicies.networking.k8s.io",
        *chaos.RESOURCES,
    )
    CONFIGURATION: Name = ("", "configuration")
    SCRAPE: Name = ("", "scrape")

    def __init__(
        self, application: Application, arrange: Callable[[World, Application, Conditions], None] | None = None
    ) -> None:
        """`arrange` sees conditions at each scrape: what follows from them later is for it to set up."""
        self.application = application
        self._arrange = arrange

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """One key for all configuration, one for all telemetry: the scrape looks at everything at once."""
        if change.resource in ("configmaps", "secrets"):
            return [("", self.CONFIGURATION)] if change.name[0] == self.application.namespace else []
        return [("", self.SCRAPE)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Record, or arrange to."""
        if name == self.CONFIGURATION:
            self._record_configuration(world)
            return
        self._carry(world)
        due = world.state.get("telemetry_due")
        if due is None:
            world.state["telemetry_due"] = world.clock.now_ms
            world.clock.set_timer(SCRAPE_MS, self.name, "", *self.SCRAPE)
        elif world.clock.now_ms >= due + SCRAPE_MS:
            del world.state["telemetry_due"]
            self._record_conditions(world, due)
            for ends_in_ms in chaos.remaining_ms(world):  # an experiment ends without any object changing
                world.clock.set_timer(ends_in_ms, self.name, "", *self.SCRAPE)

    def _carry(self, world: World) -> None:
        """Remember what fails of the calls that are retried: it is what the next state comes from.

        Whoever was turned away comes back for a while, so an ease that is shorter than `CLEARED_MS` changes nothing.
        """
        recorded = _recorded(world)
        known: Shares = world.state.get(FAILING, ())
        if not known and not (recorded and any(strain.attempts > 1 for strain in recorded[-1][1].strains)):
            return
        shares = retried(evaluate(self.application, observe(world, self.application)))
        worst, before = (max((share for _, _, share in part), default=0.0) for part in (shares, known))
        if worst >= before - EASED:
            world.state.pop(EASED_AT, None)
        elif EASED_AT not in world.state:
            world.state[EASED_AT] = world.clock.now_ms
            world.clock.set_timer(CLEARED_MS, self.name, "", *self.SCRAPE)
        eased = world.state.get(EASED_AT)
        if shares != known and (eased is None or world.clock.now_ms >= eased + CLEARED_MS):
            world.state[FAILING] = shares
            world.state.pop(EASED_AT, None)

    def _record_configuration(self, world: World) -> None:
        history: tuple[Any, ...] = world.state.get("configuration", ())
        values = current_values(world, self.application.namespace)
        if history and history[-1][1] == values:
            return
        if history and history[-1][0] == world.clock.now_ms:
            history = history[:-1]
        world.state["configuration"] = (*history[-KEPT:], (world.clock.now_ms, values))

    def _record_conditions(self, world: World, since_ms: int) -> None:
        history: tuple[Any, ...] = world.state.get("telemetry", ())
        conditions = observe(world, self.application)
        if self._arrange is not None:
            self._arrange(world, self.application, conditions)
        data = conditions.to_json()
        if history and history[-1][1] == data:
            return
        if history and history[-1][0] >= since_ms:
            history = history[:-1]
        world.state["telemetry"] = (*history[-KEPT:], (since_ms, data))
