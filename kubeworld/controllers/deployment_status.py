"""The status of a Deployment: counts, and the Available, Progressing and ReplicaFailure conditions.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status and
pkg/controller/deployment/progress.go.
"""

from kubeworld.controllers import rollout
from kubeworld.kinds import conditions
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

RESOURCE = "deployments.apps"
NO_DEADLINE = 2**31 - 1
"""math.MaxInt32 means that there is none (HasProgressDeadline)."""


def note_new(world: World, deployment: Obj, replica_set: Obj, *, existed: bool) -> Obj:
    """Say in Progressing that a ReplicaSet was created, or found for an earlier template (a rollback)."""
    status = deployment.get("status") or {}
    current = conditions.find(status.get("conditions"), "Progressing")
    if existed and current is not None:
        return deployment
    name = replica_set["metadata"]["name"]
    reason = "FoundNewReplicaSet" if existed else "NewReplicaSetCreated"
    message = f'Found new replica set "{name}"' if existed else f'Created new replica set "{name}"'
    return _store(world, deployment, _progressing(world, status, "True", reason, message))


def is_complete(deployment: Obj) -> bool:
    """All replicas updated and available, and no old ones left (DeploymentComplete)."""
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status") or {}
    counts = (status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    return (
        all(count == wanted for count in counts)
        and status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    )


def write(world: World, deployment: Obj, new: Obj | None, owned: list[Obj]) -> int | None:
    """Commit the status. Returns after how many ms to look again for the progress deadline, or None."""
    old_status = deployment.get("status") or {}
    status = _counts(deployment, new, owned)
    status["conditions"] = list(old_status.get("conditions") or [])
    status = _available(world, deployment, status)
    recheck_ms = None
    if deployment["spec"].get("paused"):
        status = _paused(world, status, paused=True)
    else:
        status = _paused(world, status, paused=False)
        status, recheck_ms = _progress(world, deployment, new, old_status, status)
    status = _failure(world, owned, new, status)
    if not status["conditions"]:
        del status["conditions"]
    if status != old_status:
        world.store.update(RESOURCE, {**deployment, "status": status})
    return recheck_ms


def _counts(deployment: Obj, new: Obj | None, owned: list[Obj]) -> Obj:
    def total(key: str, sets: list[Obj]) -> int:
        return sum((replica_set.get("status") or {}).get(key, 0) for replica_set in sets)

    available = total("availableReplicas", owned)
    asked = sum(replica_set["spec"].get("replicas", 1) for replica_set in owned)
    counts = {
        "replicas": total("replicas", owned),
        "updatedReplicas": total("replicas", [new]) if new else 0,
        "readyReplicas": total("readyReplicas", owned),
        "availableReplicas": available,
        "unavailableReplicas": max(0, asked - available),
    }
    # Zeros are left out, as Go does with fields that are omitempty.
    status: Obj = {"observedGeneration": deployment["metadata"]["generation"]}
    return status | {key: value for key, value in counts.items() if value}


def _available(world: World, deployment: Obj, status: Obj) -> Obj:
    replicas = deployment["spec"].get("replicas", 1)
    enough = status.get("availableReplicas", 0) >= replicas - rollout.bounds(deployment).unavailable
    return _with(
        world,
        status,
        type_="Available",
        status="True" if enough else "False",
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message="Deployment has minimum availability." if enough else "Deployment does not have minimum availability.",
    )


def _paused(world: World, status: Obj, *, paused: bool) -> Obj:
    current = conditions.find(status["conditions"], "Progressing")
    # A lack of progress that was reported is not covered up by a pause (checkPausedConditions).
    if current is not None and current["reason"] == "ProgressDeadlineExceeded":
        return status
    is_marked = current is not None and current["reason"] == "DeploymentPaused"
    if paused and not is_marked:
        return _progressing(world, status, "Unknown", "DeploymentPaused", "Deployment is paused")
    if not paused and is_marked:
        return _progressing(world, status, "Unknown", "DeploymentResumed", "Deployment is resumed")
    return status


def _progress(world: World, deployment: Obj, new: Obj | None, old: Obj, status: Obj) -> tuple[Obj, int | None]:
    """syncRolloutStatus: complete, progressing, or timed out."""
    deadline_s = deployment["spec"].get("progressDeadlineSeconds", 600)
    current = conditions.find(status["conditions"], "Progressing")
    subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    draft = {**deployment, "status": status}
    # A rollout that has succeeded is not judged again when one of its pods fails later (syncRolloutStatus).
    finished = current is not None and current["reason"] == "NewReplicaSetAvailable"
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0) and finished
    if settled:
        return status, None
    if is_complete(draft):
        message = f"{subject} has successfully progressed."
        return _progressing(world, status, "True", "NewReplicaSetAvailable", message), None
    if _moved_on(old, status) or current is None:
        message = f"{subject} is progressing."
        # A rollout that makes headway moves lastUpdateTime, which the deadline counts from.
        status = _progressing(world, status, "True", "ReplicaSetUpdated", message)
        current = conditions.find(status["conditions"], "Progressing")
    # After a success nothing is estimated until a new ReplicaSet is created (DeploymentTimedOut).
    over = current is None or current["reason"] in ("ProgressDeadlineExceeded", "NewReplicaSetAvailable")
    if deadline_s >= NO_DEADLINE or current is None or over:
        return status, None
    left_ms = world.clock.at_ms(current["lastUpdateTime"]) + deadline_s * 1000 - world.clock.now_ms
    if left_ms > 0:
        # One second more, since metav1.Time has lost the fraction (requeueStuckDeployment adds it too).
        return status, left_ms + 1000
    message = f"{subject} has timed out progressing."
    return _progressing(world, status, "False", "ProgressDeadlineExceeded", message), None


def _moved_on(old: Obj, new: Obj) -> bool:
    """More updated, fewer old, or more ready or available pods (DeploymentProgressing)."""
    old_stale = old.get("replicas", 0) - old.get("updatedReplicas", 0)
    new_stale = new.get("replicas", 0) - new.get("updatedReplicas", 0)
    return (
        new.get("updatedReplicas", 0) > old.get("updatedReplicas", 0)
        or new_stale < old_stale
        or new.get("readyReplicas", 0) > old.get("readyReplicas", 0)
        or new.get("availableReplicas", 0) > old.get("availableReplicas", 0)
    )


def _failure(world: World, owned: list[Obj], new: Obj | None, status: Obj) -> Obj:
    """Carry a ReplicaSet's ReplicaFailure over: the new one's, else any old one's."""
    ordered = ([new] if new else []) + [replica_set for replica_set in owned if replica_set is not new]
    for replica_set in ordered:
        failure = conditions.find((replica_set.get("status") or {}).get("conditions"), "ReplicaFailure")
        if failure is not None:
            return _with(
                world,
                status,
                type_="ReplicaFailure",
                status=failure["status"],
                reason=failure["reason"],
                message=failure["message"],
            )
    return {**status, "conditions": conditions.without(status["conditions"], "ReplicaFailure")}


def _progressing(world: World, status: Obj, value: str, reason: str, message: str) -> Obj:
    return _with(world, status, type_="Progressing", status=value, reason=reason, message=message, touch=True)


def _with(world: World, draft: Obj, /, *, touch: bool = False, type_: str, reason: str, **fields: str) -> Obj:
    """Set a condition, which becomes the last, unless it says so already and `touch` does not renew it.

    Source: SetDeploymentCondition in pkg/controller/deployment/util.
    """
    present = draft.get("conditions") or []
    now = world.clock.rfc3339()
    current = conditions.find(present, type_)
    if current is not None and not touch and (current["status"], current["reason"]) == (fields["status"], reason):
        return draft
    changed = conditions.with_condition(present, now, type_=type_, reason=reason, lastUpdateTime=now, **fields)
    renewed = [condition for condition in changed if condition["type"] == type_]
    return {**draft, "conditions": [*conditions.without(changed, type_), *renewed]}


def _store(world: World, deployment: Obj, status: Obj) -> Obj:
    return world.store.update(RESOURCE, {**deployment, "status": status})
