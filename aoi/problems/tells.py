"""What would give an injection away beside its symptoms: the marks of whoever wrote, and what was written.

A faulty world and its control see the same number of writes by the same user at the same times. What differs otherwise
must be a symptom, or a mark that ordinary work leaves as well.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from aoi.problems.inventory import RECORDED, WORKLOADS, desired, is_made, is_provided
from aoi.problems.ordinary import MARKS, PROGRAMS
from aoi.problems.preparing import base, opened
from aoi.problems.scenario import Scenario
from aoi.problems.sites import PRIORITIES
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

CONVENTIONAL = ("app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")
"""Keys of labels that whoever deploys anything writes: another team's workload has them as well."""
BY_CONTROLLERS = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
"""Keys that the cluster writes on what is new, whoever made it."""
_OF_CONTROLLERS = (*BY_CONTROLLERS, "deployment.kubernetes.io/revision")
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

    How often the objects that people write were written, which of them were written or made since the application was
    installed, names and their lengths. Not pods, events or status, nor what is gone: those are symptoms.
    """
    objects = _objects(scenario)
    writes = [obj["metadata"].get("generation", 1) - 1 for obj in objects]
    now_s = scenario.world.clock.now_ms / 1000
    uids = [obj["metadata"]["uid"] for obj in objects]
    before = opened(*base(scenario.application.key, scenario.instance.seed))
    return {
        "objects written again": float(sum(1 for count in writes if count)),
        "writes": float(sum(writes)),
        "marks": float(sum((_marks(scenario) - _marks(replace(scenario, world=before))).values())),
        "clock in s": now_s % 86400,
        "shared uids": float(len(uids) - len(set(uids))),
        "length of names": sum(len(obj["metadata"]["name"]) for obj in objects) / max(1, len(objects)),
        **{f"written: {what}": float(count) for what, count in _written(scenario, before).items()},
    }


def _written(scenario: Scenario, before: World) -> Counter[str]:
    """How many objects of each sort people have changed or made since `before`."""
    found: Counter[str] = Counter()
    for resource in (*RECORDED, PRIORITIES):
        for obj in scenario.world.store.objects(resource):
            name = obj["metadata"]["name"]
            old = before.store.get(resource, obj["metadata"].get("namespace", ""), name)
            if obj is old or is_provided(resource, obj):
                continue
            if old is None:
                found[f"{resource} made"] += 1
            elif _asked(resource, old) != _asked(resource, obj):
                found[f"{resource} of a {_kind(scenario, resource, name)}"] += 1
    return found


def _asked(resource: str, obj: Obj) -> tuple[Obj, ...]:
    """What an object asks for, and what people note on it."""
    metadata = obj["metadata"]
    notes = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _OF_CONTROLLERS}
    asked = desired(resource, obj)
    if resource in WORKLOADS:  # replicas are an autoscaler's as well
        asked = {**asked, "restarts": obj["spec"]["template"]["metadata"].get("annotations")}
    return asked, metadata.get("labels") or {}, notes


def _kind(scenario: Scenario, resource: str, name: str) -> str:
    """What an object stands for: a program, an engine, or nothing of the application's own."""
    built = scenario.application
    component = built.by_workload.get((resource, name))
    if resource == "services":
        component = next((built.by_name[s.component] for s in built.services if s.name == name), None)
    if component is None:
        return "cluster"
    return "program" if component.kind in PROGRAMS else "engine"


def _managers(scenario: Scenario) -> Counter[str]:
    objects = _objects(scenario)
    return Counter(e.get("manager", "") for obj in objects for e in obj["metadata"].get("managedFields", ()))


def _marks(scenario: Scenario) -> Counter[str]:
    return Counter(
        key
        for obj in _objects(scenario)
        for part in ("annotations", "labels")
        for key in obj["metadata"].get(part) or {}
        if key not in BY_CONTROLLERS
    )


def _objects(scenario: Scenario) -> list[Obj]:
    """What people and pipelines write: what a controller makes of it says as much as the object that asked for it."""
    return [
        obj
        for resource in RECORDED
        for obj in scenario.world.store.objects(resource, scenario.namespace)
        if not is_made(resource, obj)
    ]
