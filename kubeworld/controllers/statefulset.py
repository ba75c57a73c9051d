"""StatefulSet: pods with an identity, made and updated one after another, each with its claims.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/ and pkg/controller/statefulset.
"""

from kubeworld.controllers import pods, revisions
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import events
from kubeworld.kinds.owners import controller_key, owner_reference
from kubeworld.kinds.pod import available_in_ms, is_ready
from kubeworld.machine.admission import Refused
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "statefulsets.apps"
CLAIMS = "persistentvolumeclaims"
COMPONENT = "statefulset-controller"
RETRY_MS = 10_000
"""Until a refused creation is tried again; the real work queue backs off instead."""


class StatefulSetController:
    """Brings the lowest missing ordinal up, the highest outdated one down."""

    name = "statefulset"
    watches = (RESOURCE, "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The StatefulSet, or the owner of a pod that changed."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        key = controller_key(change.obj, RESOURCE)
        return [key] if key else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """One step, then the status."""
        stateful_set = world.store.get(RESOURCE, *name)
        if stateful_set is None:
            return
        update = revisions.current(world, RESOURCE, stateful_set)
        current = _current_revision(world, stateful_set, update)
        if "deletionTimestamp" not in stateful_set["metadata"]:
            self._step(world, stateful_set, current, update)
        self._report(world, stateful_set, current, update)

    def _step(self, world: World, stateful_set: Obj, current: Obj, update: Obj) -> None:
        spec = stateful_set["spec"]
        start = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(start, start + spec.get("replicas", 1))
        strategy = spec.get("updateStrategy") or {}
        first_updated = start + (strategy.get("rollingUpdate") or {}).get("partition", 0)
        owned = _by_ordinal(world, stateful_set)
        for ordinal in wanted:
            # Below the partition a pod that is lost comes back as it was, not as it will be.
            revision = update if ordinal >= first_updated else current
            if not self._ensure(world, stateful_set, ordinal, owned.get(ordinal), revision):
                return
        surplus = [ordinal for ordinal in owned if ordinal not in wanted]
        if surplus:
            self._shrink(world, stateful_set, owned, surplus)
        elif strategy.get("type", "RollingUpdate") == "RollingUpdate":
            updatable = [ordinal for ordinal in wanted if ordinal >= first_updated]
            self._roll(world, stateful_set, owned, updatable, update["metadata"]["name"])

    def _ensure(self, world: World, stateful_set: Obj, ordinal: int, pod: Obj | None, revision: Obj) -> bool:
        """Create the pod if it is missing; whether the next ordinal's turn has come."""
        ordered = _is_ordered(stateful_set)
        # A pod that has ended is replaced whatever its restartPolicy says: its identity has to be served
        # (processReplica).
        if pod is not None and (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            request_deletion(world, "pods", pod)
            pod = None
        if pod is None:
            return self._create(world, stateful_set, ordinal, revision) and not ordered
        return _is_healthy(pod) or not ordered

    def _shrink(self, world: World, stateful_set: Obj, owned: dict[int, Obj], surplus: list[int]) -> None:
        """Delete from the highest ordinal down; in order, one at a time."""
        for ordinal in sorted(surplus, reverse=True):
            if "deletionTimestamp" not in owned[ordinal]["metadata"]:
                _leave_claims_to(world, stateful_set, owned[ordinal], ordinal)
                self._delete(world, stateful_set, owned[ordinal])
            if _is_ordered(stateful_set):
                return

    def _roll(self, world: World, stateful_set: Obj, owned: dict[int, Obj], ordinals: list[int], update: str) -> None:
        """Replace the highest outdated pod once all above it are healthy."""
        # One at a time, even with podManagementPolicy Parallel: that is about scaling, not about updates.
        for ordinal in reversed(ordinals):
            pod = owned.get(ordinal)
            if pod is None:
                return
            if _revision_of(pod) != update and "deletionTimestamp" not in pod["metadata"]:
                self._delete(world, stateful_set, pod)
                return
            if not _is_healthy(pod):
                return

    def _create(self, world: World, stateful_set: Obj, ordinal: int, revision: Obj) -> bool:
        meta = stateful_set["metadata"]
        pod = _new_pod(stateful_set, ordinal, revision)
        pod_name = pod["metadata"]["name"]
        if world.store.get("pods", meta["namespace"], pod_name) is not None:
            return False  # the former pod of that name is still Terminating
        subject = f"create Pod {pod_name} in StatefulSet {meta['name']}"
        try:
            _create_claims(world, stateful_set, ordinal, pod_name)
            admitted = world.admission.admit_created_pod(world, pod, COMPONENT)
        except Refused as refusal:
            message = f"{subject} failed error: {refusal}"
            events.record(world, RESOURCE, stateful_set, "FailedCreate", message, component=COMPONENT, type_="Warning")
            world.clock.set_timer(RETRY_MS, self.name, RESOURCE, meta["namespace"], meta["name"])
            return False
        world.store.create("pods", admitted)
        message = f"{subject} successful"
        events.record(world, RESOURCE, stateful_set, "SuccessfulCreate", message, component=COMPONENT)
        return True

    def _delete(self, world: World, stateful_set: Obj, pod: Obj) -> None:
        request_deletion(world, "pods", pod)
        message = f"delete Pod {pod['metadata']['name']} in StatefulSet {stateful_set['metadata']['name']} successful"
        events.record(world, RESOURCE, stateful_set, "SuccessfulDelete", message, component=COMPONENT)

    def _report(self, world: World, stateful_set: Obj, current: Obj, update: Obj) -> None:
        owned = list(_by_ordinal(world, stateful_set).values())
        meta, replicas = stateful_set["metadata"], stateful_set["spec"].get("replicas", 1)
        waits = [available_in_ms(world, pod, stateful_set["spec"].get("minReadySeconds", 0)) for pod in owned]
        if pending := [wait for wait in waits if wait]:
            world.clock.set_timer(min(pending), self.name, RESOURCE, meta["namespace"], meta["name"])
        update_name = update["metadata"]["name"]
        updated = sum(_revision_of(pod) == update_name for pod in owned)
        ready = sum(wait is not None for wait in waits)
        # Once all pods are of the update revision it becomes the current one (completeRollingUpdate).
        done = updated == replicas == len(owned) == ready
        status = {
            "observedGeneration": meta["generation"],
            "replicas": len(owned),
            "readyReplicas": ready,
            "availableReplicas": sum(wait == 0 for wait in waits),
            "updatedReplicas": updated,
            "currentReplicas": updated if done else sum(_revision_of(p) == current["metadata"]["name"] for p in owned),
            "currentRevision": update_name if done else current["metadata"]["name"],
            "updateRevision": update_name,
            "collisionCount": 0,
        }
        kept = {"replicas", "observedGeneration", "currentRevision", "updateRevision", "collisionCount"}
        status = {key: value for key, value in status.items() if value or key in kept or key == "availableReplicas"}
        if status != stateful_set.get("status"):
            world.store.update(RESOURCE, {**stateful_set, "status": status})
            revisions.prune(world, stateful_set, {update_name, current["metadata"]["name"]})


def _current_revision(world: World, stateful_set: Obj, update: Obj) -> Obj:
    """The revision that pods below the partition keep."""
    name = (stateful_set.get("status") or {}).get("currentRevision")
    stored = world.store.get(revisions.RESOURCE, stateful_set["metadata"]["namespace"], name) if name else None
    return stored or update


def _by_ordinal(world: World, stateful_set: Obj) -> dict[int, Obj]:
    meta = stateful_set["metadata"]
    by_ordinal: dict[int, Obj] = {}
    for pod in world.store.owned("pods", meta["uid"]):
        prefix, _, ordinal = pod["metadata"]["name"].rpartition("-")
        if prefix == meta["name"] and ordinal.isdigit():
            by_ordinal[int(ordinal)] = pod
    return dict(sorted(by_ordinal.items()))


def _is_ordered(stateful_set: Obj) -> bool:
    return stateful_set["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"


def _is_healthy(pod: Obj) -> bool:
    return is_ready(pod) and "deletionTimestamp" not in pod["metadata"]


def _revision_of(pod: Obj) -> str:
    return (pod["metadata"].get("labels") or {}).get(revisions.HASH, "")


def _new_pod(stateful_set: Obj, ordinal: int, revision: Obj) -> Obj:
    name = f"{stateful_set['metadata']['name']}-{ordinal}"
    pod = pods.from_template(revision["data"]["spec"]["template"], RESOURCE, stateful_set, name)
    pod["metadata"]["labels"] |= {
        revisions.HASH: revision["metadata"]["name"],
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(ordinal),
    }
    spec = pod["spec"]
    spec["hostname"] = name
    spec["subdomain"] = stateful_set["spec"].get("serviceName", "")
    templates = stateful_set["spec"].get("volumeClaimTemplates") or ()
    claimed = [
        {
            "name": template["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{template['metadata']['name']}-{name}"},
        }
        for template in templates
    ]
    names = {volume["name"] for volume in claimed}
    # A claim of a template takes the place of a pod volume of the same name (updateStorage).
    if claimed:
        spec["volumes"] = [*claimed, *(v for v in spec.get("volumes") or () if v["name"] not in names)]
    return pod


def _leave_claims_to(world: World, stateful_set: Obj, pod: Obj, ordinal: int) -> None:
    """With `whenScaled: Delete`, claims of a pod that is one too many go with it."""
    meta, spec = stateful_set["metadata"], stateful_set["spec"]
    if (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled") != "Delete":
        return
    for template in spec.get("volumeClaimTemplates") or ():
        name = f"{template['metadata']['name']}-{meta['name']}-{ordinal}"
        claim = world.store.get(CLAIMS, meta["namespace"], name)
        if claim is not None:
            left, claim_meta = fork(claim, "metadata")
            claim_meta["ownerReferences"] = [owner_reference("pods", pod, controller=False)]
            world.store.update(CLAIMS, left)


def _create_claims(world: World, stateful_set: Obj, ordinal: int, pod_name: str) -> None:
    """Those of one pod that are not there. Raises: Refused, after all were tried, if admission refuses some."""
    meta = stateful_set["metadata"]
    refusals = []
    for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
        name = f"{template['metadata']['name']}-{meta['name']}-{ordinal}"
        if world.store.get(CLAIMS, meta["namespace"], name) is not None:
            continue
        claim, claim_meta = fork(template, "metadata")
        # Claims outlive pods, and are found again by the labels of the set.
        labels = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
        claim_meta |= {"name": name, "namespace": meta["namespace"]}
        claim_meta["labels"] = {**(claim_meta.get("labels") or {}), **labels}
        policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
        if policy.get("whenDeleted") == "Delete":
            claim_meta["ownerReferences"] = [owner_reference(RESOURCE, stateful_set, controller=False)]
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
        subject = f"create Claim {name} Pod {pod_name} in StatefulSet {meta['name']}"
        try:
            world.store.create(CLAIMS, world.admission.admit(world, CLAIMS, claim))
        except Refused as refusal:
            message = f"{subject} failed error: {refusal}"
            events.record(world, RESOURCE, stateful_set, "FailedCreate", message, component=COMPONENT, type_="Warning")
            refusals.append(f"failed to create PVC {name}: {refusal}")
            continue
        events.record(world, RESOURCE, stateful_set, "SuccessfulCreate", f"{subject} success", component=COMPONENT)
    if refusals:
        raise Refused(refusals[0] if len(refusals) == 1 else f"[{', '.join(refusals)}]")
