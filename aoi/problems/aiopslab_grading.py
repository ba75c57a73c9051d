"""Grades as AIOpsLab's evaluators give them, from what an agent submits there or from the cluster that it leaves.

Kept apart from the strict grade, since some of these are known to be wrong: `KNOWN_WRONG` says which problems are
solved by agents that repair nothing. Source: the `eval` methods of AIOpsLab at ddf7e40, one problem class each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aoi.problems.aiopslab import NAMESPACES, Known, Look
from aoi.records.problem import TaskKind
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

PORT = 9090
"""Where every Thrift service of SocialNetwork listens."""
Agent = Literal["nobody", "delete everything", "scale to zero", "restart everything"]
_EMPTIED: tuple[Agent, ...] = ("delete everything", "scale to zero")
KNOWN_WRONG: Mapping[str, tuple[Agent, ...]] = {
    # Where there are no pods, none is unwell.
    **{f"revoke_auth_mongodb-mitigation-{number}": _EMPTIED for number in (1, 2)},
    **{f"user_unregistered_mongodb-mitigation-{number}": _EMPTIED for number in (1, 2)},
    "redeploy_without_PV-mitigation-1": _EMPTIED,
    # A database that refuses its clients, and flags, leave every pod well.
    "auth_miss_mongodb-mitigation-1": ("nobody", *_EMPTIED, "restart everything"),
    "astronomy_shop_kafka_queue_problems-mitigation-1": ("nobody", *_EMPTIED, "restart everything"),
    # A pod that was never scheduled has no containers that could be unwell.
    "assign_to_non_existent_node_social_net-mitigation-1": ("nobody", "restart everything"),
}
"""Problem -> agents that its evaluator passes although they repair nothing."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What an evaluator writes into its results."""

    success: bool
    accuracy: float | str | None = None
    """`Correct`, `Incorrect` or `Invalid Format` of a detection; 0 to 100 of a localization."""
    is_subset: bool | None = None


def grade_submission(problem: Known, submitted: Any) -> Marks:
    """Of what an agent handed to `submit`. Raises: ValueError for a mitigation, which is graded by its cluster."""
    match problem.kind:
        case TaskKind.DETECTION:
            if not isinstance(submitted, str):
                return Marks(False, "Invalid Format")
            is_right = submitted.strip().lower() == problem.verdict.lower()
            return Marks(is_right, "Correct" if is_right else "Incorrect")
        case TaskKind.LOCALIZATION:
            return _localization(problem, submitted)
        case TaskKind.ANALYSIS:
            return Marks(_analysis(problem, submitted))
        case TaskKind.MITIGATION:
            raise ValueError(f"{problem.id} is graded by its cluster; use grade_cluster")


def _localization(problem: Known, submitted: Any) -> Marks:
    """All of it for the name alone, a share for a longer list that holds it."""
    if submitted is None:
        return Marks(False, 0.0, is_subset=False)
    named = submitted if isinstance(submitted, list) else [submitted]
    is_exact = any(named == [name] for name in problem.accepted)
    # A name that is not in a list is searched for among its letters, as Python's set() takes a string apart.
    is_subset = any(name in set(submitted) for name in problem.accepted)
    accuracy = 100.0 if is_exact else 100.0 / len(submitted) if is_subset else 0.0
    return Marks(is_exact or (is_subset and len(submitted) == 1), accuracy, is_subset=is_subset)


def _analysis(problem: Known, submitted: Any) -> bool:
    if not isinstance(submitted, dict) or problem.labels is None:
        return False
    level, fault_type = problem.labels
    said = (str(submitted.get(key, "")).strip().lower() for key in ("system_level", "fault_type"))
    return tuple(said) == (level.value.lower(), fault_type.value.lower())


def grade_cluster(problem: Known, world: World) -> Marks:
    """Of the cluster that an agent left, in a mitigation."""
    return Marks(not complaints(problem, world))


def complaints(problem: Known, world: World) -> list[str]:
    """What a mitigation's evaluator has against the cluster; nothing if it passes."""
    assert problem.component is not None
    return list(_LOOKS[problem.looks](world, NAMESPACES[problem.application], problem.component))


def _pods(world: World, namespace: str, component: str) -> Iterator[str]:
    """Every container of every pod runs and is ready. It stumbles over a pod that was never scheduled."""
    return _containers(world, namespace, skips_unscheduled=False)


def _ready(world: World, namespace: str, component: str) -> Iterator[str]:
    """All pods are ready, and there are some."""
    pods = world.store.objects("pods", namespace)
    if not pods:
        yield "there are no pods"
    for pod in pods:
        if pod["status"].get("phase") != "Succeeded" and not _is_ready(pod):
            yield f"{pod['metadata']['name']} is not ready"


def _target_port(world: World, namespace: str, component: str) -> Iterator[str]:
    service = world.store.get("services", namespace, component)
    if service is None:
        yield f"there is no Service {component}"
    elif (port := service["spec"]["ports"][0].get("targetPort")) != PORT:
        yield f"Service {component} leads to port {port}, not {PORT}"
    yield from _containers(world, namespace, skips_unscheduled=True)


def _replicas(world: World, namespace: str, component: str) -> Iterator[str]:
    deployment = world.store.get("deployments.apps", namespace, component)
    wanted = deployment["spec"].get("replicas", 1) if deployment else None
    available = (deployment or {}).get("status", {}).get("availableReplicas")
    if (wanted, available) != (1, 1):
        yield f"{component} has {available} of {wanted} replicas, not 1 of 1"
    yield from _containers(world, namespace, skips_unscheduled=False)


def _exists(world: World, namespace: str, component: str) -> Iterator[str]:
    if not any(component in pod["metadata"]["name"] for pod in world.store.objects("pods", namespace)):
        yield f"no pod is called {component}"
    yield from _containers(world, namespace, skips_unscheduled=True)


def _command(world: World, namespace: str, component: str) -> Iterator[str]:
    deployment = world.store.get("deployments.apps", namespace, component)
    containers = deployment["spec"]["template"]["spec"]["containers"] if deployment else []
    if not containers or any(component not in (c.get("command") or ()) for c in containers):
        yield f"{component} does not run the program {component}"
    yield from _containers(world, namespace, skips_unscheduled=False)


_LOOKS: Mapping[Look, Callable[[World, str, str], Iterator[str]]] = {
    "pods": _pods,
    "ready": _ready,
    "target_port": _target_port,
    "replicas": _replicas,
    "exists": _exists,
    "command": _command,
}


def _containers(world: World, namespace: str, *, skips_unscheduled: bool) -> Iterator[str]:
    for pod in world.store.objects("pods", namespace):
        # What has ended for good is a record: AIOpsLab's installations have no Jobs and no evicted pods.
        if pod["status"].get("phase") in ("Succeeded", "Failed"):
            continue
        statuses: Sequence[Obj] | None = pod["status"].get("containerStatuses")
        if statuses is None and not skips_unscheduled:
            yield f"{pod['metadata']['name']} has no container statuses, over which the evaluator stumbles"
        for status in statuses or ():
            if said := _unwell(status):
                yield f"{status['name']}: {said}"


def _unwell(status: Obj) -> str:
    state = status.get("state") or {}
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return "CrashLoopBackOff"
    if "terminated" in state and state["terminated"].get("reason") != "Completed":
        return f"terminated: {state['terminated'].get('reason')}"
    return "" if status.get("ready") else "not ready"


def _is_ready(pod: Obj) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
