"""Whom an injection strikes in a problem's world: the culprit itself, one of its callers, or a healthy bystander.

Drawn from the problem, its seed and the injection alone, so that every rollout and both arms read the same.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Literal

from aoi.problems.injections.catalogue import Injection
from aoi.problems.injections.planting import Target
from aoi.problems.sites import rng
from aoi.records.problem import ProblemInstance
from aoi.worlds.applications.spec import Application, Component

Aim = Literal["culprit", "caller", "bystander"]
AIMS: tuple[Aim, ...] = ("culprit", "caller", "bystander")
_OF_PODS = frozenset({"log", "previous", "termination"})


def strike(
    injection: Injection,
    instance: ProblemInstance,
    built: Application,
    *,
    broken: Sequence[str],
    running: Iterable[str],
    aim: Aim | None = None,
) -> Target:
    """The target of an injection. `broken` are the names of what is at fault, `running` the workloads that have pods.

    The aim is drawn unless given; who has no pods writes no log, so another is struck then.
    """
    choices = rng("injection", injection.id, instance.problem.id, instance.seed)
    alive = frozenset(running)
    parts = _parts(built, broken, choices)
    order = [aim] if aim else [first := choices.choice(AIMS), *(other for other in AIMS if other != first)]
    if injection.channel == "termination" and aim is None:
        order = list(AIMS)  # only what died has left a message
    able = [
        component
        for name in order
        for component in parts[name]
        if injection.channel not in _OF_PODS or component.workload in alive
    ]
    struck = (able or [component for name in order for component in parts[name]] or list(parts["bystander"]))[0]
    accused = next((c for c in (*parts["bystander"], *parts["caller"]) if c.name != struck.name), struck)
    return Target(
        namespace=built.namespace,
        component=struck.name,
        workload=struck.workload,
        workload_kind=struck.workload_kind,
        container=struck.container,
        innocent=accused.name,
        culprit=broken[0] if broken else struck.name,
        port=accused.port,
    )


def _parts(built: Application, broken: Sequence[str], choices: Random) -> dict[Aim, list[Component]]:
    """Components of the namespace by what they are to the fault, each list in a drawn order."""
    own = [component for component in built.components if not component.namespace]
    own = choices.sample(own, len(own))
    culprits = [c for c in own if c.name in broken or c.workload in broken]
    calling = {caller for culprit in culprits for caller in built.callers[culprit.name]}
    callers = [c for c in own if c.name in calling and c not in culprits]
    bystanders = [c for c in own if c not in culprits and c not in callers]
    return {"culprit": culprits, "caller": callers, "bystander": bystanders}
