"""Nodes: registration, heartbeats that are computed and not written, failure, and the taints that follow.

Source: https://kubernetes.io/docs/concepts/architecture/nodes/ and pkg/controller/nodelifecycle.
"""

import hashlib

from kubeworld.kinds import conditions, events
from kubeworld.kinds.node import pressure_of
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

MONITOR_GRACE_MS = 50_000
"""Without a heartbeat for this long a node is Unknown (node-monitor-grace-period, 50 s since 1.32)."""
HEARTBEAT_MS = 10_000
"""A kubelet renews its lease this often (a quarter of the 40 s lease duration)."""
STATUS_MS = 300_000
"""A kubelet writes its status at least this often (nodeStatusReportFrequency)."""
PRESSURE_MS = 300_000
"""How long a node counts as under pressure once it is not (evictionPressureTransitionPeriod)."""
COMPONENT = "node-controller"
UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
_SILENT = "NodeStatusUnknown"
"""Reason of the conditions of a node whose kubelet says nothing any more."""
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
LEASES = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
_PRESSURE_TAINTS = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
"""Condition of a node that lacks something -> the taint that keeps new pods away."""
# An ordinary machine; 110 pods is the kubelet's default (--max-pods).
_CAPACITY = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}


def fail(world: World, node: str) -> None:
    """Stop a node's kubelet: heartbeats end, and 50 seconds later the cluster notices."""
    world.state[f"node-down/{node}"] = world.clock.now_ms
    world.clock.set_timer(MONITOR_GRACE_MS, NodeController.name, "nodes", "", node)


def restore(world: World, node: str) -> None:
    """Start a node's kubelet again."""
    if world.state.pop(f"node-down/{node}", None) is None:
        return
    # No object changes by this, so nobody would be woken by the store.
    world.wake(NodeController.name, "nodes", ("", node))
    for pod in world.store.pods_on(node):
        world.wake("kubelet", "pods", (pod["metadata"]["namespace"], pod["metadata"]["name"]))


def press(world: World, node: str, *, threshold: str, available: str) -> None:
    """Less disk is free on a node than its kubelet wants: it evicts pods, one after another, until `relieve`."""
    world.state.pop(f"node-relieved/{node}", None)
    world.state[f"node-pressure/{node}"] = (threshold, available)
    world.wake(NodeController.name, "nodes", ("", node))


def relieve(world: World, node: str) -> None:
    """Enough is free again, or the kubelet wants less; the node says so after five minutes."""
    if world.state.pop(f"node-pressure/{node}", None) is None:
        return
    world.state[f"node-relieved/{node}"] = world.clock.now_ms
    world.clock.set_timer(PRESSURE_MS, NodeController.name, "nodes", "", node)


def present(world: World, resource: str, obj: Obj) -> Obj:
    """A node or lease as it reads now, with the heartbeat times that a live kubelet would have written.

    Writing them would wake watches and fill the change log every ten seconds for nothing.
    """
    name = obj["metadata"]["name"]
    if resource == LEASES:
        # A MicroTime has six digits where a Time has none.
        renewed, spec = fork(obj, "spec")
        spec["renewTime"] = world.clock.rfc3339(_last_beat_ms(world, name, HEARTBEAT_MS)).replace("Z", ".000000Z")
        return renewed
    if resource != "nodes" or not (obj.get("status") or {}).get("conditions"):
        return obj
    beat = world.clock.rfc3339(_last_beat_ms(world, name, STATUS_MS))
    shown, status = fork(obj, "status")
    status["conditions"] = [
        condition
        if condition["status"] == "Unknown"
        else {**condition, "lastHeartbeatTime": max(beat, condition["lastTransitionTime"])}
        for condition in status["conditions"]
    ]
    return shown


def _last_beat_ms(world: World, node: str, period_ms: int) -> int:
    end_ms = world.state.get(f"node-down/{node}", world.clock.now_ms)
    return end_ms - end_ms % period_ms


class NodeController:
    """Registers nodes, judges their heartbeat, and keeps the taints that follow from their conditions."""

    name = "node"
    watches = ("nodes",)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The node, if its spec or a condition changed: clients too may write conditions, through its status."""
        if change.verb == "DELETED":
            return []
        node, former = change.obj, change.previous
        if former is not None and node.get("spec") is former.get("spec") and _states(node) == _states(former):
            return []
        return [("nodes", change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Status first, then taints."""
        node = world.store.get("nodes", *name)
        if node is None:
            return
        node = _register(world, node)
        _heed(world, node)
        down_since = world.state.get(f"node-down/{name[1]}")
        ready = conditions.find(node["status"]["conditions"], "Ready")
        if down_since is not None and world.clock.now_ms >= down_since + MONITOR_GRACE_MS:
            if ready is None or (ready["status"], ready.get("reason")) != ("Unknown", _SILENT):
                node = _mark_unknown(world, node)
        elif down_since is None and "Unknown" in _states(node).values():
            node = _mark_ready(world, node)
        if down_since is None:
            node = _sync_pressure(world, node)
        _sync_taints(world, node)


def _heed(world: World, node: Obj) -> None:
    """A client that writes the condition Ready stops the node's kubelet by it, or starts what it has stopped.

    A kubelet that runs would write it back within seconds: what somebody wants to see of a lost node would be gone.
    """
    name, ready = node["metadata"]["name"], conditions.find(node["status"]["conditions"], "Ready")
    if ready is None:
        return
    patched = f"node-patched/{name}"
    is_silent = ready["status"] == "Unknown" and ready.get("reason") == _SILENT
    if ready["status"] != "True" and not is_silent and f"node-down/{name}" not in world.state:
        world.state[patched] = True
        fail(world, name)
        _tell_lost(world, node)
    elif ready["status"] == "True" and world.state.pop(patched, None):
        restore(world, name)


def _states(node: Obj) -> dict[str, str]:
    return {one["type"]: one["status"] for one in (node.get("status") or {}).get("conditions") or ()}


def _register(world: World, node: Obj) -> Obj:
    """What a kubelet fills in when it joins, as far as it is missing: address, capacity, conditions, range, lease."""
    name = node["metadata"]["name"]
    number = 1 + [other["metadata"]["name"] for other in world.store.objects("nodes")].index(name)
    now = world.clock.rfc3339()
    status = dict(node.get("status") or {})
    status.setdefault("capacity", dict(_CAPACITY))
    status.setdefault("allocatable", dict(status["capacity"]))
    # As in kind: nodes on Docker's 172.18.0.0/16, pods in 10.244.0.0/16 with a /24 for each node
    # (--node-cidr-mask-size).
    addresses = [{"type": "InternalIP", "address": f"172.18.0.{number + 1}"}, {"type": "Hostname", "address": name}]
    status.setdefault("addresses", addresses)
    status["nodeInfo"] = {**_identifiers(node["metadata"]["uid"]), **(status.get("nodeInfo") or _node_info())}
    initial = [
        {
            "type": type_,
            "status": value,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for type_, value, reason, message in _HEALTHY
    ]
    status["conditions"] = status.get("conditions") or initial
    registered, meta = fork(node, "metadata")
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    meta["labels"] = {**labels, **(meta.get("labels") or {})}
    spec = dict(registered.get("spec") or {})
    if "podCIDR" not in spec:
        used = {(other.get("spec") or {}).get("podCIDR") for other in world.store.objects("nodes")}
        spec["podCIDR"] = next(f"10.244.{i}.0/24" for i in range(256) if f"10.244.{i}.0/24" not in used)
    spec.setdefault("podCIDRs", [spec["podCIDR"]])
    registered |= {"spec": spec, "status": status}
    registered = world.store.update("nodes", registered)
    _ensure_lease(world, registered)
    return registered


def _identifiers(uid: str) -> Obj:
    """Of a machine, its firmware and its last boot; typed clients refuse a node without them."""
    identifiers = {}
    for name in ("bootID", "machineID", "systemUUID"):
        digest = hashlib.sha256(f"{uid}/{name}".encode()).hexdigest()
        dashed = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
        identifiers[name] = digest[:32] if name == "machineID" else dashed
    return identifiers


def _node_info() -> Obj:
    return {
        "architecture": "amd64",
        "containerRuntimeVersion": "containerd://1.7.24",
        "kernelVersion": "6.1.0-31-amd64",
        "kubeletVersion": "v1.32.4",
        "kubeProxyVersion": "v1.32.4",
        "operatingSystem": "linux",
        "osImage": "Debian GNU/Linux 12 (bookworm)",
    }


def _ensure_lease(world: World, node: Obj) -> None:
    name = node["metadata"]["name"]
    if world.store.get(LEASES, LEASE_NAMESPACE, name) is not None:
        return
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    renewed = world.clock.rfc3339().replace("Z", ".000000Z")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renewed},
    }
    world.store.create(LEASES, lease)


def _mark_unknown(world: World, node: Obj) -> Obj:
    now = world.clock.rfc3339()
    status = dict(node["status"])
    # Nobody knows anything about a silent node: all its conditions turn Unknown (tryUpdateNodeHealth).
    for condition in node["status"]["conditions"]:
        status["conditions"] = conditions.with_condition(
            status["conditions"],
            now,
            type_=condition["type"],
            status="Unknown",
            reason=_SILENT,
            message="Kubelet stopped posting node status.",
            lastHeartbeatTime=world.clock.rfc3339(_last_beat_ms(world, node["metadata"]["name"], HEARTBEAT_MS)),
        )
    was_ready = conditions.is_true(node, "Ready")
    node = world.store.update("nodes", {**node, "status": status})
    if was_ready:
        _tell_lost(world, node)
    return node


def _tell_lost(world: World, node: Obj) -> None:
    """Say so of a node, and of each of its pods, which no Service leads to from this instant."""
    message = f"Node {node['metadata']['name']} status is now: NodeNotReady"
    events.record(world, "nodes", node, "NodeNotReady", message, component=COMPONENT)
    for pod in world.store.pods_on(node["metadata"]["name"]):
        _mark_pod_not_ready(world, pod)


def _mark_pod_not_ready(world: World, pod: Obj) -> None:
    status = dict(pod.get("status") or {})
    ready = conditions.find(status.get("conditions"), "Ready")
    if ready is None or ready["status"] != "True":
        return
    status["conditions"] = conditions.with_condition(
        status["conditions"], world.clock.rfc3339(), type_="Ready", status="False"
    )
    pod = world.store.update("pods", {**pod, "status": status})
    events.record(world, "pods", pod, "NodeNotReady", "Node is not ready", component=COMPONENT, type_="Warning")


def _mark_ready(world: World, node: Obj) -> Obj:
    now = world.clock.rfc3339()
    status = dict(node["status"])
    for type_, value, reason, message in _HEALTHY:
        status["conditions"] = conditions.with_condition(
            status["conditions"],
            now,
            type_=type_,
            status=value,
            reason=reason,
            message=message,
            lastHeartbeatTime=now,
        )
    node = world.store.update("nodes", {**node, "status": status})
    name = node["metadata"]["name"]
    message = f"Node {name} status is now: NodeReady"
    events.record(world, "nodes", node, "NodeReady", message, component="kubelet", host=name)
    return node


def _sync_pressure(world: World, node: Obj) -> Obj:
    """DiskPressure as the kubelet reports it."""
    name = node["metadata"]["name"]
    is_told, relieved_ms = conditions.is_true(node, "DiskPressure"), world.state.get(f"node-relieved/{name}")
    if pressure_of(world, name) is not None and not is_told:
        value, reason, message = "True", "KubeletHasDiskPressure", "kubelet has disk pressure"
    elif is_told and relieved_ms is not None and world.clock.now_ms >= relieved_ms + PRESSURE_MS:
        value, reason, message = "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"
        del world.state[f"node-relieved/{name}"]
    else:
        return node
    now, status = world.clock.rfc3339(), dict(node["status"])
    status["conditions"] = conditions.with_condition(
        status["conditions"],
        now,
        type_="DiskPressure",
        status=value,
        reason=reason,
        message=message,
        lastHeartbeatTime=now,
    )
    node = world.store.update("nodes", {**node, "status": status})
    told = reason.replace("Kubelet", "Node")
    events.record(world, "nodes", node, told, f"Node {name} status is now: {told}", component="kubelet", host=name)
    return node


def _sync_taints(world: World, node: Obj) -> None:
    """Taints that the node's condition and cordon imply; all others are their author's.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
    """
    ready = conditions.find(node["status"]["conditions"], "Ready")
    unreachable = ready is not None and ready["status"] == "Unknown"
    implied: list[tuple[str, str]] = []
    if (node.get("spec") or {}).get("unschedulable"):
        implied.append((UNSCHEDULABLE, "NoSchedule"))
    if ready is not None and ready["status"] == "False":
        implied += [(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]
    if unreachable:
        implied += [(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]
    # Taints of other keys are somebody's own and stay; of these, those whose cause is gone go.
    managed = {UNSCHEDULABLE, UNREACHABLE, NOT_READY, *_PRESSURE_TAINTS.values()}
    implied += [(key, "NoSchedule") for type_, key in _PRESSURE_TAINTS.items() if conditions.is_true(node, type_)]
    taints = list((node.get("spec") or {}).get("taints") or ())
    kept = [t for t in taints if t["key"] not in managed or (t["key"], t["effect"]) in implied]
    present = {(taint["key"], taint["effect"]) for taint in kept}
    for key, effect in implied:
        if (key, effect) not in present:
            # From this instant tolerationSeconds count.
            kept.append({"key": key, "effect": effect, "timeAdded": world.clock.rfc3339()})
    if kept == taints:
        return
    changed, spec = fork(node, "spec")
    spec["taints"] = kept
    if not kept:
        del spec["taints"]
    was_cordoned = any(taint["key"] == UNSCHEDULABLE for taint in taints)
    is_cordoned = (UNSCHEDULABLE, "NoSchedule") in implied
    node = world.store.update("nodes", changed)
    if was_cordoned != is_cordoned:
        reason = "NodeNotSchedulable" if is_cordoned else "NodeSchedulable"
        name = node["metadata"]["name"]
        message = f"Node {name} status is now: {reason}"
        events.record(world, "nodes", node, reason, message, component="kubelet", host=name)
