"""What controllers read off pods, and how they make them from templates."""

import hashlib
import math
from typing import Any

import orjson

from kubeworld.kinds import events
from kubeworld.kinds.owners import owner_reference
from kubeworld.kinds.pod import ready_since_ms
from kubeworld.machine.admission import Refused
from kubeworld.machine.integers import integer
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

# k8s.io/apimachinery/pkg/util/rand: no vowels, so that no words come up, and no digits that look like letters.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
TEMPLATE_HASH = "pod-template-hash"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def template_hash(template: Obj) -> str:
    """The pod-template-hash: 32 bits in decimal, each digit mapped into the safe alphabet, as SafeEncodeString does."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if TEMPLATE_HASH in labels:
        labels = {key: value for key, value in labels.items() if key != TEMPLATE_HASH}
        template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    # Kubernetes hashes its Go structs (FNV-32a of their printed form), which no other program can repeat: any 32 bits
    # will do that are the same for the same template.
    digest = hashlib.sha256(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)).digest()
    decimal = str(int.from_bytes(digest[:4], "big"))
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in decimal)


def same_template(left: Obj, right: Obj) -> bool:
    """Equal but for the pod-template-hash label (EqualIgnoreHash)."""
    if left.get("spec") != right.get("spec"):
        return False
    left_meta, right_meta = dict(left.get("metadata") or {}), dict(right.get("metadata") or {})
    for meta in (left_meta, right_meta):
        labels = dict(meta.get("labels") or {})
        labels.pop(TEMPLATE_HASH, None)
        meta["labels"] = labels
        meta.pop("creationTimestamp", None)
        if not meta.get("annotations"):
            meta.pop("annotations", None)
    return left_meta == right_meta


def from_template(template: Obj, resource: str, owner: Obj, name: str) -> Obj:
    """A pod of `owner` as its template describes it."""
    meta = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "name": name,
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(meta.get("labels") or {}),
        "ownerReferences": [owner_reference(resource, owner)],
    }
    if meta.get("annotations"):
        metadata["annotations"] = dict(meta["annotations"])
    if meta.get("finalizers"):
        metadata["finalizers"] = list(meta["finalizers"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(template["spec"])}


def new_name(world: World, owner_meta: Obj, infix: str = "") -> str:
    """What a new pod of an owner is called: the owner's name, the infix, five characters."""
    name: str = owner_meta["name"]
    return world.store.generated_name("pods", owner_meta["namespace"], f"{name}-{infix}", name)


def create(world: World, resource: str, owner: Obj, pod: Obj, component: str) -> str | None:
    """Admit and commit a pod of `owner`, with its event. Returns the error message if it was refused."""
    try:
        admitted = world.admission.admit_created_pod(world, pod, component)
    except Refused as refusal:
        message = f"Error creating: {refusal}"
        events.record(world, resource, owner, "FailedCreate", message, component=component, type_="Warning")
        return str(refusal)
    world.store.create("pods", admitted)
    name = pod["metadata"]["name"]
    events.record(world, resource, owner, "SuccessfulCreate", f"Created pod: {name}", component=component)
    return None


def deletion_rank(world: World, pod: Obj, on_same_node: int) -> tuple[Any, ...]:
    """Sort key: pods that a scale-down removes first come first (ActivePodsWithRanks).

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-down-a-replicaset
    """
    meta, status = pod["metadata"], pod.get("status") or {}
    since_ms = ready_since_ms(world, pod)
    restarts = max((c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0)
    phase_order = {"Pending": 0, "Unknown": 1, "Running": 2}.get(status.get("phase", "Pending"), 0)
    created_ms = world.clock.at_ms(meta["creationTimestamp"])
    # The controller compares ages on a logarithmic scale and breaks ties by uid, so as not to favour one zone.
    age_step = int(math.log2(max(1, world.clock.now_ms - created_ms)))
    ready_step = int(math.log2(max(1, world.clock.now_ms - since_ms))) if since_ms is not None else 0
    # From what costs least to lose: unassigned, pending, not ready; then by cost, crowding, youth and restarts.
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        phase_order,
        since_ms is not None,
        _deletion_cost(pod),
        -on_same_node,
        ready_step,
        -restarts,
        age_step,
        meta["uid"],
    )


def _deletion_cost(pod: Obj) -> int:
    """What the pod's annotation says; 0 if it is no 32-bit integer without plus sign and leading zero.

    Source: GetDeletionCostFromPodAnnotations in pkg/apis/core/helper, whose error the ReplicaSet controller ignores.
    """
    text = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "")
    cost = integer(text) if text == "0" or text[:1] in tuple("-123456789") else None
    return cost if cost is not None and -(2**31) <= cost < 2**31 else 0
