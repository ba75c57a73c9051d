"""How a problem's world comes about: ordinary work, the fault in one of its slots, more of it, and time.

Worlds are cheap to repeat. A base world (application, seed) is built once and kept as a snapshot; so is the world
after a fault and its age. What restores one pays for a restore alone.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from random import Random

from aoi.errors import ClusterUnavailable
from aoi.problems import catalogue
from aoi.problems.faults import FAULTS
from aoi.problems.faults.base import Plan, compose
from aoi.problems.inventory import Inventory, capture
from aoi.problems.oracle import NOTHING, Truth, lacking
from aoi.problems.ordinary import MOST_SLOTS, ordinary_work
from aoi.problems.places import Place
from aoi.problems.sites import find, rng
from aoi.problems.writes import Deed, Wait, Write, restart, send
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application
from aoi.worlds.environment import new_world, running
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import Snapshot, World

BASE_WORLDS = 24
PREPARED_WORLDS = 256
"""Snapshots kept: they share unchanged objects with one another, and take a megabyte or two. A worker that measures
rewards meets the same hundreds of worlds again and again, and building one costs it 200 CPU-ms."""
AGE_S = (180, 6 * 3600)
"""Simulated seconds from the fault to the first look: minutes as often as hours (log-uniform).

Above an hour the events of a fault that does not repeat itself have expired, as on any cluster. A day would show
nothing that six hours do not, and pods that crash or are evicted all the while would cost four times as much.
"""
LEAD_S = (60, 2 * 3600)
"""Simulated seconds of ordinary work before it, drawn likewise: writes lie as far apart before a fault as after it."""
SLOTS = (3, MOST_SLOTS)
"""Writes in a world, the fault among them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A world at its first look, and what is known of how it came about."""

    application: Application
    snapshot: Snapshot
    truth: Truth
    baseline: Inventory
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When things happen in a world, in simulated seconds; the same for a problem and its control."""

    before: tuple[int, ...]
    """Waits before each ordinary write that precedes the fault."""
    pause: int
    """Wait before the fault itself."""
    after: tuple[int, ...]
    """Waits before each ordinary write that follows."""
    rest: int
    """From the last write to the first look."""

    @property
    def slots(self) -> tuple[tuple[int, str], ...]:
        """(wait, name) of every write; what stands where the fault does is `instead`."""
        before = [(wait, f"before/{number}") for number, wait in enumerate(self.before)]
        after = [(wait, f"after/{number}") for number, wait in enumerate(self.after)]
        return (*before, (self.pause, INSTEAD), *after)

    def number(self, name: str) -> int:
        """Which of the slots it is."""
        return [slot for _, slot in self.slots].index(name)

    def with_deeds(self, deeds: Collection[str], oldest_s: int) -> tuple[tuple[tuple[int, str], ...], int]:
        """(slots, rest) where `deeds` come late enough for none to be older than `oldest_s` at the first look.

        All other writes stay where they are, so that the world is as old as its control.
        """
        total = sum(wait for wait, _ in self.slots) + self.rest
        times = list(zip(accumulate(wait for wait, _ in self.slots), (name for _, name in self.slots), strict=True))
        first = min((at for at, name in times if name in deeds), default=total)
        late = max(0, total - oldest_s - first)
        latest = total - AGE_S[0]  # of several deeds the last one: they keep their distances up to there
        moved = [(max(at, min(at + late, latest)) if name in deeds else at, name) for at, name in times]
        moved.sort(key=lambda slot: slot[0])
        waits = [later - earlier for earlier, later in pairwise((0, *(at for at, _ in moved)))]
        return tuple(zip(waits, (name for _, name in moved), strict=True)), total - moved[-1][0]


INSTEAD = "instead"


def schedule(application_key: str, seed: int) -> Schedule:
    """When ordinary work and the fault happen in a world."""
    choices = rng("schedule", application_key, seed)
    slots = choices.randint(*SLOTS) - 1
    early = choices.randint(0, slots)
    lead, age = _span(LEAD_S, choices), _span(AGE_S, choices)
    before = _waits(early, lead, choices)
    # The last ordinary write is at least half the age ago: what it stirs up has calmed down by the first look.
    after = _waits(slots - early, age // 2, choices)
    return Schedule(before, lead - sum(before), after, age - sum(after))


def _span(bounds_s: tuple[int, int], choices: Random) -> int:
    """Log-uniform: each doubling of a time is as likely as any other."""
    shortest, longest = map(math.log, bounds_s)
    return round(math.exp(choices.uniform(shortest, longest)))


def _waits(count: int, within_s: int, choices: Random) -> tuple[int, ...]:
    times = [0, *sorted(choices.randint(0, within_s) for _ in range(count))]
    return tuple(later - earlier for earlier, later in pairwise(times))


@lru_cache(maxsize=BASE_WORLDS)
def base(application_key: str, seed: int) -> tuple[Application, Snapshot]:
    """The healthy application before anything happens."""
    built = application(application_key, seed)
    world = new_world(built, seed)
    _replace_at_once(world, built)
    return built, world.snapshot()


def _replace_at_once(world: World, built: Application) -> None:
    """Deployments stop their old pods before they start new ones, but for those that the application rolls.

    With a rolling update a template that cannot start leaves the old pods serving: no outage. Which components are
    rolled belongs to the application (`Component.rolls`), so it tells nothing (decision 13).
    """
    rolled = {component.workload for component in built.components if component.rolls}
    for deployment in world.store.objects("deployments.apps", built.namespace):
        if deployment["metadata"]["name"] in rolled:
            continue
        spec = {**deployment["spec"], "strategy": {"type": "Recreate"}}
        world.store.update("deployments.apps", {**deployment, "spec": spec}, spec_changed=True)
    world.settle()


@lru_cache(maxsize=PREPARED_WORLDS)
def prepare(application_key: str, seed: int, fault_key: str | None, target: int) -> Prepared:
    """The world of a problem at its first look. A control has one more ordinary write where the fault would be."""
    built, snapshot = base(application_key, seed)
    world = opened(built, snapshot)
    times = schedule(application_key, seed)
    place = catalogue.place_at(fault_key, application_key, target) if fault_key else None
    deeds = _deeds(times, place)
    plan: Plan | None = None
    plans: list[Plan] = []
    before: Inventory = {}
    late_ms = 0  # what a fault itself took comes off the next waits, so that all else happens when it does anywhere
    slots, rest = times.with_deeds(deeds, _oldest_s(place))
    for wait, slot in slots:
        world.advance(max(0, wait * 1000 - late_ms))
        late_ms = max(0, late_ms - wait * 1000)
        if place is None or slot not in deeds:
            before = capture(world) if place is None and slot == INSTEAD else before
            _ordinary(
                world, built, times.number(slot), _left_alone(plan) if plan else _hit(place), is_broken=plan is not None
            )
            continue
        if plan is None:  # planned together, on what is still whole
            before = capture(world)
            plans = [plan_of(world, built, root.fault, root.component) for root in place.roots]
            plan = plans[0] if len(plans) == 1 else compose(*plans)
        began_ms = world.clock.now_ms
        _do(world, built, place, deeds[slot], plans)
        late_ms += world.clock.now_ms - began_ms
    world.advance(max(0, rest * 1000 - late_ms))
    touched, now = set(plan.touched) if plan else set(), capture(world)
    baseline = {key: obj if key in touched else now.get(key, obj) for key, obj in before.items()}
    baseline |= {key: now[key] for key in (plan.kept if plan else ())}
    return Prepared(built, world.snapshot(), _truth(world, built, place, plans), baseline, plan)


RESTART = -1
"""Deed of a cascade: its clients are restarted. Others are the number of a root."""


def _deeds(times: Schedule, place: Place | None) -> Mapping[str, tuple[int, ...]]:
    """Slot -> what happens there. Each takes the place of an ordinary write, so that their number tells nothing."""
    if place is None:
        return {}
    wanted = [*range(len(place.roots)), *([RESTART] if place.restarted else [])]
    names = [name for _, name in times.slots]
    first = min(names.index(INSTEAD), len(names) - len(wanted))
    return {names[first + number]: (deed,) for number, deed in enumerate(wanted)}


def _oldest_s(place: Place | None) -> int:
    """How long the first of a place's faults may have been there."""
    return min((FAULTS[root.fault].oldest_s for root in place.roots), default=AGE_S[1]) if place else AGE_S[1]


def _do(world: World, built: Application, place: Place, deeds: Sequence[int], plans: Sequence[Plan]) -> None:
    for deed in deeds:
        if deed == RESTART:
            for name in place.restarted:
                _send(world, restart(find(world, built, name).key, world.clock.rfc3339()))
        else:
            carry_out(world, plans[deed])


def _hit(place: Place | None) -> tuple[str, ...]:
    return tuple(root.component for root in place.roots) if place else ()


def _ordinary(world: World, built: Application, slot: int, avoid: Collection[str], *, is_broken: bool) -> None:
    """Somebody's ordinary work. What a fault makes the API server refuse stays undone.

    Raises: ClusterUnavailable if a healthy cluster refuses it.
    """
    try:
        _work(world, ordinary_work(world, built, slot, avoid))
    except ClusterUnavailable:
        if not is_broken:
            raise


def _send(world: World, write: Write) -> None:
    send(EmbeddedTransport(world, ADMIN), write)


def without_fault(application_key: str, seed: int, place: Place | None) -> World:
    """The same world with the fault's places in the schedule left empty: what admission compares with."""
    built, snapshot = base(application_key, seed)
    world = opened(built, snapshot)
    times = schedule(application_key, seed)
    deeds = _deeds(times, place)
    accepted: Collection[str] = ()
    slots, rest = times.with_deeds(deeds, _oldest_s(place))
    for wait, slot in slots:
        world.advance(wait * 1000)
        if place is None and slot == INSTEAD:
            continue
        if place is None or slot not in deeds:
            _ordinary(world, built, times.number(slot), accepted or _hit(place), is_broken=False)
        elif not accepted:
            plans = [plan_of(world, built, root.fault, root.component) for root in place.roots]
            accepted = [name for plan in plans for name in _left_alone(plan)]
        if place is not None and RESTART in deeds.get(slot, ()):
            _do(world, built, place, (RESTART,), ())
    world.advance(rest * 1000)
    return world


def plan_of(world: World, built: Application, fault_key: str, name: str) -> Plan:
    """What a mechanism would do to a component of a healthy world."""
    return FAULTS[fault_key].plan(find(world, built, name), rng("fault", fault_key, name, built.key, built.seed))


def inject(world: World, built: Application, fault_key: str, name: str) -> Plan:
    """Break one component of a world, as a user with kubectl would (and inside its database, where declared)."""
    plan = plan_of(world, built, fault_key, name)
    carry_out(world, plan)
    return plan


def carry_out(world: World, plan: Plan) -> None:
    """Do what a plan says."""
    if plan.state is not None:
        plan.state(world)
    _work(world, plan.writes)
    if plan.then is not None:
        plan.then(world)


def _work(world: World, deeds: Sequence[Deed]) -> None:
    for deed in deeds:
        if isinstance(deed, Wait):
            world.advance(deed.seconds * 1000)
        else:
            _send(world, deed)


def _left_alone(plan: Plan) -> tuple[str, ...]:
    """Components that ordinary work does not touch after the fault."""
    return (*plan.accepted, *plan.neighbours)


def repair(world: World, plan: Plan) -> None:
    """Undo a fault by direct writes: the oracle's self-test, not a typed action."""
    if plan.undo_state is not None:
        plan.undo_state(world)
    _work(world, plan.repair)


def _truth(world: World, built: Application, place: Place | None, plans: Sequence[Plan]) -> Truth:
    """The first root's truth, with those of the others beside it."""
    if place is None:
        return NOTHING
    first, *others = [_root(world, built, root.fault, plan) for root, plan in zip(place.roots, plans, strict=True)]
    if not others:
        return first
    return replace(
        first,
        evidence=tuple(look for truth in (first, *others) for look in truth.evidence),
        actions=tuple(action for truth in (first, *others) for action in truth.actions),
        others=tuple(others),
    )


def _root(world: World, built: Application, fault_key: str, plan: Plan) -> Truth:
    fault = FAULTS[fault_key]
    also = [name for name in lacking(world, built) if name not in plan.accepted] if plan.spreads else []
    return Truth(
        component=plan.accepted[0],
        accepted=_spellings(built, (*plan.accepted, *also)),
        cause=fault.cause,
        causes=fault.causes,
        level=fault.level,
        type=fault.type,
        action=plan.actions[0] if plan.actions else None,
        evidence=plan.evidence,
        actions=plan.actions,
    )


def _spellings(built: Application, components: Sequence[str]) -> tuple[str, ...]:
    """Every name that somebody may call these components by, as long as it means no other."""
    others = [c for c in built.components if c.name not in components]
    taken = {name for c in others for name in (c.name, c.role, c.workload)}
    mine = [built.by_name[name] for name in components if name in built.by_name]  # others are nodes
    spelt = (*components, *(name for c in mine for name in (c.workload, c.role)))
    return tuple(dict.fromkeys(name for name in spelt if name in components or name not in taken))


def opened(built: Application, snapshot: Snapshot) -> World:
    """A world of its own at a snapshot."""
    world = running(built, built.seed)
    world.restore(snapshot)
    return world
