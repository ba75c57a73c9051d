"""Nothing but the symptoms says which of two worlds has the fault."""

import itertools
import re
from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from aoi.problems.applications import APPLICATIONS
from aoi.problems.faults import FAULTS
from aoi.problems.ordinary import ordinary_work
from aoi.problems.places import places_of
from aoi.problems.preparing import base, opened, plan_of
from aoi.problems.sampling import control_of, sample
from aoi.problems.scenario import build
from aoi.problems.tells import beside_symptoms, between
from aoi.problems.writes import Create, Deed, Delete, Wait
from aoi.records.problem import Split
from aoi.worlds.applications.spec import Application

SPLITS: tuple[Split, ...] = ("train", "development", "test")
WORLDS = 80
OF_CHANCE = 0.01
"""How seldom a coin is right as often: what is more seldom tells the worlds apart."""


@pytest.fixture(scope="module")
def pairs() -> list[tuple[dict[str, float], dict[str, float]]]:
    """Numbers of faulty worlds and of their controls, each world once."""
    sampled = [one for seed in range(9) for split in SPLITS for one in sample(split, 12, seed) if one.problem.fault]
    # A world that came twice would be in its own fit.
    worlds = {(one.problem.application, one.seed): one for one in sampled}
    instances = list(worlds.values())[:WORLDS]
    return [(dict(beside_symptoms(build(one))), dict(beside_symptoms(build(control_of(one))))) for one in instances]


def test_a_trivial_classifier_stays_at_chance(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Logistic regression on everything but symptoms, each pair of worlds left out of its own fit: its share of right
    answers is compatible with a coin."""
    names = sorted({name for pair in pairs for world in pair for name in world})
    rows = np.array([[world.get(name, 0.0) for name in names] for pair in pairs for world in pair])
    labels = np.array([1.0, 0.0] * len(pairs))
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)
    right = 0
    for left_out in range(len(pairs)):
        here = np.zeros(len(rows), dtype=bool)
        here[2 * left_out : 2 * left_out + 2] = True
        said = rows[here] @ _fitted(rows[~here], labels[~here])
        right += int(((said > 0) == (labels[here] > 0.5)).sum())
    assert _chance(right, len(rows)) > OF_CHANCE, f"{right} of {len(rows)} worlds told apart without a symptom"


def test_which_objects_were_written_says_nothing(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Naive Bayes on the sorts of objects that people wrote or made, each pair left out of its own counts."""
    sorts = [tuple({n for n, v in world.items() if v and n.startswith("written")} for world in pair) for pair in pairs]
    every = {sort for pair in sorts for world in pair for sort in world}
    assert any("made" in sort for sort in every), "nothing was made in any world: the numbers are not what they say"
    right = 0
    for left_out, pair in enumerate(sorts):
        others = [other for number, other in enumerate(sorts) if number != left_out]
        odds = [_odds(world, others, every) for world in pair]
        right += int(odds[0] > 0) + int(odds[1] <= 0)
    assert _chance(right, 2 * len(sorts)) > OF_CHANCE, (
        f"{right} of {2 * len(sorts)} worlds told apart by what was written"
    )


def _odds(world: set[str], others: list[tuple[set[str], ...]], every: set[str]) -> float:
    """Logarithm of how much likelier a world with a fault is to have these sorts of objects written."""
    total = 0.0
    for sort in every:
        shares = [(sum(1 for pair in others if sort in pair[side]) + 0.5) / (len(others) + 1) for side in (0, 1)]
        total += float(np.log(shares[0] / shares[1] if sort in world else (1 - shares[0]) / (1 - shares[1])))
    return total


def _chance(right: int, of: int) -> float:
    return float(stats.binomtest(right, of, 0.5, alternative="greater").pvalue)


def test_what_faults_write_ordinary_work_writes_too() -> None:
    """Each sort of object that any mechanism changes or makes is changed or made in worlds without one."""
    by_faults: dict[tuple[str, str], str] = {}
    by_nobody: set[tuple[str, str]] = set()
    for key, seed in itertools.product(("hotel_reservation", "astronomy_shop", "gen000", "gen003", "gen005"), (1, 2)):
        built, snapshot = base(key, seed)
        world = opened(built, snapshot)
        for slot in range(400):
            by_nobody |= {_sort(deed) for deed in ordinary_work(world, built, slot, ())}
    for fault in FAULTS:
        place = next(place for key in APPLICATIONS for place in places_of(fault, key))
        built, snapshot = base(place.application, 1)
        plan = plan_of(opened(built, snapshot), built, fault, place.roots[0].component)
        by_faults |= {_sort(deed): fault for deed in plan.writes if not isinstance(deed, Wait | Delete)}
    alone = {sort: fault for sort, fault in by_faults.items() if sort not in by_nobody}
    assert not alone


def test_faults_and_ordinary_work_call_what_they_make_alike() -> None:
    """No sort of object that both make has names of one side alone, once components and numbers are left out."""
    by_faults: dict[str, set[str]] = defaultdict(set)
    by_nobody: dict[str, set[str]] = defaultdict(set)
    for key in ("hotel_reservation", "gen000", "gen003"):
        built, snapshot = base(key, 1)
        world = opened(built, snapshot)
        for slot in range(1200):
            for deed in ordinary_work(world, built, slot, ()):
                if isinstance(deed, Create):
                    by_nobody[deed.key[0]].add(_shape(built, deed.key[2]))
        places = [place for fault in FAULTS for place in places_of(fault, key)[:3]]
        for place in places:
            for deed in plan_of(world, built, place.fault, place.roots[0].component).writes:
                if isinstance(deed, Create):
                    by_faults[deed.key[0]].add(_shape(built, deed.key[2]))
    both = by_faults.keys() & by_nobody.keys()
    assert {"persistentvolumeclaims", "resourcequotas", "networkchaos.chaos-mesh.org"} <= both
    assert {sort: (by_faults[sort], by_nobody[sort]) for sort in both if not by_faults[sort] & by_nobody[sort]} == {}


def _shape(built: Application, name: str) -> str:
    """A name without what it is about."""
    stems = {stem for c in built.components for stem in (c.name, c.role, c.workload)} | {built.namespace}
    for stem in sorted(stems, key=len, reverse=True):
        name = name.replace(stem, "#")
    return re.sub(r"\d+", "9", name)


def _sort(deed: Deed) -> tuple[str, str]:
    return (type(deed).__name__, "" if isinstance(deed, Wait) else deed.key[0])


def _fitted(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights of a ridge-penalised logistic regression, by gradient descent."""
    weights = np.zeros(rows.shape[1])
    for _ in range(300):
        wrong = 1 / (1 + np.exp(-rows @ weights)) - labels
        weights -= 0.3 * (rows.T @ wrong / len(rows) + 0.05 * weights)
    return weights


def test_what_only_a_faulty_world_has_is_found() -> None:
    """The check sees a manager and a mark that nobody else leaves."""
    instance = next(one for one in sample("development", 20, 5) if one.problem.fault)
    faulty, control = build(instance), build(control_of(instance))
    assert between(faulty, control) == []
    (first, *_) = faulty.world.store.objects("services", faulty.namespace)
    fields = [*first["metadata"].get("managedFields", ()), {"manager": "injector"}]
    marked = {**first["metadata"], "managedFields": fields, "annotations": {"chaos/run": "7"}}
    faulty.world.store.update("services", {**first, "metadata": marked}, spec_changed=False)
    assert between(faulty, control) == ["field manager injector", "annotation or label chaos/run"]


def test_objects_of_both_worlds_have_the_same_uids_and_creation_times_but_for_what_the_fault_replaces() -> None:
    """What neither fault nor ordinary work touched is the same object, down to its uid and its version of birth."""
    instance = next(one for one in sample("development", 20, 5) if one.problem.fault)
    faulty, control = build(instance), build(control_of(instance))
    assert faulty.plan is not None
    touched = set(faulty.plan.touched)
    for resource in ("services", "configmaps", "deployments.apps"):
        mine, theirs = (
            {obj["metadata"]["name"]: obj["metadata"] for obj in one.world.store.objects(resource, one.namespace)}
            for one in (faulty, control)
        )
        for name in mine.keys() & theirs.keys():
            if (resource, faulty.namespace, name) not in touched:
                for field in ("uid", "creationTimestamp"):
                    assert mine[name][field] == theirs[name][field]
