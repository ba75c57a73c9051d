"""Changes of a workload's pod template: what most faults are, and how they are put back."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from aoi.problems import writes
from aoi.problems.faults.base import Action, Among, Evidence, Mark, Plan, Such
from aoi.problems.sites import Site
from aoi.problems.writes import Key, Patch
from kubeworld.machine import quantities


def changed_container(
    site: Site, fields: Mapping[str, Any], *, actions: Sequence[Action], evidence: Sequence[Evidence]
) -> Plan:
    """A plan that sets fields of the application's container; None removes a field."""
    return changed_template(site, {}, fields, actions=actions, evidence=evidence)


def changed_template(
    site: Site,
    pod_fields: Mapping[str, Any],
    container_fields: Mapping[str, Any],
    *,
    actions: Sequence[Action],
    evidence: Sequence[Evidence],
) -> Plan:
    """A plan that sets fields of the pod template and of the application's container, and knows the way back.

    None removes a field.
    """
    template = site.workload["spec"]["template"]["spec"]
    containers = template["containers"]
    index = next(i for i, container in enumerate(containers) if container["name"] == site.container["name"])
    pod_path: tuple[str | int, ...] = ("spec", "template", "spec")
    there: list[dict[str, Any]] = []
    back: list[dict[str, Any]] = []
    marks: list[Mark] = []
    for path, old, fields in (
        (pod_path, template, pod_fields),
        ((*pod_path, "containers", index), containers[index], container_fields),
    ):
        for field, value in fields.items():
            pointer = "/" + "/".join(map(str, (*path, field)))
            if value is not None:
                there.append({"op": "add", "path": pointer, "value": value})
            elif field in old:
                there.append(_removal(pointer))
            back.append({"op": "add", "path": pointer, "value": old[field]} if field in old else _removal(pointer))
            marks.append(Mark(site.key, (*path, field), _new(old.get(field), value)))
    return Plan(
        writes=(Patch(site.key, there, "json"),),
        repair=(Patch(site.key, back, "json"),),
        marks=tuple(marks),
        actions=tuple(actions),
        evidence=tuple(evidence),
        accepted=(site.name,),
    )


def _new(old: Any, value: Any) -> Any:
    """What a value says that the one before did not: whoever writes the rest anew has not touched the fault."""
    if isinstance(value, list) and (added := tuple(item for item in value if item not in (old or ()))):
        return Among(added)
    if not isinstance(old, dict) or not isinstance(value, dict):
        return value
    changed = {key: _new(old.get(key), part) for key, part in value.items() if old.get(key) != part}
    return changed or value


def below(resource: str, amount: float, *, or_none: bool = False) -> Such:
    """Less of a resource than this (CPU in millicores, memory in bytes), as containers and bounds spell it."""
    return Such(lambda said: or_none if said is None else quantities.amount(resource, str(said)) < amount)


def with_resources(site: Site, limits: dict[str, str], requests: dict[str, str]) -> dict[str, Any]:
    """The container's `resources` with some of them set anew, as a field for `changed_container`."""
    resources = copy.deepcopy(dict(site.container.get("resources", {})))
    resources["limits"] = {**resources.get("limits", {}), **limits}
    resources["requests"] = {**resources.get("requests", {}), **requests}
    return {key: value for key, value in resources.items() if value}


def restart(workload: Key) -> Patch:
    """A rollout restart for repairs: the pods' names of the healthy world are gone by then."""
    return writes.restart(workload, "2026-01-05T23:00:00Z")


def _removal(pointer: str) -> dict[str, Any]:
    return {"op": "remove", "path": pointer}
