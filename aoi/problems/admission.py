"""Whether a problem may be in the set: observable, evident, identifiable, with an oracle that cannot be cheated.

`aoi problems check` runs `check` and prints its reports. Five agents that a sound oracle must tell apart are played
by direct writes: the golden repair, nobody, delete-everything, scale-to-zero and restart-everything.
"""

from collections.abc import Callable, Sequence

from pydantic import Field

from aoi.agents import checks, topology
from aoi.agents.compressor import Compressor, Observation
from aoi.agents.first_look import names_of
from aoi.agents.probe import Probe
from aoi.language import handles
from aoi.problems import catalogue
from aoi.problems.faults import FAULTS
from aoi.problems.inventory import RECORDED, desired, is_made
from aoi.problems.sampling import control_of
from aoi.problems.scenario import Scenario, build, repair, without_fault
from aoi.problems.telemetry import OBJECTS, Feature, features
from aoi.problems.writes import Delete, Patch, send
from aoi.records.base import Record
from aoi.records.episode import Signal
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SHOWN = 3
"""Signals of one check that the decision layout shows."""


class Check(Record):
    """One claim about one problem in one world."""

    name: str
    passed: bool
    detail: str = ""


class Report(Record):
    """All claims about one problem, over its seeds."""

    problem_id: str
    fault: str | None
    seeds: tuple[int, ...]
    checks: tuple[Check, ...] = Field(min_length=1)

    @property
    def is_admitted(self) -> bool:
        """Every claim holds in every world."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The claims that fail, or what the fault shows."""
        failed = [f"{check.name}: {check.detail}" for check in self.checks if not check.passed]
        return " | ".join(failed) or self.checks[0].detail


def check(problem_id: str, seeds: Sequence[int]) -> Report:
    """Examine one problem in the worlds of `seeds`. Raises: UnknownProblem."""
    problem = catalogue.get(problem_id)
    claims: list[Check] = []
    for seed in seeds:
        instance = ProblemInstance(problem=problem, seed=seed)
        problems = _check_fault(instance) if problem.fault else _check_control(instance)
        claims += [c.model_copy(update={"name": f"{c.name} (seed {seed})"}) for c in problems]
    return Report(problem_id=problem_id, fault=problem.fault, seeds=tuple(seeds), checks=tuple(claims))


def _check_control(instance: ProblemInstance) -> list[Check]:
    """A control shows nothing that pages or fails."""
    scenario = build(instance)
    seen = features(scenario.world, scenario.application) - _quiet(instance)
    paging = sorted(f for f in seen if f[0] in ("alerts", "pods", "workload"))
    return [Check(name="control is quiet", passed=not paging, detail=_brief(paging))]


def _check_fault(instance: ProblemInstance) -> list[Check]:
    scenario = build(instance.model_copy(update={"problem": _as_mitigation(instance.problem)}))
    return [
        _observable(instance, scenario),
        _evident(scenario),
        identifiable(instance),
        _contained(instance, scenario),
        *_oracle(scenario),
    ]


def _as_mitigation(problem: Problem) -> Problem:
    return problem.model_copy(update={"kind": TaskKind.MITIGATION})


def _quiet(instance: ProblemInstance) -> frozenset[Feature]:
    """What the same world shows with the fault's place left empty."""
    clean = without_fault(instance)
    return features(clean.world, clean.application)


def _observable(instance: ProblemInstance, scenario: Scenario) -> Check:
    """The fault adds features that neither the clean world nor its control shows, and not in objects alone."""
    control = build(control_of(instance))
    noise = _quiet(instance) | features(control.world, control.application)
    seen = features(scenario.world, scenario.application) - noise
    suffering = sorted(feature for feature in seen if feature[0] != OBJECTS)
    return Check(name="observable", passed=bool(suffering), detail=_brief(suffering))


def _evident(scenario: Scenario) -> Check:
    """Where the truth says that an expert looks, the agents' own Probe and Compressor find the cause."""
    look = looker(scenario)
    seen = [signal for check, name in scenario.truth.evidence for signal in look(check, name)[:SHOWN]]
    is_said = any(s.word in scenario.truth.causes and s.subject in scenario.truth.accepted for s in seen)
    return Check(name="evident", passed=is_said, detail="; ".join(f"{s.word} {s.subject}" for s in seen))


def looker(scenario: Scenario) -> Callable[[str, str], tuple[Signal, ...]]:
    """(check, component) -> ranked signals, through the same parser, transport and rules as an agent's."""
    probe = Probe(scenario.read_transport(), scenario.namespace)
    texts = [probe.run(line).observation.decode() for line in topology.LINES]
    known = topology.read((texts[0], texts[1], texts[2]), scenario.components, scenario.nodes, scenario.namespace)
    estate = scenario.survey().estate
    known = topology.completed(known, estate, names_of(estate, scenario.components))
    compressor = Compressor(known, handles.assign(scenario.components, scenario.nodes, seed=0, real=True))

    def look(check: str, name: str) -> tuple[Signal, ...]:
        results = [probe.run(line) for line in checks.lines(check, name, known)]
        return compressor.signals(
            name, [Observation(r.command, r.observation, r.evidence or "unreadable") for r in results]
        )

    return look


def _contained(instance: ProblemInstance, scenario: Scenario) -> Check:
    """Faulty and clean world ask for the same, but for the objects that the fault says it touches."""
    assert scenario.plan is not None
    clean, touched = without_fault(instance), set(scenario.plan.touched)
    strange = []
    for resource in RECORDED:
        ours, theirs = (
            {_key(obj): obj for obj in world.store.objects(resource) if not is_made(resource, obj)}
            for world in (scenario.world, clean.world)
        )
        for namespace, name in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get((namespace, name)), theirs.get((namespace, name))
            same = mine is not None and other is not None and desired(resource, mine) == desired(resource, other)
            if not same and (resource, namespace, name) not in touched:
                strange.append(f"{resource}/{name}")
    return Check(name="contained", passed=not strange, detail=", ".join(strange))


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def identifiable(instance: ProblemInstance) -> Check:
    """No other mechanism at the same component shows the same features in the same world. Raises: ValueError."""
    problem = instance.problem
    if problem.fault is None:
        raise ValueError(f"{problem.id} has no fault to be identified")
    name = catalogue.targets(problem.fault, problem.application)[problem.target]
    own = signature(instance)
    twins = []
    for key in FAULTS:
        places = catalogue.targets(key, problem.application)
        if key != problem.fault and name in places:
            other = problem.model_copy(update={"fault": key, "target": places.index(name)})
            if signature(instance.model_copy(update={"problem": other})) == own:
                twins.append(key)
    return Check(name="identifiable", passed=not twins, detail=", ".join(twins))


def signature(instance: ProblemInstance) -> frozenset[Feature]:
    """Everything that telemetry shows of a problem in its world."""
    scenario = build(instance)
    return features(scenario.world, scenario.application)


Agent = Callable[[Scenario], None]


def _oracle(scenario: Scenario) -> list[Check]:
    """The strict oracle passes the golden repair and nothing else."""
    agents: tuple[tuple[str, Agent, bool], ...] = (
        ("golden repair passes", _golden, True),
        ("nobody fails", lambda _: None, False),
        ("delete-everything fails", _delete_everything, False),
        ("scale-to-zero fails", _scale_to_zero, False),
        ("restart-everything fails", _restart_everything, False),
    )
    failures = []
    for name, agent, expected in agents:
        trial = scenario.fork()
        agent(trial)
        outcome = trial.grade(None)
        why = "; ".join(f"{key}: {value}" for key, value in outcome.detail.items() if value)
        failures.append(Check(name=name, passed=outcome.success is expected, detail=why[:300]))
    return failures


def _golden(scenario: Scenario) -> None:
    assert scenario.plan is not None
    repair(scenario.world, scenario.plan)


def _workloads(world: World, namespace: str) -> list[tuple[str, str, str]]:
    resources = ("deployments.apps", "statefulsets.apps")
    return [(resource, *_key(obj)) for resource in resources for obj in world.store.objects(resource, namespace)]


def _delete_everything(scenario: Scenario) -> None:
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for resource in (
        "deployments.apps",
        "statefulsets.apps",
        "services",
        "configmaps",
        "networkchaos.chaos-mesh.org",
        "podchaos.chaos-mesh.org",
    ):
        for obj in scenario.world.store.objects(resource, scenario.namespace):
            send(transport, Delete((resource, *_key(obj))))


def _scale_to_zero(scenario: Scenario) -> None:
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for key in _workloads(scenario.world, scenario.namespace):
        send(transport, Patch(key, {"spec": {"replicas": 0}}))


def _restart_everything(scenario: Scenario) -> None:
    transport = EmbeddedTransport(scenario.world, ADMIN)
    note = {"kubectl.kubernetes.io/restartedAt": scenario.world.clock.rfc3339()}
    for key in _workloads(scenario.world, scenario.namespace):
        send(transport, Patch(key, {"spec": {"template": {"metadata": {"annotations": note}}}}))


def _brief(seen: Sequence[Feature]) -> str:
    return "; ".join(" ".join(feature)[:120] for feature in seen[:6])
