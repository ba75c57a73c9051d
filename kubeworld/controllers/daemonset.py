"""DaemonSet: one pod on every node that may hold it.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/ and pkg/controller/daemon.
"""

from kubeworld.controllers import pods, predicates, revisions, rollout
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds.daemon_set import TEMPLATE_GENERATION
from kubeworld.kinds.events import record
from kubeworld.kinds.owners import controller_key
from kubeworld.kinds.pod import available_in_ms, is_ready
from kubeworld.machine.store import Change, Name, Obj, fork
from kubeworld.machine.world import World

RESOURCE = "daemonsets.apps"
COMPONENT = "daemonset-controller"
RETRY_MS = 10_000
"""Until a refused creation is tried again; the real work queue backs off instead."""
# AddOrUpdateDaemonPodTolerations in pkg/controller/daemon/util: what watches over a node stays when the node is unwell.
_TOLERATIONS = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)


class DaemonSetController:
    """Creates missing pods, deletes misplaced and outdated ones."""

    name = "daemonset"
    watches = (RESOURCE, "pods", "nodes")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The DaemonSet; the owner of a pod; all of them when a node comes, goes or is respecified."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        if change.resource == "pods":
            key = controller_key(change.obj, RESOURCE)
            return [key] if key else []
        # Heartbeats and conditions of a node do not say which DaemonSets belong there: only labels, taints and cordons
        # do.
        previous = change.previous
        if change.verb == "MODIFIED" and previous is not None:
            same_labels = change.obj["metadata"].get("labels") == previous["metadata"].get("labels")
            if same_labels and change.obj.get("spec") == previous.get("spec"):
                return []
        sets = world.store.objects(RESOURCE)
        return [
            (RESOURCE, (daemon_set["metadata"]["namespace"], daemon_set["metadata"]["name"])) for daemon_set in sets
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Place, replace, report."""
        daemon_set = world.store.get(RESOURCE, *name)
        if daemon_set is None:
            return
        update = revisions.current(world, RESOURCE, daemon_set)
        suffix = update["metadata"]["labels"][revisions.HASH]
        if "deletionTimestamp" not in daemon_set["metadata"]:
            self._place(world, daemon_set, suffix)
            self._replace_outdated(world, daemon_set, suffix)
        self._report(world, daemon_set, suffix)

    def _place(self, world: World, daemon_set: Obj, suffix: str) -> None:
        by_node = _by_node(world, daemon_set)
        meta = daemon_set["metadata"]
        for node in world.store.objects("nodes"):
            node_name = node["metadata"]["name"]
            present = by_node.pop(node_name, [])
            if _should_run(daemon_set, node):
                # The pod of a node is replaced when it has failed (podsShouldBeOnNode): nothing else would bring it
                # back.
                for ended in [pod for pod in present if (pod.get("status") or {}).get("phase") == "Failed"]:
                    self._delete(world, daemon_set, ended)
                    present.remove(ended)
                if present:
                    continue
                pod_name = pods.new_name(world, meta)
                pod = _new_pod(daemon_set, node_name, pod_name, suffix)
                if pods.create(world, RESOURCE, daemon_set, pod, COMPONENT) is not None:
                    world.clock.set_timer(RETRY_MS, self.name, RESOURCE, meta["namespace"], meta["name"])
            elif not _may_stay(daemon_set, node):
                for pod in present:
                    self._delete(world, daemon_set, pod)
        # What is left is meant for nodes that are gone.
        for orphaned in by_node.values():
            for pod in orphaned:
                self._delete(world, daemon_set, pod)

    def _replace_outdated(self, world: World, daemon_set: Obj, suffix: str) -> None:
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        nodes = [node for node in world.store.objects("nodes") if _should_run(daemon_set, node)]
        # maxUnavailable rounds up here, unlike that of Deployments: on a small cluster 10 % must still move
        # (UnavailableCount).
        limit = rollout.scaled((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), len(nodes), up=True)
        owned = world.store.owned("pods", daemon_set["metadata"]["uid"])
        available = [pod for pod in owned if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]
        budget = limit - (len(nodes) - len(available))
        for pod in owned:
            labels = pod["metadata"].get("labels") or {}
            if labels.get(revisions.HASH) == suffix or "deletionTimestamp" in pod["metadata"]:
                continue
            if not is_ready(pod):  # an unavailable pod costs nothing
                self._delete(world, daemon_set, pod)
            elif budget > 0:
                budget -= 1
                self._delete(world, daemon_set, pod)

    def _delete(self, world: World, daemon_set: Obj, pod: Obj) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            return
        request_deletion(world, "pods", pod)
        message = f"Deleted pod: {pod['metadata']['name']}"
        record(world, RESOURCE, daemon_set, "SuccessfulDelete", message, component=COMPONENT)

    def _report(self, world: World, daemon_set: Obj, suffix: str) -> None:
        by_node = _by_node(world, daemon_set)
        nodes = world.store.objects("nodes")
        wanted = [node["metadata"]["name"] for node in nodes if _should_run(daemon_set, node)]
        placed = [by_node[name][0] for name in wanted if name in by_node]
        min_ready_s = daemon_set["spec"].get("minReadySeconds", 0)
        waits = [available_in_ms(world, pod, min_ready_s) for pod in placed]
        available = sum(wait == 0 for wait in waits)
        updated = sum((pod["metadata"].get("labels") or {}).get(revisions.HASH) == suffix for pod in placed)
        status = {
            "currentNumberScheduled": len(placed),
            "numberMisscheduled": sum(name not in wanted for name in by_node),
            "desiredNumberScheduled": len(wanted),
            "numberReady": sum(wait is not None for wait in waits),
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        # Go leaves out these three when they are zero (omitempty), and always writes those above.
        counts = {"updatedNumberScheduled": updated, "numberAvailable": available}
        counts["numberUnavailable"] = len(wanted) - available
        status |= {key: value for key, value in counts.items() if value}
        if status != daemon_set.get("status"):
            world.store.update(RESOURCE, {**daemon_set, "status": status})


def _new_pod(daemon_set: Obj, node: str, name: str, suffix: str) -> Obj:
    """Bound by the scheduler, but to one node only: by a node affinity on its name."""
    pod = pods.from_template(daemon_set["spec"]["template"], RESOURCE, daemon_set, name)
    pod["metadata"]["labels"] |= {revisions.HASH: suffix, "pod-template-generation": _generation(daemon_set)}
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    placed, affinity = fork(pod, "spec", "affinity", "nodeAffinity")
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or [{}]
    # Terms are alternatives, so each of them has to name the node.
    affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [{**term, "matchFields": [field]} for term in terms]
    }
    placed["spec"]["tolerations"] = [*(placed["spec"].get("tolerations") or ()), *_TOLERATIONS]
    return placed


def _generation(daemon_set: Obj) -> str:
    return (daemon_set["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "1")


def _probe_pod(daemon_set: Obj) -> Obj:
    """A pod of the template, to ask the scheduler's predicates about."""
    spec = dict(daemon_set["spec"]["template"]["spec"])
    spec["tolerations"] = [*(spec.get("tolerations") or ()), *_TOLERATIONS]
    return {"metadata": {}, "spec": spec}


def _should_run(daemon_set: Obj, node: Obj) -> bool:
    pod = _probe_pod(daemon_set)
    taints = (node.get("spec") or {}).get("taints") or ()
    blocked = any(t["effect"] in ("NoSchedule", "NoExecute") and not predicates.tolerates(pod, t) for t in taints)
    return predicates.matches_node(pod, node) and not blocked


def _may_stay(daemon_set: Obj, node: Obj) -> bool:
    """A running pod leaves only for a NoExecute taint or a node that no longer matches."""
    pod = _probe_pod(daemon_set)
    taints = (node.get("spec") or {}).get("taints") or ()
    evicted = any(t["effect"] == "NoExecute" and not predicates.tolerates(pod, t) for t in taints)
    return predicates.matches_node(pod, node) and not evicted


def _by_node(world: World, daemon_set: Obj) -> dict[str, list[Obj]]:
    by_node: dict[str, list[Obj]] = {}
    for pod in world.store.owned("pods", daemon_set["metadata"]["uid"]):
        by_node.setdefault(pod["spec"].get("nodeName") or _target(pod), []).append(pod)
    return by_node


def _target(pod: Obj) -> str:
    """The node that a pending pod is meant for."""
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in affinity.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name":
                return field["values"][0]
    return ""
