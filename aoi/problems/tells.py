"""What would give an injection away beside its symptoms: the marks of whoever wrote, and the shape of what was written.

A faulty world and its control see the same number of writes by the same user at the same times. What differs otherwise
must be a symptom, or a mark that ordinary work leaves as well.
"""

from collections import Counter
from collections.abc import Mapping

from aoi.problems.inventory import RECORDED, is_made
from aoi.problems.ordinary import MARKS
from aoi.problems.scenario import Scenario
from kubeworld.machine.store import Obj

CONVENTIONAL = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")
"""Keys of labels that whoever deploys anything writes: another team's workload has them as well."""
BY_CONTROLLERS = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
"""Keys that the cluster writes on what is new, whoever made it."""
ORDINARY = frozenset((*MARKS, *CONVENTIONAL, *BY_CONTROLLERS))


def between(faulty: Scenario, control: Scenario) -> list[str]:
    """What only the faulty world has and no ordinary work leaves: managers, and keys of annotations and labels."""
    found: list[str] = []
    for what, read in (("field manager", _managers), ("annotation or label", _marks)):
        strange = set(read(faulty)) - set(read(control)) - ORDINARY
        found += [f"{what} {name}" for name in sorted(strange)]
    if faulty.world.clock.now_ms != control.world.clock.now_ms:
        found.append(f"clock {faulty.world.clock.now_ms} against {control.world.clock.now_ms}")
    return found


def beside_symptoms(scenario: Scenario) -> Mapping[str, float]:
    """Numbers about a world that say nothing of how it fares: what a trivial classifier may look at.

    How often the objects that people write were written and when the last of them was made, names and their lengths.
    Not pods, events, status or replicas: those are symptoms.
    """
    objects = _objects(scenario)
    writes = [obj["metadata"].get("generation", 1) - 1 for obj in objects]
    now_s = scenario.world.clock.now_ms / 1000
    uids = [obj["metadata"]["uid"] for obj in objects]
    return {
        "objects written again": float(sum(1 for count in writes if count)),
        "writes": float(sum(writes)),
        "marks": float(sum(_marks(scenario).values())),
        "clock in s": now_s % 86400,
        "distinct uids": float(len(set(uids))),
        "length of names": sum(len(obj["metadata"]["name"]) for obj in objects) / max(1, len(objects)),
    }


def _managers(scenario: Scenario) -> Counter[str]:
    objects = _objects(scenario)
    return Counter(e.get("manager", "") for obj in objects for e in obj["metadata"].get("managedFields", ()))


def _marks(scenario: Scenario) -> Counter[str]:
    return Counter(
        key
        for obj in _objects(scenario)
        for part in ("annotations", "labels")
        for key in obj["metadata"].get(part) or {}
    )


def _objects(scenario: Scenario) -> list[Obj]:
    """What people and pipelines write: what a controller makes of it says as much as the object that asked for it."""
    return [
        obj
        for resource in RECORDED
        for obj in scenario.world.store.objects(resource, scenario.namespace)
        if not is_made(resource, obj)
    ]
