"""Nothing but the symptoms says which of two worlds has the fault."""

import numpy as np
import pytest
from scipy import stats

from aoi.problems.sampling import control_of, sample
from aoi.problems.scenario import build
from aoi.problems.tells import beside_symptoms, between

WORLDS = 24


@pytest.fixture(scope="module")
def pairs() -> list[tuple[dict[str, float], dict[str, float]]]:
    """Numbers of faulty worlds and of their controls."""
    instances = [one for one in sample("development", 40, 5) if one.problem.fault][:WORLDS]
    return [(dict(beside_symptoms(build(one))), dict(beside_symptoms(build(control_of(one))))) for one in instances]


def test_a_trivial_classifier_stays_at_chance(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Logistic regression on everything but symptoms, each pair of worlds left out of its own fit: its share of right
    answers is compatible with a coin."""
    names = sorted(pairs[0][0])
    rows = np.array([[world[name] for name in names] for pair in pairs for world in pair])
    labels = np.array([1.0, 0.0] * len(pairs))
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)
    right = 0
    for left_out in range(len(pairs)):
        here = np.zeros(len(rows), dtype=bool)
        here[2 * left_out : 2 * left_out + 2] = True
        said = rows[here] @ _fitted(rows[~here], labels[~here])
        right += int(((said > 0) == (labels[here] > 0.5)).sum())
    chance = stats.binomtest(right, len(rows), 0.5, alternative="greater").pvalue
    assert chance > 0.01, f"{right} of {len(rows)} worlds told apart without a symptom"


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
