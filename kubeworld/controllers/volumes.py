"""PersistentVolumes and claims: binding, provisioning, release; and what the scheduler asks about them.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/ and pkg/controller/volume/persistentvolume.
"""

from kubeworld.controllers.predicates import HOSTNAME
from kubeworld.controllers.protection import protected
from kubeworld.kinds import events
from kubeworld.kinds.persistent_volume import PERSISTENT_VOLUME
from kubeworld.kinds.persistent_volume_claim import CLAIMS, requested_bytes
from kubeworld.kinds.pod import claims
from kubeworld.kinds.storage_class import CLASSES
from kubeworld.machine import quantities, selectors
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

VOLUMES = "persistentvolumes"
COMPONENT = "persistentvolume-controller"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
RETRY_MS = 15_000
"""A claim that cannot be bound is looked at again this often (pvClaimBinderSyncPeriod), with its event."""


def unbindable(world: World, pod: Obj) -> str | None:
    """Why the pod's claims keep it from every node (VolumeBinding's PreFilter), or None."""
    for name in claims(pod):
        claim = world.store.get(CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if "deletionTimestamp" in claim["metadata"]:
            return f'persistentvolumeclaim "{name}" is being deleted'
        phase = (claim.get("status") or {}).get("phase", "Pending")
        if phase == "Lost":
            volume = claim["spec"].get("volumeName", "")
            return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
        if phase != "Bound" and not _waits_for_consumer(world, claim):
            return "pod has unbound immediate PersistentVolumeClaims"
    return None


def select_node(world: World, pod: Obj, node: str) -> None:
    """Tell the provisioner on which node the first consumer of each unbound claim will run."""
    for name in claims(pod):
        claim = world.store.get(CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None or (claim.get("status") or {}).get("phase") == "Bound":
            continue
        changed, meta = fork(claim, "metadata")
        meta["annotations"] = {**(meta.get("annotations") or {}), SELECTED_NODE: node}
        world.store.update(CLAIMS, changed)


def _waits_for_consumer(world: World, claim: Obj) -> bool:
    storage_class = world.store.get(CLASSES, "", claim["spec"].get("storageClassName") or "")
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def _resize(world: World, claim: Obj) -> None:
    """Volume and claim get the size that a bound claim asks for; file systems grow at once."""
    volume = world.store.get(VOLUMES, "", claim["spec"].get("volumeName", ""))
    if volume is None:
        return
    wanted = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
    capacity = volume["spec"].get("capacity") or {}
    if quantities.amount("storage", capacity.get("storage", "0")) < requested_bytes(claim):
        changed, spec = fork(volume, "spec")
        spec["capacity"] = {**capacity, **wanted}
        world.store.update(VOLUMES, changed)
        status = {**claim["status"], "capacity": {**(claim["status"].get("capacity") or {}), **wanted}}
        claim = world.store.update(CLAIMS, {**claim, "status": status})
        message = "MountVolume.NodeExpandVolume succeeded for volume " + repr(volume["metadata"]["name"]).replace(
            "'", '"'
        )
        events.record(world, CLAIMS, claim, "FileSystemResizeSuccessful", message, component="kubelet")


class VolumeController:
    """Binds claims to volumes, provisions, releases and reclaims."""

    name = "persistentvolume"
    watches = (CLAIMS, VOLUMES, CLASSES)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The claim or volume; the other side of its binding; all pending claims when volumes or classes come."""
        keys: list[tuple[str, Name]] = []
        if change.resource == CLAIMS:
            if change.verb != "DELETED":
                keys.append((CLAIMS, change.name))
            elif volume := change.obj["spec"].get("volumeName"):
                keys.append((VOLUMES, ("", volume)))
            return keys
        if change.resource == VOLUMES and change.verb != "DELETED":
            keys.append((VOLUMES, change.name))
        reference = (change.obj.get("spec") or {}).get("claimRef")
        if change.resource == VOLUMES and reference:
            keys.append((CLAIMS, (reference["namespace"], reference["name"])))
        for claim in world.store.objects(CLAIMS):
            if (claim.get("status") or {}).get("phase", "Pending") == "Pending":
                keys.append((CLAIMS, (claim["metadata"]["namespace"], claim["metadata"]["name"])))
        return keys

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """One claim or one volume."""
        obj = world.store.get(resource, *name)
        if obj is None:
            return
        if resource == VOLUMES:
            _sync_volume(world, obj)
        elif "deletionTimestamp" not in obj["metadata"]:
            self._sync_claim(world, obj)

    def _sync_claim(self, world: World, claim: Obj) -> None:
        bound_to = claim["spec"].get("volumeName")
        volume = world.store.get(VOLUMES, "", bound_to) if bound_to else None
        phase = (claim.get("status") or {}).get("phase", "Pending")
        if bound_to and volume is None and phase == "Bound":
            world.store.update(CLAIMS, {**claim, "status": {**claim["status"], "phase": "Lost"}})
            message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            events.record(world, CLAIMS, claim, "ClaimLost", message, component=COMPONENT, type_="Warning")
            return
        if phase == "Bound":
            _resize(world, claim)
        # Lost is for good: a new volume of the same name would not hold the same data.
        if phase in ("Bound", "Lost"):
            return
        if volume is None and not bound_to:
            volume = _best_match(world, claim) if _may_bind_now(world, claim) else None
        if volume is not None and _is_free_for(volume, claim):
            _bind(world, claim, volume)
            return
        _set_phase(world, CLAIMS, claim, "Pending")
        if not bound_to:
            self._provision(world, claim)

    def _provision(self, world: World, claim: Obj) -> None:
        class_name = claim["spec"].get("storageClassName")
        meta = claim["metadata"]
        # An empty class asks for a volume that is there already: nothing is provisioned for it.
        if not class_name:
            message = "no persistent volumes available for this claim and no storage class is set"
            self._wait(world, claim, "FailedBinding", message)
            return
        storage_class = world.store.get(CLASSES, "", class_name)
        if storage_class is None:
            message = f'storageclass.storage.k8s.io "{class_name}" not found'
            self._wait(world, claim, "ProvisioningFailed", message, warning=True)
            return
        selected = (meta.get("annotations") or {}).get(SELECTED_NODE)
        # The scheduler chooses the node first (select_node), so that the volume is made where the pod can reach it.
        if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not selected:
            message = "waiting for first consumer to be created before binding"
            events.record(world, CLAIMS, claim, "WaitForFirstConsumer", message, component=COMPONENT)
            return
        provisioner = storage_class["provisioner"]
        if provisioner == NO_PROVISIONER:
            message = "no persistent volumes available for this claim and no storage class is set"
            self._wait(world, claim, "FailedBinding", message)
            return
        volume = world.store.create(VOLUMES, _new_volume(claim, storage_class, selected))
        name = volume["metadata"]["name"]
        message = f"Successfully provisioned volume {name}"
        events.record(world, CLAIMS, claim, "ProvisioningSucceeded", message, component=provisioner)
        latest = world.store.get(CLAIMS, meta["namespace"], meta["name"])
        if latest is not None:
            _bind(world, latest, volume)

    def _wait(self, world: World, claim: Obj, reason: str, message: str, *, warning: bool = False) -> None:
        """Record why the claim waits, and look again in a while (at most once per period)."""
        meta = claim["metadata"]
        key = f"claim-retry/{meta['uid']}"
        # Classes and volumes wake every pending claim; the event is told once per period all the same.
        if world.state.get(key, 0) > world.clock.now_ms:
            return
        type_ = "Warning" if warning else "Normal"
        events.record(world, CLAIMS, claim, reason, message, component=COMPONENT, type_=type_)
        world.state[key] = world.clock.now_ms + RETRY_MS
        world.clock.set_timer(RETRY_MS, self.name, CLAIMS, meta["namespace"], meta["name"])


def _may_bind_now(world: World, claim: Obj) -> bool:
    selected = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
    return bool(selected) or not _waits_for_consumer(world, claim)


def _best_match(world: World, claim: Obj) -> Obj | None:
    """The smallest free volume that satisfies the claim; one reserved for it goes first."""
    wanted = claim["spec"]
    size = requested_bytes(claim)
    fitting: list[tuple[bool, int, str, Obj]] = []
    for volume in world.store.objects(VOLUMES):
        spec = volume["spec"]
        capacity = quantities.amount("storage", (spec.get("capacity") or {}).get("storage", "0"))
        if not _is_free_for(volume, claim) or capacity < size:
            continue
        if (spec.get("storageClassName") or "") != (wanted.get("storageClassName") or ""):
            continue
        if not set(wanted.get("accessModes") or ()) <= set(spec.get("accessModes") or ()):
            continue
        if "selector" in wanted and not _selected(wanted["selector"], volume):
            continue
        # False sorts first: a volume that is reserved for the claim wins over any size.
        fitting.append(("claimRef" not in spec, capacity, volume["metadata"]["name"], volume))
    return min(fitting, key=lambda candidate: candidate[:3])[3] if fitting else None


def _selected(selector: Obj, volume: Obj) -> bool:
    return selectors.matches(selector, volume["metadata"].get("labels"))


def _is_free_for(volume: Obj, claim: Obj) -> bool:
    """Unclaimed, or reserved for this very claim (a claimRef with another uid is a former one's: Released)."""
    reference = volume["spec"].get("claimRef")
    if not reference:
        return True
    meta = claim["metadata"]
    same_name = (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
    return same_name and reference.get("uid") in (None, "", meta["uid"])


def _bind(world: World, claim: Obj, volume: Obj) -> None:
    meta = claim["metadata"]
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    changed, spec = fork(volume, "spec")
    spec["claimRef"] = reference
    changed["status"] = {"phase": "Bound"}
    world.store.update(VOLUMES, changed)
    bound, spec = fork(claim, "spec")
    spec["volumeName"] = volume["metadata"]["name"]
    bound["status"] = {
        "phase": "Bound",
        "accessModes": list(volume["spec"].get("accessModes") or ()),
        "capacity": dict(volume["spec"].get("capacity") or {}),
    }
    annotations = {**(meta.get("annotations") or {}), "pv.kubernetes.io/bind-completed": "yes"}
    bound["metadata"] = {**meta, "annotations": annotations}
    world.store.update(CLAIMS, bound)


def _new_volume(claim: Obj, storage_class: Obj, node: str | None) -> Obj:
    requested = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    name = f"pvc-{claim['metadata']['uid']}"
    provisioner = storage_class["provisioner"]
    local = "local-path" in provisioner or "hostpath" in provisioner
    host_path = {"path": f"/var/local-path-provisioner/{name}", "type": "DirectoryOrCreate"}
    source: Obj = {"hostPath": host_path} if local else {"csi": {"driver": provisioner, "volumeHandle": name}}
    spec: Obj = {
        "capacity": {"storage": requested},
        "accessModes": list(claim["spec"].get("accessModes") or ("ReadWriteOnce",)),
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": "Filesystem",
        **source,
    }
    if node and local:  # an attachable volume can follow its pod to other nodes
        terms = [{"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [node]}]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    annotations = {"pv.kubernetes.io/provisioned-by": storage_class["provisioner"]}
    volume: Obj = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
        "status": {"phase": "Pending"},
    }
    return protected(PERSISTENT_VOLUME, volume)


def _sync_volume(world: World, volume: Obj) -> None:
    """Available, Bound, or Released: whatever its claimRef says. A released volume is deleted if its policy says so."""
    reference = volume["spec"].get("claimRef")
    if not reference or not reference.get("uid"):
        _set_phase(world, VOLUMES, volume, "Available")
        return
    claim = world.store.get(CLAIMS, reference["namespace"], reference["name"])
    # The uid tells the claim from a later one of the same name, which must not get the former one's data.
    if claim is not None and claim["metadata"]["uid"] == reference["uid"]:
        return
    # No storage stands behind it that would have to be wiped first.
    if volume["spec"].get("persistentVolumeReclaimPolicy", "Retain") == "Delete":
        world.store.delete(VOLUMES, "", volume["metadata"]["name"])
        return
    _set_phase(world, VOLUMES, volume, "Released")


def _set_phase(world: World, resource: str, obj: Obj, phase: str) -> None:
    status = obj.get("status") or {}
    if status.get("phase") != phase:
        world.store.update(resource, {**obj, "status": {**status, "phase": phase}})
