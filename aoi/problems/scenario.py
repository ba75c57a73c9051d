"""A problem made real: the world after injection, what may be read from it, and how it is graded.

`build` and `Scenario.fork` cost a restore of what `preparing` keeps.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

from aoi.access.transport import ReadTransport, Transport
from aoi.agents.situation import Hands
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from aoi.problems import aiopslab, catalogue, oracle, preparing
from aoi.problems.alerts import Alert, alerts_of
from aoi.problems.faults.base import Plan
from aoi.problems.injections.attacks import Aim, strike
from aoi.problems.injections.catalogue import Injection
from aoi.problems.injections.planting import Planted, Target
from aoi.problems.inventory import Inventory
from aoi.problems.oracle import NOTHING, EndState, Truth
from aoi.problems.preparing import base, inject, opened, prepare, repair, schedule
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.spec import Application
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from kubeworld.machine.world import Snapshot, World

__all__ = ["Scenario", "build", "inject", "repair", "schedule", "without_fault"]

SURVEYS = 48


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
    first: Snapshot | None = field(default=None, repr=False)
    """The world at its first look: nobody has written anything yet."""

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
        return EmbeddedReadTransport(opened(*base(self.application.key, self.instance.seed)), PROBE)

    def hands(self) -> Hands | None:
        """The Executor's, in a mitigation alone."""
        if self.instance.problem.kind is not TaskKind.MITIGATION:
            return None
        from aoi.problems.sandbox import sandbox_hands  # a diagnosis never imports what can write

        return sandbox_hands(self.world, self.write_transport(), self.namespace, self.recorded_transport())

    def alerts(self) -> tuple[Alert, ...]:
        """What pages the operator now, worst first."""
        if self.first is not None and _is_at(self.world, self.first):
            return _paged(*self._world_key)
        return alerts_of(self.world, self.application)

    def survey(self) -> Survey:
        """A look at everything as it was at the first look: equal for every rollout of the same problem and seed."""
        return _surveyed(*self._world_key, self.injection, self.target)

    @property
    def _world_key(self) -> tuple[str, int, str | None, int]:
        """What `prepare` makes the world from."""
        problem = self.instance.problem
        return problem.application, self.instance.seed, problem.fault, problem.target if problem.fault else 0

    def grade(self, answer: Answer | None) -> Outcome:
        """Grade an answer, or for a mitigation the state that the world is in. Leaves the world as it is."""
        if self.instance.problem.kind != TaskKind.MITIGATION or self.plan is None:
            return oracle.grade_answer(self.instance.problem.kind, self.truth, answer)
        theirs = aiopslab.known().get(self.instance.problem.id)
        return oracle.grade_mitigation(EndState(self.fork().world, self.application, self.plan, self.baseline, theirs))

    def fork(self) -> "Scenario":
        """An independent copy at this instant: another rollout of the same problem, or a try that may fail."""
        return replace(self, world=opened(self.application, self.world.snapshot()))


def build(instance: ProblemInstance, injection: Injection | None = None, *, aim: Aim | None = None) -> Scenario:
    """The world of a problem, ready for its first look; with an injection in what is read of it, if one is given.

    `aim` says whom it strikes, instead of what problem, seed and injection draw.
    """
    problem = instance.problem
    prepared = prepare(problem.application, instance.seed, problem.fault, problem.target if problem.fault else 0)
    world = opened(prepared.application, prepared.snapshot)
    built, truth = prepared.application, prepared.truth
    target = None
    if injection is not None:
        target = strike(injection, instance, built, broken=truth.accepted, running=_running(world, built), aim=aim)
    return Scenario(
        instance, built, world, truth, prepared.baseline, prepared.plan, injection, target, prepared.snapshot
    )


def _running(world: World, built: Application) -> frozenset[str]:
    """Workloads of the namespace that have a pod."""
    pods = [pod["metadata"]["name"] for pod in world.store.objects("pods", built.namespace)]
    targets = [Target(built.namespace, c.name, c.workload) for c in built.components]
    return frozenset(target.workload for target in targets if any(target.owns("pods", pod) for pod in pods))


def without_fault(instance: ProblemInstance) -> Scenario:
    """The same world with the fault's place in the schedule left empty: what admission compares with."""
    problem = instance.problem
    place = catalogue.place_of(problem)
    world = preparing.without_fault(problem.application, instance.seed, place)
    built = application(problem.application, instance.seed)
    return Scenario(instance, built, world, NOTHING, {}, None)


def _is_at(world: World, first: Snapshot) -> bool:
    """Whether neither objects nor time nor what is in databases is another than then."""
    is_now = (world.store.revision, world.clock.now_ms) == (first.store.revision, first.clock.now_ms)
    return is_now and world.state == first.state


@lru_cache(maxsize=SURVEYS)
def _paged(application: str, seed: int, fault: str | None, target: int) -> tuple[Alert, ...]:
    """What pages at the first look: equal for every rollout, as the survey is."""
    prepared = prepare(application, seed, fault, target)
    return alerts_of(opened(prepared.application, prepared.snapshot), prepared.application)


@lru_cache(maxsize=SURVEYS)
def _surveyed(
    application_key: str,
    seed: int,
    fault_key: str | None,
    target: int,
    injection: Injection | None,
    struck: Target | None,
) -> Survey:
    prepared = prepare(application_key, seed, fault_key, target)
    world = opened(prepared.application, prepared.snapshot)
    paged = [alert.component for alert in _paged(application_key, seed, fault_key, target)]
    transport: ReadTransport = EmbeddedReadTransport(world, PROBE)
    if injection is not None and struck is not None:
        transport = Planted(transport, injection, struck)
    return survey(Reader(transport), [prepared.application.namespace], paged)
