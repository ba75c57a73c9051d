"""What RBAC cannot say about the Executor: a patch of a workload must not buy it more than it has.

Whoever may patch a Deployment may mount a Secret into it, run it as another service account or on the host's
network. This is the server-side fence behind the typed actions: such a thing may only stay as it is, or come back from
a revision that the cluster itself recorded.

For real clusters there are the policies of `deploy/rbac/executor-policy.yaml`, which are stricter. Both refuse what
escalates: other accounts, host namespaces, security contexts, volumes, containers, Secrets in the environment, a
Service's type and addresses, a node's labels; this fence also the rest of a node's spec. The policies alone refuse
replicas outside 1 to 10, images of another registry path, other Service ports, a cordon, a new taint, and the deletion
of a pod that no controller replaces. In worlds the typed actions alone keep the Executor from those: none renders one,
save an image that a recorded revision ran.

Worlds do not load the policies in this one's place: a policy cannot see recorded revisions, so it refuses some
rollbacks that typed actions make, and it would cost each write of an episode four times its present time
(`benchmarks.cluster --only policies`).
"""

from collections.abc import Iterator
from typing import Any

import orjson

from aoi.worlds.identities import EXECUTOR
from kubeworld.machine.admission import Refused, Write
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

NAME = "aoi-executor"
_HARMLESS_VOLUMES = frozenset({"name", "configMap", "emptyDir", "persistentVolumeClaim"})
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "automountServiceAccountToken")
_SERVICE_FIELDS = ("type", "externalIPs", "externalName", "loadBalancerIP")
_REVISIONS = ("replicasets.apps", "controllerrevisions.apps")


class ExecutorFence:
    """An admission plug-in of the worlds: refuses an escalating change by the Executor; everyone else passes."""

    def review(self, world: World, write: Write) -> None:
        """Let a change pass. Raises: Refused."""
        if write.identity.name != EXECUTOR.name:
            return
        known = set(_facts(write.resource, write.old))
        fresh = [fact for fact in _facts(write.resource, write.new) if fact not in known]
        if fresh:
            known |= {
                fact for template in _recorded(world, write.old) for fact in _pod_facts(template.get("spec") or {})
            }
            fresh = [fact for fact in fresh if fact not in known]
        if fresh:
            name = write.new["metadata"]["name"]
            why = f"ValidatingAdmissionPolicy '{NAME}' with binding '{NAME}' denied request: {fresh[0]}"
            raise Refused(f'{write.resource} "{name}" is forbidden: {why} is not the Executor\'s to set')


def _recorded(world: World, workload: Obj) -> Iterator[Obj]:
    """Pod templates of the revisions that the controllers keep for a workload."""
    uid = workload["metadata"]["uid"]
    for table in _REVISIONS:
        for revision in world.store.owned(table, uid):
            spec = revision.get("spec") or (revision.get("data") or {}).get("spec") or {}
            yield spec.get("template") or {}


def _facts(table: str, obj: Obj) -> Iterator[str]:
    """What a change must not add, as text that is equal if and only if the thing is the same."""
    spec = obj.get("spec") or {}
    if table == "services":
        yield from (f"{field} {_text(spec[field])}" for field in _SERVICE_FIELDS if spec.get(field))
    elif table == "nodes":
        yield from (
            f"{field} {_text(value)}" for field, value in spec.items() if field not in ("unschedulable", "taints")
        )
        yield from (f"label {key}={value}" for key, value in (obj["metadata"].get("labels") or {}).items())
    elif "template" in spec:
        yield from _pod_facts(spec["template"].get("spec") or {})


def _pod_facts(spec: Obj) -> Iterator[str]:
    yield from (f"{field} {_text(spec[field])}" for field in _HOST_FIELDS if spec.get(field))
    if spec.get("securityContext"):
        yield f"securityContext {_text(spec['securityContext'])}"
    for volume in spec.get("volumes") or ():
        if volume.keys() - _HARMLESS_VOLUMES:
            yield f"volume {_text(volume)}"
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            yield from _container_facts(container)


def _container_facts(container: Obj) -> Iterator[str]:
    name = container.get("name", "")
    yield f"container {name}"
    if container.get("securityContext"):
        yield f"securityContext of {name} {_text(container['securityContext'])}"
    for item in container.get("env") or ():
        if "secretKeyRef" in (item.get("valueFrom") or {}):
            yield f"secret in env of {name} {_text(item)}"
    for item in container.get("envFrom") or ():
        if "secretRef" in item:
            yield f"secret in envFrom of {name} {_text(item)}"


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
