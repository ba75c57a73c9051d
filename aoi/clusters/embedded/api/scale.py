"""The scale subresource of Deployments, ReplicaSets and StatefulSets."""

from aoi.clusters.embedded.api import errors
from aoi.clusters.embedded.api.policies import ask_policies
from aoi.clusters.embedded.api.reads import stored
from aoi.clusters.embedded.api.resources import ResourceType
from aoi.clusters.embedded.api.results import Call, json_response
from aoi.clusters.embedded.api.selectors import selector_text
from aoi.clusters.embedded.api.strict import check_kind, read_object
from aoi.clusters.embedded.api.writes import check_preconditions, commit, patched
from aoi.clusters.embedded.store import Obj
from aoi.clusters.embedded.world import World
from aoi.clusters.transport import Response


def scale_of(obj: Obj) -> Obj:
    """The autoscaling/v1 Scale of a workload."""
    meta = obj["metadata"]
    kept = {
        key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp") if key in meta
    }
    status: Obj = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if text := selector_text(obj["spec"].get("selector")):
        status["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": kept,
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": status,
    }


def scale(world: World, call: Call) -> Response:
    """GET, PUT or PATCH. Raises: ApiError."""
    obj = stored(world, call.kind, call.namespace, call.name)
    current = scale_of(obj)
    if call.verb == "get":
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
    new = {**obj, "spec": {**obj["spec"], "replicas": replicas}}
    ask_policies(world, call, "UPDATE", scale_of(new), current)
    saved = commit(world, call, obj, new)
    return json_response(scale_of(saved))


def _invalid(kind: ResourceType, name: str, replicas: int) -> errors.ApiError:
    error = errors.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
    return errors.unprocessable(kind, name, [error])
