"""Whether a problem may be in the set: observable, evident, identifiable, with an oracle that cannot be cheated.

`examine` looks at one problem in one world, `check` at several; `aoi problems check` prints their reports. The agents
that a sound oracle must tell apart are in `trials`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import Field

from aoi.agents import checks, topology
from aoi.agents.compressor import Compressor, Observation
from aoi.agents.first_look import names_of
from aoi.agents.probe import Probe
from aoi.language import handles
from aoi.problems import catalogue, identification, tells
from aoi.problems.compounds import mechanisms_of
from aoi.problems.faults import FAULTS
from aoi.problems.inventory import RECORDED, desired, is_provided
from aoi.problems.places import Place
from aoi.problems.sampling import control_of
from aoi.problems.scenario import Scenario, build, without_fault
from aoi.problems.telemetry import OBJECTS, Feature, features
from aoi.problems.trials import QUINTET, key_of
from aoi.records.base import Record
from aoi.records.episode import Signal
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from kubeworld.machine.store import Obj

SHOWN = 3
"""Signals of one check that the decision layout shows."""
RESTART = "restart-everything fails"


class Check(Record):
    """One claim about one problem in one world."""

    name: str
    passed: bool
    detail: str = ""


class Examination(Record):
    """All claims about one problem in one world."""

    problem_id: str
    fault: str | None
    seed: int
    checks: tuple[Check, ...] = Field(min_length=1)
    channels: tuple[str, ...] = ()
    """Where the fault shows: `alerts`, `events`, `logs`, `pods`, `workload`, ..."""
    nearest: str = ""
    """The mechanism that looks most like it."""
    distance: float = Field(default=1.0, ge=0, le=1)
    """From that one: share of what either shows that the other does not."""


class Report(Record):
    """All claims about one problem, over its seeds."""

    problem_id: str
    fault: str | None
    seeds: tuple[int, ...]
    checks: tuple[Check, ...] = Field(min_length=1)
    channels: tuple[str, ...] = ()
    nearest: str = ""
    """The mechanism that looks most like it in any of the worlds."""
    distance: float = Field(default=1.0, ge=0, le=1)

    @property
    def is_admitted(self) -> bool:
        """Every claim holds in every world."""
        return all(check.passed for check in self.checks)

    @property
    def admitted(self) -> int:
        """Worlds in which every claim holds."""
        refused = {check.name.rpartition(" (seed ")[2] for check in self.checks if not check.passed}
        return len(self.seeds) - len(refused)

    @property
    def reason(self) -> str:
        """The claims that fail, or what the fault shows."""
        failed = [f"{check.name}: {check.detail}" for check in self.checks if not check.passed]
        return " | ".join(failed) or self.checks[0].detail


def check(problem_id: str, seeds: Sequence[int], against: Collection[str] = FAULTS) -> Report:
    """Examine one problem in the worlds of `seeds`, beside other mechanisms. Raises: UnknownProblem."""
    return report_of([examine(problem_id, seed, against) for seed in seeds])


def report_of(examined: Sequence[Examination]) -> Report:
    """What the worlds of one problem say together."""
    closest = min(examined, key=lambda one: (one.distance, one.seed))
    return Report(
        problem_id=examined[0].problem_id,
        fault=examined[0].fault,
        seeds=tuple(one.seed for one in examined),
        checks=tuple(
            c.model_copy(update={"name": f"{c.name} (seed {one.seed})"}) for one in examined for c in one.checks
        ),
        channels=tuple(sorted({channel for one in examined for channel in one.channels})),
        nearest=closest.nearest,
        distance=closest.distance,
    )


def examine(problem_id: str, seed: int, against: Collection[str] = FAULTS) -> Examination:
    """Every claim about one problem in one world. Raises: UnknownProblem."""
    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)
    place = catalogue.place_of(instance.problem)
    return _examine_control(instance) if place is None else _examine_fault(instance, place, against)


def _examine_control(instance: ProblemInstance) -> Examination:
    """A control shows nothing that pages or fails."""
    scenario = build(instance)
    seen = features(scenario.world, scenario.application) - _quiet(instance)
    paging = sorted(f for f in seen if f[0] in ("alerts", "pods", "workload"))
    quiet = Check(name="control is quiet", passed=not paging, detail=_brief(paging))
    return Examination(problem_id=instance.problem.id, fault=None, seed=instance.seed, checks=(quiet,))


def _examine_fault(instance: ProblemInstance, place: Place, against: Collection[str]) -> Examination:
    scenario = build(instance.model_copy(update={"problem": _as_mitigation(instance)}))
    control = build(control_of(instance))
    noise = _quiet(instance) | features(control.world, control.application)
    seen = features(scenario.world, scenario.application) - noise
    suffering = sorted(feature for feature in seen if feature[0] != OBJECTS)  # what is asked for is no symptom
    twin = identification.nearest(place, instance.seed, against)
    is_apart = twin is None or twin.distance > 0
    claims = [
        Check(name="observable", passed=bool(suffering), detail=_brief(suffering)),
        *_evident(scenario),
        Check(name="identifiable", passed=is_apart, detail=twin.fault if twin and not is_apart else ""),
        *_side_by_side(place, instance.seed),
        _contained(instance, scenario),
        Check(name="no tell", passed=not (told := tells.between(scenario, control)), detail="; ".join(told)),
        *_oracle(scenario, place),
    ]
    return Examination(
        problem_id=instance.problem.id,
        fault=place.fault,
        seed=instance.seed,
        checks=tuple(claims),
        channels=tuple(sorted({channel for channel, _, _ in seen})),
        nearest=twin.fault if twin else "",
        distance=twin.distance if twin else 1.0,
    )


def _as_mitigation(instance: ProblemInstance) -> Problem:
    return instance.problem.model_copy(update={"kind": TaskKind.MITIGATION})


def _quiet(instance: ProblemInstance) -> frozenset[Feature]:
    """What the same world shows with the fault's place left empty."""
    clean = without_fault(instance)
    return features(clean.world, clean.application)


def _evident(scenario: Scenario) -> list[Check]:
    """Where the truth says that an expert looks, the agents' own Probe and Compressor find the cause of each root."""
    look = looker(scenario)
    seen = [signal for check, name in scenario.truth.evidence for signal in look(check, name)[:SHOWN]]
    return [
        Check(
            name="evident" if len(scenario.truth.roots) == 1 else f"evident at {root.component}",
            passed=any(s.word in root.causes and s.subject in root.accepted for s in seen),
            detail="; ".join(f"{s.word} {s.subject}" for s in seen),
        )
        for root in scenario.truth.roots
    ]


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


def _side_by_side(place: Place, seed: int) -> list[Check]:
    """Of several faults at once each adds to what the others alone show: none hides behind another."""
    if len(place.roots) < 2:
        return []
    own = identification.signature(place.fault, place.application, place.target, seed)
    claims = []
    for root in place.roots:
        others = [other for other in place.roots if other != root]
        shown = frozenset[Feature]().union(
            *(
                identification.signature(
                    other.fault,
                    place.application,
                    catalogue.targets(other.fault, place.application).index(other.component),
                    seed,
                )
                for other in others
            )
        )
        mine = sorted(own - shown)
        claims.append(Check(name=f"{root.fault} shows beside the other", passed=bool(mine), detail=_brief(mine)))
    return claims


def _contained(instance: ProblemInstance, scenario: Scenario) -> Check:
    """Faulty and clean world ask for the same, but for the objects that the fault says it touches."""
    assert scenario.plan is not None
    clean, touched = without_fault(instance), set(scenario.plan.touched)
    strange = []
    for resource in RECORDED:
        ours, theirs = (
            {key_of(obj): obj for obj in world.store.objects(resource) if not is_provided(resource, obj)}
            for world in (scenario.world, clean.world)
        )
        for namespace, name in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get((namespace, name)), theirs.get((namespace, name))
            same = mine is not None and other is not None and _wish(resource, mine) == _wish(resource, other)
            if not same and (resource, namespace, name) not in touched:
                strange.append(f"{resource}/{name}")
    return Check(name="contained", passed=not strange, detail=", ".join(strange))


def _wish(resource: str, obj: Obj) -> dict[str, Any]:
    """What is asked for, without the name of a volume that a provisioner made for a claim: it holds the claim's uid."""
    asked = desired(resource, obj)
    if asked.get("spec", {}).get("volumeName", "").startswith("pvc-"):
        asked["spec"] = {key: value for key, value in asked["spec"].items() if key != "volumeName"}
    return asked


def _oracle(scenario: Scenario, place: Place) -> list[Check]:
    """The strict oracle passes the golden repair and nothing else, but for a restart that honestly repairs."""
    may_restart = all(FAULTS[key].passes_with_restart for key in mechanisms_of(place.fault))
    failures = []
    for name, agent, expected in QUINTET:
        trial = scenario.fork()
        agent(trial)
        outcome = trial.grade(None)
        why = "; ".join(f"{key}: {value}" for key, value in outcome.detail.items() if value)
        passed = outcome.success is expected or (may_restart and name == RESTART)
        failures.append(Check(name=name, passed=passed, detail=why[:300]))
    return failures


def _brief(seen: Sequence[Feature]) -> str:
    return "; ".join(" ".join(feature)[:120] for feature in seen[:6])
