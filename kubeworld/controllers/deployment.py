"""Deployment: rolls a new template out through ReplicaSets, keeps their history, and reports progress.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ and pkg/controller/deployment.
"""

from kubeworld.controllers import deployment_status, pods, rollout
from kubeworld.controllers.deletion import request_deletion
from kubeworld.controllers.replicaset import RESOURCE as REPLICA_SETS
from kubeworld.controllers.rollout import Size
from kubeworld.kinds import events
from kubeworld.kinds.owners import controller_key, owner_reference
from kubeworld.machine import selectors
from kubeworld.machine.integers import integer
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "deployments.apps"
COMPONENT = "deployment-controller"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MAXIMUM,
     "deprecated.deployment.rollback.to"}
)  # fmt: skip
"""Annotations of a Deployment that its ReplicaSets do not inherit (annotationsToSkip in deployment_util.go)."""


class DeploymentController:
    """Scales ReplicaSets towards the Deployment's spec."""

    name = "deployment"
    watches = (RESOURCE, REPLICA_SETS, "pods")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The Deployment; the owner of a ReplicaSet; and a Recreate Deployment whose last old pod is gone."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        if change.resource == REPLICA_SETS:
            key = controller_key(change.obj, RESOURCE)
            return [key] if key else []
        # Pods matter to their ReplicaSet. Only Recreate has to know when the last of them is really gone (deletePod).
        if change.verb != "DELETED":
            return []
        owner = controller_key(change.obj, REPLICA_SETS)
        replica_set = world.store.get(REPLICA_SETS, *owner[1]) if owner else None
        key = controller_key(replica_set, RESOURCE) if replica_set else None
        deployment = world.store.get(RESOURCE, *key[1]) if key else None
        return [key] if key and deployment and _is_recreate(deployment) else []

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """One step: scale, or roll, then report."""
        deployment = world.store.get(RESOURCE, *name)
        if deployment is None:
            return
        owned = _replica_sets(world, deployment)
        if "deletionTimestamp" in deployment["metadata"]:
            self._report(world, deployment, owned)
            return
        new = _find_new(deployment, owned)
        # The order of syncDeployment: a paused Deployment scales but does not roll, and scaling comes before rolling.
        if deployment["spec"].get("paused"):
            deployment = self._sync(world, deployment, new, owned)
        elif _is_scaling(deployment, owned):
            if new is not None:
                deployment = _mark_revision(world, deployment, new, owned)
            deployment = self._sync(world, deployment, new, owned)
        elif _is_recreate(deployment):
            deployment = self._recreate(world, deployment, new, owned)
        else:
            deployment = self._roll(world, deployment, new, owned)
        self._report(world, deployment, _replica_sets(world, deployment))

    def _roll(self, world: World, deployment: Obj, new: Obj | None, owned: list[Obj]) -> Obj:
        deployment, new = self._ensure_new(world, deployment, new, owned)
        replicas, limit = deployment["spec"].get("replicas", 1), rollout.bounds(deployment)
        old = [replica_set for replica_set in owned if replica_set["metadata"]["uid"] != new["metadata"]["uid"]]
        wanted = rollout.next_new(replicas, limit, _size(new), [_size(replica_set) for replica_set in old])
        if wanted != new["spec"].get("replicas", 1):
            _scale(world, deployment, new, wanted)
            # Up and down are passes of their own (rolloutRolling): the ReplicaSet's next change leads to the other.
            return deployment
        # Oldest first, so that history disappears from its far end.
        targets = rollout.next_old(replicas, limit, _size(new), [_size(replica_set) for replica_set in old])
        for replica_set in old:
            _scale(world, deployment, replica_set, targets[replica_set["metadata"]["name"]])
        if deployment_status.is_complete(deployment):
            _clean_up(world, deployment, old)
        return deployment

    def _recreate(self, world: World, deployment: Obj, new: Obj | None, owned: list[Obj]) -> Obj:
        old = [
            replica_set
            for replica_set in owned
            if new is None or replica_set["metadata"]["uid"] != new["metadata"]["uid"]
        ]
        if any(replica_set["spec"].get("replicas", 1) for replica_set in old):
            for replica_set in old:
                _scale(world, deployment, replica_set, 0)
            return deployment
        # Asked to go is not gone: Recreate promises that two versions never run side by side (oldPodsRunning).
        if any(_has_live_pods(world, replica_set) for replica_set in old):
            return deployment
        deployment, new = self._ensure_new(world, deployment, new, owned)
        _scale(world, deployment, new, deployment["spec"].get("replicas", 1))
        if deployment_status.is_complete(deployment):
            _clean_up(world, deployment, old)
        return deployment

    def _sync(self, world: World, deployment: Obj, new: Obj | None, owned: list[Obj]) -> Obj:
        """Only scale: a paused Deployment, or one whose replicas changed (sync and scale in sync.go)."""
        replicas = deployment["spec"].get("replicas", 1)
        active = [replica_set for replica_set in owned if replica_set["spec"].get("replicas", 1) > 0]
        # With one ReplicaSet in use there is nothing to share out (FindActiveOrLatest).
        if len(active) <= 1:
            target = active[0] if active else (new or (owned[-1] if owned else None))
            if target is not None:
                _scale(world, deployment, target, replicas)
                return deployment
        if new is not None and _is_saturated(new, replicas):
            for replica_set in active:
                if replica_set["metadata"]["uid"] != new["metadata"]["uid"]:
                    _scale(world, deployment, replica_set, 0)
        elif len(active) > 1 and not _is_recreate(deployment):
            sizes = [(_size(replica_set), _number(replica_set, MAXIMUM) or 0) for replica_set in reversed(active)]
            targets = rollout.proportional(replicas, rollout.bounds(deployment), sizes)
            for replica_set in active:
                _scale(world, deployment, replica_set, targets[replica_set["metadata"]["name"]])
        return deployment

    def _ensure_new(self, world: World, deployment: Obj, new: Obj | None, owned: list[Obj]) -> tuple[Obj, Obj]:
        """The ReplicaSet of the present template, created or brought to the front of history."""
        if new is not None:
            deployment = _mark_revision(world, deployment, new, owned)
            refreshed = world.store.get(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"])
            return deployment, refreshed or new
        new = self._create(world, deployment, owned)
        revision = new["metadata"]["annotations"][REVISION]
        deployment = _annotate(world, RESOURCE, deployment, {REVISION: revision})
        return deployment_status.note_new(world, deployment, new, existed=False), new

    def _create(self, world: World, deployment: Obj, owned: list[Obj]) -> Obj:
        meta, spec = deployment["metadata"], deployment["spec"]
        suffix = pods.template_hash(spec["template"])
        template, template_meta = fork(spec["template"], "metadata")
        template_meta["labels"] = {**(template_meta.get("labels") or {}), pods.TEMPLATE_HASH: suffix}
        # The hash in the selector keeps ReplicaSets of one Deployment from claiming each other's pods.
        selector, _ = fork(spec["selector"], "matchLabels")
        selector["matchLabels"][pods.TEMPLATE_HASH] = suffix
        limit, replicas = rollout.bounds(deployment), spec.get("replicas", 1)
        if _is_recreate(deployment):
            start = replicas
        else:
            start = rollout.next_new(replicas, limit, Size("", 0, 0), [_size(replica_set) for replica_set in owned])
        annotations = {key: value for key, value in _annotations(deployment).items() if key not in _NOT_COPIED}
        annotations |= {
            DESIRED: str(replicas),
            # Proportional scaling needs the size from before the change, which only this remembers.
            MAXIMUM: str(replicas + limit.surge),
            REVISION: str(max((_revision(replica_set) for replica_set in owned), default=0) + 1),
        }
        name = f"{meta['name']}-{suffix}"
        created: Obj = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": dict(template_meta["labels"]),
                "annotations": annotations,
                "ownerReferences": [owner_reference(RESOURCE, deployment)],
            },
            "spec": {"replicas": start, "selector": selector, "template": template},
            "status": {"replicas": 0},
        }
        if spec.get("minReadySeconds"):
            created["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        stored = world.store.create(REPLICA_SETS, created)
        if start:
            message = f"Scaled up replica set {name} from 0 to {start}"
            events.record(world, RESOURCE, deployment, "ScalingReplicaSet", message, component=COMPONENT)
        return stored

    def _report(self, world: World, deployment: Obj, owned: list[Obj]) -> None:
        new = _find_new(deployment, owned)
        recheck_ms = deployment_status.write(world, deployment, new, owned)
        meta = deployment["metadata"]
        key = f"deployment-deadline/{meta['uid']}"
        # One timer at a time: when it fires too early, because the rollout moved on, the next one is set then.
        now_ms, pending_ms = world.clock.now_ms, world.state.get(key, 0)
        if recheck_ms is not None and not now_ms < pending_ms <= now_ms + recheck_ms:
            world.state[key] = now_ms + recheck_ms
            world.clock.set_timer(recheck_ms, self.name, RESOURCE, meta["namespace"], meta["name"])


def _replica_sets(world: World, deployment: Obj) -> list[Obj]:
    """Owned ReplicaSets, oldest first; matching orphans are adopted."""
    meta = deployment["metadata"]
    owned = world.store.owned(REPLICA_SETS, meta["uid"])
    if "deletionTimestamp" not in meta:
        for replica_set in world.store.orphans(REPLICA_SETS, meta["namespace"]):
            if selectors.matches(deployment["spec"].get("selector"), replica_set["metadata"].get("labels")):
                # A Deployment deleted with --cascade=orphan and written anew takes its pods over without a restart.
                adopted, adopted_meta = fork(replica_set, "metadata")
                adopted_meta["ownerReferences"] = [
                    *(adopted_meta.get("ownerReferences") or ()),
                    owner_reference(RESOURCE, deployment),
                ]
                owned.append(world.store.update(REPLICA_SETS, adopted))
    return sorted(
        owned,
        key=lambda replica_set: (
            replica_set["metadata"]["creationTimestamp"],
            _revision(replica_set),
            replica_set["metadata"]["name"],
        ),
    )


def _find_new(deployment: Obj, owned: list[Obj]) -> Obj | None:
    """The oldest ReplicaSet with the Deployment's template (FindNewReplicaSet)."""
    template = deployment["spec"]["template"]
    return next(
        (replica_set for replica_set in owned if pods.same_template(replica_set["spec"]["template"], template)), None
    )


def _mark_revision(world: World, deployment: Obj, new: Obj, owned: list[Obj]) -> Obj:
    """Give the new ReplicaSet the highest revision and the Deployment the same; a rollback moves an old one forward."""
    annotations = _annotations(new)
    highest_old = max((_revision(replica_set) for replica_set in owned if replica_set is not new), default=0)
    revision = max(_revision(new), highest_old + 1)
    wanted = {REVISION: str(revision)}
    # A template that came back has served several revisions: the former numbers are kept beside the new one.
    if _number(new, REVISION) not in (None, revision):
        former = annotations[REVISION]
        wanted[HISTORY] = f"{annotations[HISTORY]},{former}" if annotations.get(HISTORY) else former
    inherited = {key: value for key, value in _annotations(deployment).items() if key not in _NOT_COPIED}
    new = _annotate(world, REPLICA_SETS, new, inherited | wanted)
    min_ready_s = deployment["spec"].get("minReadySeconds", 0)
    if new["spec"].get("minReadySeconds", 0) != min_ready_s:
        changed, spec = fork(new, "spec")
        spec["minReadySeconds"] = min_ready_s
        new = world.store.update(REPLICA_SETS, changed, spec_changed=True)
    deployment = _annotate(world, RESOURCE, deployment, {REVISION: str(revision)})
    return deployment_status.note_new(world, deployment, new, existed=True)


def _annotate(world: World, resource: str, obj: Obj, wanted: dict[str, str]) -> Obj:
    present = _annotations(obj)
    if all(present.get(key) == value for key, value in wanted.items()):
        return obj
    changed, meta = fork(obj, "metadata")
    meta["annotations"] = {**present, **wanted}
    return world.store.update(resource, changed)


def _scale(world: World, deployment: Obj, replica_set: Obj, wanted: int) -> bool:
    """Set spec.replicas, with the event; also keeps the size annotations of a ReplicaSet that stays in use."""
    current = replica_set["spec"].get("replicas", 1)
    replicas = deployment["spec"].get("replicas", 1)
    sizes = {DESIRED: str(replicas), MAXIMUM: str(replicas + rollout.bounds(deployment).surge)}
    present = _annotations(replica_set)
    if current == wanted:
        if current and any(present.get(key) != value for key, value in sizes.items()):
            _annotate(world, REPLICA_SETS, replica_set, sizes)
        return False
    changed, spec = fork(replica_set, "spec")
    spec["replicas"] = wanted
    changed["metadata"] = {**changed["metadata"], "annotations": {**present, **sizes}}
    world.store.update(REPLICA_SETS, changed, spec_changed=True)
    direction = "up" if wanted > current else "down"
    message = f"Scaled {direction} replica set {replica_set['metadata']['name']} from {current} to {wanted}"
    events.record(world, RESOURCE, deployment, "ScalingReplicaSet", message, component=COMPONENT)
    return True


def _clean_up(world: World, deployment: Obj, old: list[Obj]) -> None:
    """Forget empty old ReplicaSets beyond revisionHistoryLimit, lowest revision first."""
    # Ten is the default of apps/v1; each kept ReplicaSet is one revision to roll back to.
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    unused = [
        replica_set
        for replica_set in old
        if replica_set["spec"].get("replicas", 1) == 0
        and (replica_set.get("status") or {}).get("replicas", 0) == 0
        and "deletionTimestamp" not in replica_set["metadata"]
    ]
    for replica_set in sorted(unused, key=_revision)[: max(0, len(unused) - limit)]:
        request_deletion(world, REPLICA_SETS, replica_set)


def _is_scaling(deployment: Obj, owned: list[Obj]) -> bool:
    """Replicas changed since the ReplicaSets were last sized (isScalingEvent)."""
    wanted = deployment["spec"].get("replicas", 1)
    return any(
        _number(replica_set, DESIRED) not in (None, wanted)
        for replica_set in owned
        if replica_set["spec"].get("replicas", 1) > 0
    )


def _is_saturated(replica_set: Obj, replicas: int) -> bool:
    status = replica_set.get("status") or {}
    return (
        replica_set["spec"].get("replicas", 1) == replicas
        and _number(replica_set, DESIRED) == replicas
        and status.get("availableReplicas", 0) == replicas
    )


def _has_live_pods(world: World, replica_set: Obj) -> bool:
    """Pods that still run, Terminating ones included: Recreate waits for them."""
    return any(
        (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        for pod in world.store.owned("pods", replica_set["metadata"]["uid"])
    )


def _is_recreate(deployment: Obj) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def _size(replica_set: Obj) -> Size:
    status = replica_set.get("status") or {}
    return Size(
        replica_set["metadata"]["name"], replica_set["spec"].get("replicas", 1), status.get("availableReplicas", 0)
    )


def _annotations(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def _revision(replica_set: Obj) -> int:
    return _number(replica_set, REVISION) or 0


def _number(replica_set: Obj, annotation: str) -> int | None:
    """None without a number: users write there too, and the controller goes on (getIntFromAnnotation, MaxRevision)."""
    return integer(_annotations(replica_set).get(annotation, ""))
