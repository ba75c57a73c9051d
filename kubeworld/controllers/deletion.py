"""Asking for an object to go, as a DELETE through the API server does: grace, finalizers and propagation.

Used by the controllers, and by the API for every DELETE, so that both delete alike.
"""

from typing import Literal

from kubeworld.kinds import conditions
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World

Propagation = Literal["Background", "Foreground", "Orphan"]
# metav1.FinalizerDeleteDependents and FinalizerOrphanDependents: the garbage collector takes them away.
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
DEFAULT_GRACE_S = 30
"""core/v1 DefaultTerminationGracePeriodSeconds, for pods that were not defaulted by the API."""


def request_deletion(
    world: World,
    resource: str,
    obj: Obj,
    *,
    grace_s: int | None = None,
    propagation: Propagation = "Background",
) -> Obj | None:
    """Delete `obj`, or mark it for deletion; returns what is left of it, or None if it is gone.

    A pod that runs on a node keeps its grace period for the kubelet to end it; a namespace turns Terminating; an
    object with finalizers, or deleted in the foreground or orphaning its dependents, waits for them.
    Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
    """
    meta = obj["metadata"]
    namespace, name = meta.get("namespace", ""), meta["name"]
    if resource == "namespaces":
        return _terminate_namespace(world, obj)
    finalizers = list(meta.get("finalizers") or ())
    # Without dependents nobody would have to be waited for, and the object may go at once.
    if propagation in ("Foreground", "Orphan") and world.store.dependents(meta["uid"]):
        wanted = FOREGROUND if propagation == "Foreground" else ORPHAN
        if wanted not in finalizers:
            finalizers.append(wanted)
    grace = _pod_grace_s(obj, grace_s) if resource == "pods" else 0
    if not finalizers and grace == 0:
        world.store.delete(resource, namespace, name)
        return None
    # A second request may shorten the grace period, never lengthen it (rest.BeforeDelete).
    already = meta.get("deletionTimestamp")
    if (
        already
        and finalizers == list(meta.get("finalizers") or ())
        and grace >= meta.get("deletionGracePeriodSeconds", 0)
    ):
        return obj
    marked, new_meta = fork(obj, "metadata")
    new_meta["deletionTimestamp"] = world.clock.rfc3339(world.clock.now_ms + grace * 1000)
    new_meta["deletionGracePeriodSeconds"] = grace
    if finalizers:
        new_meta["finalizers"] = finalizers
    # The first mark counts as a change of the spec where there is a generation: BeforeDelete raises it above 0 only.
    return world.store.update(resource, marked, spec_changed=not already and "generation" in meta)


def disrupt(world: World, pod: Obj, reason: str, message: str) -> Obj:
    """Ask for a pod to go to make room or order: it says so in its DisruptionTarget. Returns the pod before it ends."""
    pod = world.store.update("pods", conditions.disrupted(pod, world.clock.rfc3339(), reason, message))
    request_deletion(world, "pods", pod)
    return pod


def finish_deletion(world: World, resource: str, obj: Obj) -> bool:
    """Remove an object that is marked for deletion once no finalizer holds it; pods are the kubelet's to remove."""
    meta = obj["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or resource == "namespaces":
        return False
    if resource == "pods" and meta.get("deletionGracePeriodSeconds", 0) > 0:
        return False
    world.store.delete(resource, meta.get("namespace", ""), meta["name"])
    return True


def _pod_grace_s(pod: Obj, asked_s: int | None) -> int:
    """Zero for a pod that no kubelet knows of or that has ended: there is nothing to wait for."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return 0
    return spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S) if asked_s is None else asked_s


def _terminate_namespace(world: World, namespace: Obj) -> Obj:
    if "deletionTimestamp" in namespace["metadata"]:
        return namespace
    # Its finalizer is in spec.finalizers: the namespace controller empties it, then removes it.
    marked, meta = fork(namespace, "metadata")
    meta["deletionTimestamp"] = world.clock.rfc3339()
    marked["status"] = {**(namespace.get("status") or {}), "phase": "Terminating"}
    return world.store.update("namespaces", marked)
