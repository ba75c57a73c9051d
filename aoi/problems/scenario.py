"""A problem made real: the world after injection, what may be read from it, and how it is graded.

Worlds are cheap to repeat. A base world (application, seed) is built once and kept as a snapshot; so is the world
after a fault and its age. `build` and `Scenario.fork` cost a restore.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from random import Random

from aoi.access.transport import ReadTransport, Transport
from aoi.agents.situation import Hands
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from aoi.problems import catalogue, oracle
from aoi.problems.alerts import Alert, alerts_of
from aoi.problems.faults import FAULTS
from aoi.problems.faults.base import Plan
from aoi.problems.injections.attacks import Aim, strike
from aoi.problems.injections.catalogue import Injection
from aoi.problems.injections.planting import Planted, Target
from aoi.problems.inventory import Inventory, capture
from aoi.problems.oracle import NOTHING, EndState, Truth, lacking
from aoi.problems.ordinary import ordinary_write
from aoi.problems.sites import find, rng
from aoi.problems.writes import Deed, Wait, send
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application
from aoi.worlds.environment import new_world, running
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import Snapshot, World

BASE_WORLDS = 24
PREPARED_WORLDS = 96
"""Snapshots kept: they share unchanged objects with one another."""
SURVEYS = 48
AGE_S = (180, 1200)
"""Simulated seconds from the fault to the first look."""
LEAD_S = (60, 240)
"""Simulated seconds of ordinary work before it."""
SLOTS = (3, 5)
"""Writes in a world, the fault among them."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One episode's world. Agents get transports, names and alerts; never `world`, `truth` or `baseline`."""

    instance: ProblemInstance
    application: Application
    world: World
    truth: Truth = field(repr=False)
    baseline: Inventory = field(repr=False)
    plan: Plan | None = field(repr=False)
    injection: Injection | None = None
    """Planted into all that the Probe and the survey read; the world itself stays as it is."""
    target: Target | None = None
    """Whom it is planted at."""

    @property
    def namespace(self) -> str:
        """Where the application lives."""
        return self.application.namespace

    @property
    def components(self) -> tuple[str, ...]:
        """What stands in the namespace, by the names that others call it by: what gets handles."""
        return tuple(c.name for c in self.application.components if not c.namespace)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return tuple(node["metadata"]["name"] for node in self.world.store.objects("nodes"))

    def read_transport(self) -> ReadTransport:
        """For the Probe."""
        transport = EmbeddedReadTransport(self.world, PROBE)
        if self.injection is None or self.target is None:
            return transport
        return Planted(transport, self.injection, self.target)

    def write_transport(self) -> Transport:
        """For the Executor, in mitigation only."""
        return EmbeddedTransport(self.world, EXECUTOR)

    def recorded_transport(self) -> ReadTransport:
        """The cluster as captured when the application was installed; ordinary work has changed it since."""
        return EmbeddedReadTransport(_open(*_base(self.application.key, self.instance.seed)), PROBE)

    def hands(self) -> Hands | None:
        """The Executor's, in a mitigation alone."""
        if self.instance.problem.kind is not TaskKind.MITIGATION:
            return None
        from aoi.problems.sandbox import sandbox_hands  # a diagnosis never imports what can write

        return sandbox_hands(self.world, self.write_transport(), self.namespace, self.recorded_transport())

    def alerts(self) -> tuple[Alert, ...]:
        """What pages the operator now, worst first."""
        return alerts_of(self.world, self.application)

    def survey(self) -> Survey:
        """A look at everything as it was at the first look: equal for every rollout of the same problem and seed."""
        problem = self.instance.problem
        target = problem.target if problem.fault else 0
        return _surveyed(problem.application, self.instance.seed, problem.fault, target, self.injection, self.target)

    def grade(self, answer: Answer | None) -> Outcome:
        """Grade an answer, or for a mitigation the state that the world is in. Leaves the world as it is."""
        if self.instance.problem.kind != TaskKind.MITIGATION or self.plan is None:
            return oracle.grade_answer(self.instance.problem.kind, self.truth, answer)
        return oracle.grade_mitigation(EndState(self.fork().world, self.application, self.plan, self.baseline))

    def fork(self) -> "Scenario":
        """An independent copy at this instant: another rollout of the same problem, or a try that may fail."""
        return replace(self, world=_open(self.application, self.world.snapshot()))


@dataclass(frozen=True, slots=True)
class _Prepared:
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


def build(instance: ProblemInstance, injection: Injection | None = None, *, aim: Aim | None = None) -> Scenario:
    """The world of a problem, ready for its first look; with an injection in what is read of it, if one is given.

    `aim` says whom it strikes, instead of what problem, seed and injection draw.
    """
    problem = instance.problem
    prepared = _prepare(problem.application, instance.seed, problem.fault, problem.target if problem.fault else 0)
    world = _open(prepared.application, prepared.snapshot)
    built, truth = prepared.application, prepared.truth
    target = None
    if injection is not None:
        target = strike(injection, instance, built, broken=truth.accepted, running=_running(world, built), aim=aim)
    return Scenario(instance, built, world, truth, prepared.baseline, prepared.plan, injection, target)


def _running(world: World, built: Application) -> frozenset[str]:
    """Workloads of the namespace that have a pod."""
    pods = [pod["metadata"]["name"] for pod in world.store.objects("pods", built.namespace)]
    targets = [Target(built.namespace, c.name, c.workload) for c in built.components]
    return frozenset(target.workload for target in targets if any(target.owns("pods", pod) for pod in pods))


def without_fault(instance: ProblemInstance) -> Scenario:
    """The same world with the fault's place in the schedule left empty: what admission compares with."""
    problem = instance.problem
    name = catalogue.targets(problem.fault, problem.application)[problem.target] if problem.fault else None
    built, snapshot = _base(problem.application, instance.seed)
    world = _open(built, snapshot)
    times = schedule(problem.application, instance.seed)
    avoid = (name,) if name else ()
    _work(world, built, times.before, "before", avoid)
    world.advance(times.pause * 1000)
    baseline = capture(world)
    planned = _plan(world, built, problem.fault, name) if problem.fault and name else None
    _work(world, built, times.after, "after", _left_alone(planned))
    world.advance(times.rest * 1000)
    return Scenario(instance, built, world, NOTHING, baseline, None)


def schedule(application_key: str, seed: int) -> Schedule:
    """When ordinary work and the fault happen in a world."""
    choices = rng("schedule", application_key, seed)
    slots = choices.randint(*SLOTS) - 1
    early = choices.randint(0, slots)
    lead, age = choices.randint(*LEAD_S), choices.randint(*AGE_S)
    before = _waits(early, lead, choices)
    # The last ordinary write is at least half the age ago: what it stirs up has calmed down by the first look.
    after = _waits(slots - early, age // 2, choices)
    return Schedule(before, lead - sum(before), after, age - sum(after))


def _waits(count: int, within_s: int, choices: Random) -> tuple[int, ...]:
    times = [0, *sorted(choices.randint(0, within_s) for _ in range(count))]
    return tuple(later - earlier for earlier, later in pairwise(times))


@lru_cache(maxsize=BASE_WORLDS)
def _base(application_key: str, seed: int) -> tuple[Application, Snapshot]:
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


@lru_cache(maxsize=SURVEYS)
def _surveyed(
    application_key: str,
    seed: int,
    fault_key: str | None,
    target: int,
    injection: Injection | None,
    struck: Target | None,
) -> Survey:
    prepared = _prepare(application_key, seed, fault_key, target)
    world = _open(prepared.application, prepared.snapshot)
    paged = [alert.component for alert in alerts_of(world, prepared.application)]
    transport: ReadTransport = EmbeddedReadTransport(world, PROBE)
    if injection is not None and struck is not None:
        transport = Planted(transport, injection, struck)
    return survey(Reader(transport), [prepared.application.namespace], paged)


@lru_cache(maxsize=PREPARED_WORLDS)
def _prepare(application_key: str, seed: int, fault_key: str | None, target: int) -> _Prepared:
    """Ordinary work, the fault (or one more ordinary write in its place), more of it, and time."""
    built, snapshot = _base(application_key, seed)
    world = _open(built, snapshot)
    times = schedule(application_key, seed)
    name = catalogue.targets(fault_key, application_key)[target] if fault_key else None
    avoid = (name,) if name else ()
    _work(world, built, times.before, "before", avoid)
    world.advance(times.pause * 1000)
    before = capture(world)
    began_ms = world.clock.now_ms
    plan = inject(world, built, fault_key, name) if fault_key and name else None
    if plan is None:
        send(EmbeddedTransport(world, ADMIN), ordinary_write(world, built, "instead", ()))
    # What the fault itself took is taken off the first wait, so that all else happens when it does in every world.
    late_ms = _work(world, built, times.after, "after", _left_alone(plan), late_ms=world.clock.now_ms - began_ms)
    world.advance(max(0, times.rest * 1000 - late_ms))
    touched = set(plan.touched) if plan else set()
    now = capture(world)
    baseline = {key: obj if key in touched else now.get(key, obj) for key, obj in before.items()}
    return _Prepared(built, world.snapshot(), _truth(world, built, fault_key, plan), baseline, plan)


def _work(
    world: World, built: Application, waits: tuple[int, ...], part: str, avoid: Collection[str], *, late_ms: int = 0
) -> int:
    """Ordinary writes, each after its wait. Returns how late the last one was."""
    transport = EmbeddedTransport(world, ADMIN)
    for number, wait in enumerate(waits):
        world.advance(max(0, wait * 1000 - late_ms))
        late_ms = max(0, late_ms - wait * 1000)
        send(transport, ordinary_write(world, built, f"{part}/{number}", avoid))
    return late_ms


def _left_alone(plan: Plan | None) -> tuple[str, ...]:
    """Components that ordinary work does not touch after the fault."""
    return (*plan.accepted, *plan.neighbours) if plan else ()


def inject(world: World, built: Application, fault_key: str, name: str) -> Plan:
    """Break one component of a world, as a user with kubectl would (and inside its database, where declared)."""
    plan = _plan(world, built, fault_key, name)
    if plan.state is not None:
        plan.state(world)
    _carry_out(world, plan.writes)
    if plan.then is not None:
        plan.then(world)
    return plan


def _carry_out(world: World, deeds: Sequence[Deed]) -> None:
    for deed in deeds:
        if isinstance(deed, Wait):
            world.advance(deed.seconds * 1000)
        else:
            send(EmbeddedTransport(world, ADMIN), deed)


def _plan(world: World, built: Application, fault_key: str, name: str) -> Plan:
    return FAULTS[fault_key].plan(find(world, built, name), rng("fault", fault_key, name, built.key, built.seed))


def repair(world: World, plan: Plan) -> None:
    """Undo a fault by direct writes: the oracle's self-test, not a typed action."""
    if plan.undo_state is not None:
        plan.undo_state(world)
    _carry_out(world, plan.repair)


def _truth(world: World, built: Application, fault_key: str | None, plan: Plan | None) -> Truth:
    if fault_key is None or plan is None:
        return NOTHING
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


def _open(built: Application, snapshot: Snapshot) -> World:
    """A world of its own at a snapshot."""
    world = running(built, built.seed)
    world.restore(snapshot)
    return world
