"""ReplicaSet: keeps as many active pods as asked for, and counts how they fare.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/ and pkg/controller/replicaset.
"""

from kubeworld.controllers import pods
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import conditions, events
from kubeworld.kinds.owners import controller_key, controller_of, owner_reference
from kubeworld.kinds.pod import available_in_ms, is_active
from kubeworld.machine import selectors
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "replicasets.apps"
COMPONENT = "replicaset-controller"
FIRST_RETRY_MS = 5
LAST_RETRY_MS = 30_000
"""The work queue's back-off after a refused creation. Real clusters go on doubling to 1,000 s; bounded here so that a
repaired quota shows within the half minute in which an operator looks."""


class ReplicaSetController:
    """Creates and deletes pods, and writes `status`."""

    name = "replicaset"
    watches = (RESOURCE, "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The ReplicaSet itself; the owner of a pod that changed; for an orphan, those whose selector it matches."""
        if change.resource == RESOURCE:
            if change.verb == "DELETED":
                world.state.pop(_retry_key(change.name), None)
            if change.verb == "DELETED" or _only_status(change):
                return []
            return [(RESOURCE, change.name)]
        key = controller_key(change.obj, RESOURCE)
        # A pod that was released or lost its owner leaves a gap in the former one.
        if key is None and change.previous is not None:
            key = controller_key(change.previous, RESOURCE)
        if key is not None:
            return [key]
        labels = change.obj["metadata"].get("labels")
        if change.verb == "DELETED" or not labels or controller_of(change.obj) is not None:
            return []
        sets = world.store.objects(RESOURCE, change.name[0])
        return [
            (RESOURCE, (change.name[0], replica_set["metadata"]["name"]))
            for replica_set in sets
            if selectors.matches(replica_set["spec"].get("selector"), labels)
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Adopt, release, create or delete pods; then report."""
        replica_set = world.store.get(RESOURCE, *name)
        if replica_set is None:
            return
        failure: str | None = None
        if "deletionTimestamp" not in replica_set["metadata"]:
            active = _claimed(world, replica_set)
            wanted = replica_set["spec"].get("replicas", 1)
            if len(active) < wanted:
                failure = self._create(world, replica_set, wanted - len(active))
            elif len(active) > wanted:
                _delete_surplus(world, replica_set, active, len(active) - wanted)
        self._report(world, replica_set, failure)

    def _create(self, world: World, replica_set: Obj, count: int) -> str | None:
        """Slow start: 1, 2, 4, ... at a time; the first refusal ends the attempt."""
        meta = replica_set["metadata"]
        key = _retry_key((meta["namespace"], meta["name"]))
        failures, not_before_ms = world.state.get(key, (0, 0))
        if failures and world.clock.now_ms < not_before_ms:
            # Until the back-off is over the condition stays as it was written.
            condition = conditions.find((replica_set.get("status") or {}).get("conditions"), "ReplicaFailure")
            return condition["message"] if condition else None
        for _ in range(count):
            pod_name = pods.new_name(world, meta)
            pod = pods.from_template(replica_set["spec"]["template"], RESOURCE, replica_set, pod_name)
            failure = pods.create(world, RESOURCE, replica_set, pod, COMPONENT)
            if failure is not None:
                delay_ms = min(FIRST_RETRY_MS * 2 ** min(failures, 20), LAST_RETRY_MS)
                world.state[key] = (failures + 1, world.clock.now_ms + delay_ms)
                world.clock.set_timer(delay_ms, self.name, RESOURCE, meta["namespace"], meta["name"])
                return failure
        world.state.pop(key, None)
        return None

    def _report(self, world: World, replica_set: Obj, failure: str | None) -> None:
        meta, spec = replica_set["metadata"], replica_set["spec"]
        owned = [pod for pod in world.store.owned("pods", meta["uid"]) if is_active(pod)]
        min_ready_s = spec.get("minReadySeconds", 0)
        template_labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        labelled = sum(selectors.matches_map(template_labels, pod["metadata"].get("labels")) for pod in owned)
        # Nothing changes when minReadySeconds are over, so a timer has to look.
        waits = [available_in_ms(world, pod, min_ready_s) for pod in owned]
        pending = [wait for wait in waits if wait]
        if pending:
            world.clock.set_timer(min(pending), self.name, RESOURCE, meta["namespace"], meta["name"])
        status: Obj = {"replicas": len(owned), "observedGeneration": meta["generation"]}
        counts = {
            "fullyLabeledReplicas": labelled,
            "readyReplicas": sum(wait is not None for wait in waits),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status |= {key: value for key, value in counts.items() if value}
        previous = (replica_set.get("status") or {}).get("conditions") or []
        if failure is not None and conditions.find(previous, "ReplicaFailure"):
            status["conditions"] = previous  # the first refusal stays until a pod is made: calculateStatus
        elif failure is not None:
            status["conditions"] = conditions.with_condition(
                previous,
                world.clock.rfc3339(),
                type_="ReplicaFailure",
                status="True",
                reason="FailedCreate",
                message=failure,
            )
        elif remaining := conditions.without(previous, "ReplicaFailure"):
            status["conditions"] = remaining
        if status != replica_set.get("status"):
            world.store.update(RESOURCE, {**replica_set, "status": status})


def _claimed(world: World, replica_set: Obj) -> list[Obj]:
    """Active pods that the ReplicaSet owns, after releasing those that no longer match and adopting those that do."""
    meta, selector = replica_set["metadata"], replica_set["spec"].get("selector")
    kept: list[Obj] = []
    for pod in world.store.owned("pods", meta["uid"]):
        if not is_active(pod):
            continue
        if selectors.matches(selector, pod["metadata"].get("labels")):
            kept.append(pod)
            continue
        # Relabelled by hand to be looked at: the pod lives on, and gets a substitute.
        released, pod_meta = fork(pod, "metadata")
        pod_meta["ownerReferences"] = [r for r in pod_meta["ownerReferences"] if r["uid"] != meta["uid"]]
        world.store.update("pods", released)
    for pod in world.store.orphans("pods", meta["namespace"]):
        if not is_active(pod) or not selectors.matches(selector, pod["metadata"].get("labels")):
            continue
        adopted, pod_meta = fork(pod, "metadata")
        pod_meta["ownerReferences"] = [*(pod_meta.get("ownerReferences") or ()), owner_reference(RESOURCE, replica_set)]
        kept.append(world.store.update("pods", adopted))
    return kept


def _delete_surplus(world: World, replica_set: Obj, active: list[Obj], count: int) -> None:
    """Remove the pods that matter least; on nodes that hold more of the same set, those first."""
    per_node: dict[str, int] = {}
    for pod in active:
        node = pod["spec"].get("nodeName", "")
        per_node[node] = per_node.get(node, 0) + 1
    ranked = sorted(active, key=lambda pod: pods.deletion_rank(world, pod, per_node[pod["spec"].get("nodeName", "")]))
    for pod in ranked[:count]:
        request_deletion(world, "pods", pod)
        message = f"Deleted pod: {pod['metadata']['name']}"
        events.record(world, RESOURCE, replica_set, "SuccessfulDelete", message, component=COMPONENT)


def _retry_key(name: Name) -> str:
    return f"replicaset-retry/{name[0]}/{name[1]}"


def _only_status(change: Change) -> bool:
    """The controller's own status write needs no second look."""
    if change.previous is None:
        return False
    new, old = change.obj["metadata"], change.previous["metadata"]
    return (
        change.obj["spec"] is change.previous["spec"]
        and "deletionTimestamp" not in new
        and new.get("generation") == old.get("generation")
    )
