"""What the API server lets in and lets go: security standards of a namespace, finalizers that nobody removes."""

import random

from aoi.problems.faults.base import Fault, Mark, Plan, never
from aoi.problems.faults.places import restarts
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component

_STANDARDS = "pod-security.kubernetes.io"
_HOLDERS = ("storage.example.com/detach", "backup.example.com/snapshot", "example.com/deregister")


def _pod_security(site: Site, choices: random.Random) -> Plan:
    """The namespace asks for more than its pods promise: who runs stays, nobody new comes."""
    key: Key = ("namespaces", "", site.namespace)
    labels = {f"{_STANDARDS}/enforce": "restricted"}
    labels |= choices.choice(({}, {f"{_STANDARDS}/enforce-version": "v1.32"}, {f"{_STANDARDS}/warn": "restricted"}))
    return Plan(
        writes=(Patch(key, {"metadata": {"labels": labels}}), *restarts(site)),
        repair=(Patch(key, {"metadata": {"labels": dict.fromkeys(labels)}}),),
        marks=(Mark(key, ("metadata", "labels", f"{_STANDARDS}/enforce"), "restricted"),),
        actions=(),
        evidence=(("events", site.name), ("quota", site.name)),
        accepted=(site.name,),
        spreads=True,
    )


def _keeps_its_names(application: Application, component: Component) -> bool:
    """A pod that cannot go keeps the next of its name from coming."""
    return is_used(application, component) and component.workload_kind == "StatefulSet"


def _finalizer(site: Site, choices: random.Random) -> Plan:
    """A pod waits for a controller that is not there to say that it may go."""
    holder = choices.choice(_HOLDERS)
    keys: list[Key] = [("pods", site.namespace, name) for name in site.pods]
    return Plan(
        writes=(*(Patch(key, {"metadata": {"finalizers": [holder]}}) for key in keys), *map(Delete, keys)),
        repair=tuple(Patch(key, {"metadata": {"finalizers": None}}) for key in keys),
        marks=tuple(Mark(key, ("metadata", "finalizers"), [holder]) for key in keys),
        actions=(),
        evidence=(("pods", site.name),),
        accepted=(site.name,),
    )


MECHANISMS = (
    Fault(
        key="pod_security",
        version="1",
        family="admission",
        causes=("forbidden",),
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.MISCONFIGURATION,
        eligible=is_used,
        plan=_pod_security,
        mendable=never,
    ),
    Fault(
        key="finalizer",
        version="1",
        family="admission",
        causes=("terminating",),
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.OPERATION,
        eligible=_keeps_its_names,
        plan=_finalizer,
        mendable=never,
    ),
)
