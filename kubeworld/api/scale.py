"""The scale subresource of Deployments, ReplicaSets and StatefulSets, and of custom resources that declare one."""

from typing import Any

from kubeworld.api.policies import ask_policies
from kubeworld.api.reads import stored
from kubeworld.api.results import Call, json_response
from kubeworld.api.strict import check_kind, read_object
from kubeworld.api.writes import check_preconditions, commit, patched
from kubeworld.kinds import errors, field_errors
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.table import scale_table, wants_table
from kubeworld.machine import selectors
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World


def scale_of(kind: Kind, obj: Obj) -> Obj:
    """The autoscaling/v1 Scale of a workload."""
    meta = obj["metadata"]
    kept = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    if kind.scale is None:
        wanted, current = obj["spec"].get("replicas", 1), (obj.get("status") or {}).get("replicas", 0)
        text = selectors.written(obj["spec"].get("selector"))
    else:
        wanted, current = _at(obj, kind.scale["specReplicasPath"]), _at(obj, kind.scale["statusReplicasPath"])
        text = _at(obj, kind.scale.get("labelSelectorPath", "")) or ""
    status: Obj = {"replicas": current or 0}
    if text:
        status["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": kept,
        "spec": {"replicas": wanted or 0},
        "status": status,
    }


def _at(obj: Obj, path: str) -> Any:
    """What stands at a JSON path of plain names, or None."""
    node: Any = obj
    for part in path.strip(".").split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def scale(world: World, call: Call) -> Response:
    """GET, PUT or PATCH. Raises: ApiError."""
    obj = stored(world, call.kind, call.namespace, call.name)
    current = scale_of(call.kind, obj)
    if call.verb == "get":
        if wants_table(call.headers.get("accept", "")):
            return json_response(scale_table(current, world.clock.epoch_ms + world.clock.now_ms))
        return json_response(current)
    if call.verb == "patch":
        wanted = patched(call, call.headers.get("content-type", "").partition(";")[0].strip(), current)
    else:
        wanted = check_kind(read_object(call), "Scale", "autoscaling/v1")
    meta = wanted.get("metadata") or {}
    check_preconditions(call.kind, obj, meta.get("uid"), meta.get("resourceVersion"))
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise errors.bad_request(
            "json: cannot unmarshal value into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        raise _invalid(call.kind, call.name, replicas)
    path = call.kind.scale["specReplicasPath"] if call.kind.scale else ".spec.replicas"
    # A custom resource says itself where its replicas are.
    *parents, last = path.strip(".").split(".")
    new, spec = fork(obj, *parents)
    spec[last] = replicas
    # Policies see the Scale, which is what the client wrote, and not the workload behind it.
    ask_policies(world, call, "UPDATE", scale_of(call.kind, new), current)
    saved = commit(world, call, obj, new)
    return json_response(scale_of(call.kind, saved))


def _invalid(kind: Kind, name: str, replicas: int) -> errors.ApiError:
    error = field_errors.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
    return errors.unprocessable(kind, name, [error])
