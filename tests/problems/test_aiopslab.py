"""AIOpsLab's problems: the registry as data, its grades, and that ours cannot be had as cheaply as some of its own."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from aoi.problems import aiopslab, catalogue
from aoi.problems.aiopslab import Known
from aoi.problems.aiopslab_grading import KNOWN_WRONG, grade_cluster, grade_submission
from aoi.problems.faults import FAULTS
from aoi.problems.scenario import Scenario, build, repair
from aoi.problems.writes import Delete, Key, Patch, Write, send
from aoi.records.episode import Answer
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN

SEED = 7
KNOWN = aiopslab.known()
PAPER = {name: found for name, found in KNOWN.items() if not found.is_newer}
SETTLE_MS, ROUNDS = 60_000, 10


def test_the_papers_86_are_all_here_by_kind_application_and_split() -> None:
    assert len(PAPER) == 86
    assert Counter(found.kind.value for found in PAPER.values()) == {
        "detection": 32, "localization": 28, "analysis": 13, "mitigation": 13,
    }  # fmt: skip
    assert Counter(found.application for found in PAPER.values()) == {
        aiopslab.HOTEL: 38, aiopslab.SOCIAL: 25, aiopslab.SHOP: 23,
    }  # fmt: skip
    assert Counter(found.split for found in PAPER.values()) == {"train": 38, "test": 48}


def test_what_is_known_to_be_wrong_and_what_is_not_served_is_written_down() -> None:
    page = Path("docs/aiopslab.md").read_text()
    assert all(f"`{name}`" in page for name in (*KNOWN_WRONG, *aiopslab.NEWER))
    for kind, total in Counter(found.kind.value for found in PAPER.values()).items():
        each = [sum((f.kind, f.application) == (kind, app) for f in PAPER.values()) for app in aiopslab.NAMESPACES]
        assert f"| {kind} | {' | '.join(map(str, each))} | {total} |" in page


def test_of_the_three_newer_ones_those_on_docker_alone_are_not_served() -> None:
    served = {name for name in aiopslab.NEWER if name in KNOWN}
    assert served == {"astronomy_shop_kafka_queue_problems-mitigation-1"}
    assert all(why.startswith("served" if name in served else "not served") for name, why in aiopslab.NEWER.items())


def served(kind: TaskKind | None = None) -> list[Known]:
    """Those whose mechanism is in the catalogue."""
    fitting = [found for found in KNOWN.values() if kind in (None, found.kind)]
    return [found for found in fitting if found.fault is None or found.fault in FAULTS]


def test_the_catalogue_has_each_by_its_id_and_trains_on_none_that_the_paper_holds_out() -> None:
    for found in served():
        problem = catalogue.get(found.id)
        assert (problem.kind, problem.application, problem.fault) == (found.kind, found.application, found.fault)
        if found.split == "test":
            assert problem.split != "train", found.id
        if found.fault is not None:
            assert catalogue.targets(found.fault, found.application)[problem.target] == found.component


def golden(found: Known) -> object:
    """What its evaluator waits for."""
    match found.kind:
        case TaskKind.DETECTION:
            return found.verdict
        case TaskKind.LOCALIZATION:
            return [found.component]
    assert found.labels is not None
    return {"system_level": found.labels[0].value, "fault_type": found.labels[1].value}


@pytest.mark.parametrize("found", [f for f in KNOWN.values() if f.kind is not TaskKind.MITIGATION], ids=lambda f: f.id)
def test_the_expected_answer_passes_and_none_fails(found: Known) -> None:
    assert grade_submission(found, golden(found)).success
    assert not grade_submission(found, None).success


def test_always_yes_is_right_in_29_of_32_detections() -> None:
    detections = [found for found in PAPER.values() if found.kind is TaskKind.DETECTION]
    assert sum(grade_submission(found, " yes ").success for found in detections) == 29


def test_a_list_of_names_gets_its_share_and_no_success() -> None:
    marks = grade_submission(KNOWN["revoke_auth_mongodb-localization-1"], ["frontend", "geo"])
    assert (marks.success, marks.accuracy, marks.is_subset) == (False, 50.0, True)
    assert grade_submission(KNOWN["revoke_auth_mongodb-localization-1"], ["geo"]).success
    assert not grade_submission(KNOWN["wrong_bin_usage-localization-1"], ["mongodb-profile"]).success


PLACES = sorted({(f.application, f.fault, f.component) for f in served() if f.fault and f.component})


@pytest.mark.parametrize("place", PLACES, ids=":".join)
def test_a_right_answer_is_right_by_the_strict_grade_and_silence_is_not(place: tuple[str, str, str]) -> None:
    mine = [f for f in served() if (f.application, f.fault, f.component) == place]
    for found in (f for f in mine if f.kind is not TaskKind.MITIGATION):
        world = build(ProblemInstance(problem=catalogue.get(found.id), seed=SEED))
        labels = {"system_level": None, "fault_type": None}
        if found.labels is not None:
            labels = {"system_level": found.labels[0].value, "fault_type": found.labels[1].value}
        answer = Answer(verdict="fault", component=found.component, confidence=0.9, **labels)  # type: ignore[arg-type]
        outcome = world.grade(answer)
        assert outcome.success, (found.id, outcome.detail)
        assert outcome.aiopslab_success, found.id
        assert not world.grade(None).success


def each(scenario: Scenario, resources: tuple[str, ...], make: Callable[[Key], Write]) -> None:
    """One write for every object of these resources in the application's namespace."""
    transport = EmbeddedTransport(scenario.world, ADMIN)
    for resource in resources:
        for obj in scenario.world.store.objects(resource, scenario.namespace):
            send(transport, make((resource, scenario.namespace, obj["metadata"]["name"])))


WORKLOADS = ("deployments.apps", "statefulsets.apps")
NOTE = {"kubectl.kubernetes.io/restartedAt": "2026-01-05T22:00:00Z"}
AGENTS: dict[str, Callable[[Scenario], None]] = {
    "nobody": lambda _: None,
    "delete everything": lambda scenario: each(scenario, (*WORKLOADS, "services", "configmaps"), Delete),
    "scale to zero": lambda scenario: each(scenario, WORKLOADS, lambda key: Patch(key, {"spec": {"replicas": 0}})),
    "restart everything": lambda scenario: each(
        scenario, WORKLOADS, lambda key: Patch(key, {"spec": {"template": {"metadata": {"annotations": NOTE}}}})
    ),
}


def passes(found: Known, scenario: Scenario) -> bool:
    """Whether its evaluator passes what an agent left, now or within ten minutes."""
    for _ in range(ROUNDS):
        if grade_cluster(found, scenario.world).success:
            return True
        scenario.world.advance(SETTLE_MS)
    return False


@pytest.mark.parametrize("found", served(TaskKind.MITIGATION), ids=lambda f: f.id)
def test_only_a_repair_solves_a_mitigation_strictly_and_theirs_alone_where_it_is_known_to_be_wrong(
    found: Known,
) -> None:
    scenario = build(ProblemInstance(problem=catalogue.get(found.id), seed=SEED))
    mended = scenario.fork()
    assert mended.plan is not None
    repair(mended.world, mended.plan)
    assert mended.grade(None).success
    assert passes(found, mended)
    fooled = set()
    for name, agent in AGENTS.items():
        trial = scenario.fork()
        agent(trial)
        assert not trial.grade(None).success, name
        trial.world.advance(2 * SETTLE_MS)
        if grade_cluster(found, trial.world).success:
            fooled.add(name)
    assert fooled == set(KNOWN_WRONG.get(found.id, ()))
