"""Faults in every style: they can be injected, seen, told apart and mended, and furniture says nothing of them."""

import pytest

from aoi.agents import checks
from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import GoldenOperator
from aoi.agents.probe import Probe
from aoi.agents.rollout import rollout
from aoi.agents.topology import read_topology
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue
from aoi.problems.admission import check, looker
from aoi.problems.applications import APPLICATIONS
from aoi.problems.faults import MECHANISMS
from aoi.problems.inventory import RECORDED, desired
from aoi.problems.oracle import grade_answer
from aoi.problems.sampling import control_of, sample
from aoi.problems.scenario import build
from aoi.records.episode import Answer
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.naming import HELD_OUT

STYLED = {"plain": "gen000", "helm": "gen001", "suffix": "gen002", "team": "gen190"}
FURNITURE = (
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
    "limitranges",
    "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy",
    "resourcequotas",
    "daemonsets.apps",
)


def of(fault: str, key: str, kind: TaskKind = TaskKind.DETECTION) -> list[Problem]:
    return [p for p in catalogue.problems(fault=fault, kind=kind) if p.application == key]


def _first_of_families() -> list[str]:
    """A mechanism of each family that training meets, where generated applications have it."""
    first: dict[str, str] = {}
    for fault in MECHANISMS["train"]:
        if any(len(list(catalogue.places(fault=fault.key, application=key))) > 0 for key in STYLED.values()):
            first.setdefault(fault.family, fault.key)
    return list(first.values())


@pytest.mark.parametrize("style", STYLED)
@pytest.mark.parametrize("fault", _first_of_families())
def test_training_mechanisms_are_admitted_in_every_style(fault: str, style: str) -> None:
    generated = [key for key in APPLICATIONS if key.startswith("gen") and application(key, 0).style == style]
    mine = [place for key in generated for place in catalogue.places(fault=fault, application=key)]
    report = check(catalogue.problem_at(mine[-1], TaskKind.DETECTION).id, (5,), ("wrong_selector", "bad_image_tag"))
    assert report.is_admitted, report.reason


@pytest.mark.parametrize("key", STYLED.values(), ids=STYLED)
def test_a_control_is_quiet_and_has_the_furniture_of_its_problem(key: str) -> None:
    for seed in (4, 5, 6, 7):
        faulty = build(ProblemInstance(problem=of("bad_image_tag", key)[0], seed=seed))
        control = build(control_of(faulty.instance))
        for resource in FURNITURE:
            theirs, ours = (
                {obj["metadata"]["name"]: desired(resource, obj) for obj in found.world.store.objects(resource)}
                for found in (faulty, control)
            )
            assert theirs == ours
        assert set(FURNITURE) <= set(RECORDED)


@pytest.mark.parametrize("key", STYLED.values(), ids=STYLED)
@pytest.mark.parametrize("look", ["pods", "endpoints", "events", "network", "config", "describe", "storage", "quota"])
def test_what_stands_about_in_a_healthy_namespace_is_no_cause(look: str, key: str) -> None:
    """Of what releases change (`badimage`, `badenv`) a healthy world tells as before."""
    for seed in (4, 8):
        found = build(control_of(ProblemInstance(problem=of("bad_image_tag", key)[0], seed=seed)))
        seen = looker(found)
        words = {signal.word for name in found.components for signal in seen(look, name)}
        assert words <= {"healthy", "badimage", "badenv", "restarted"}


@pytest.mark.parametrize("fault", ["scale_to_zero", "memory_limit", "wrong_selector", "bad_image_tag"])
@pytest.mark.parametrize("key", ["gen002", "gen005", "gen006", "gen190"])
def test_typed_actions_mend_workloads_whatever_they_are_called_and_owned_by(fault: str, key: str) -> None:
    for problem in of(fault, key, TaskKind.MITIGATION)[::4]:
        found = build(ProblemInstance(problem=problem, seed=6))
        codec = WordCodec()
        operator = GoldenOperator(codec, found.truth, handles_of(found, SEED_PROFILE))
        episode = run_episode(found, profile=SEED_PROFILE, arm="test", bundle="scripted", rollout_seed=0, codec=codec)
        outcome = rollout([episode], operator)[0].content.outcome
        assert outcome.success, (problem.id, outcome.detail)


def test_some_targets_are_stateful_sets_and_workers() -> None:
    targets = [
        application(key, 0).by_name[name]
        for key, split in APPLICATIONS.items()
        if split == "train"
        for name in catalogue.targets("bad_image_tag", key)
    ]
    assert any(component.workload_kind == "StatefulSet" for component in targets)
    assert any(not component.declares_port and component.kind == "service" for component in targets)


@pytest.mark.parametrize("key", ["gen002", "gen190"])
def test_a_component_may_be_named_by_its_role_its_workload_or_its_service(key: str) -> None:
    found = build(ProblemInstance(problem=of("bad_image_tag", key, TaskKind.LOCALIZATION)[0], seed=6))
    component = found.application.by_name[found.truth.component or ""]
    for name in {component.name, component.role, component.workload}:
        answer = Answer(verdict="fault", component=name, cause="imagepull", confidence=0.9)
        assert grade_answer(TaskKind.LOCALIZATION, found.truth, answer).success, name
    other = next(c for c in found.application.components if c.name not in found.truth.accepted)
    wrong = Answer(verdict="fault", component=other.workload, cause="imagepull", confidence=0.9)
    assert not grade_answer(TaskKind.LOCALIZATION, found.truth, wrong).success


@pytest.mark.parametrize("key", STYLED.values(), ids=STYLED)
@pytest.mark.parametrize("fault", ["wrong_selector", "no_fault"])
def test_an_agent_joins_services_and_workloads_by_what_it_reads(fault: str, key: str) -> None:
    for problem in of(fault, key)[:3]:
        found = build(ProblemInstance(problem=problem, seed=6))
        known = read_topology(Probe(found.read_transport(), found.namespace), found.components, found.nodes)
        for component in found.application.components:
            if not component.namespace:
                assert known.workloads[component.name].name == component.workload
                assert checks.lines("pods", component.name, known)


def test_unseen_styles_are_a_slice_of_their_own_in_what_the_gate_and_the_reports_draw() -> None:
    for split in ("development", "test"):
        drawn = [instance.problem for instance in sample(split, 200, 3)]
        styled = [problem for problem in drawn if problem.slice == "unseen_style"]
        assert len(styled) >= 20
        assert {application(problem.application, 0).style for problem in styled} <= HELD_OUT
        others = [problem for problem in drawn if problem.slice not in ("unseen_style", "several", "control")]
        assert not {application(problem.application, 0).style for problem in others} & HELD_OUT
