"""Delete: preconditions, grace, finalizers and propagation, for one object or a selection."""

from typing import Any

from kubeworld.api.policies import ask_policies
from kubeworld.api.reads import selected, stored
from kubeworld.api.results import Call, json_response
from kubeworld.api.strict import read_object
from kubeworld.api.writes import answer, check_preconditions
from kubeworld.controllers.deletion import request_deletion
from kubeworld.kinds import errors
from kubeworld.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from kubeworld.kinds.versions import shown
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def delete(world: World, call: Call) -> Response:
    """DELETE on an object. Raises: ApiError."""
    if call.name in call.kind.undeletable:
        raise errors.forbidden(call.kind, call.name, f"this {call.kind.singular} may not be deleted")
    old = stored(world, call.kind, call.namespace, call.name)
    left = delete_object(world, call, old, _delete_options(call))
    if left is not None or call.kind.answers_deleted:
        return answer(call, old if left is None else left)
    meta = old["metadata"]
    details: dict[str, Any] = {"name": meta["name"], "kind": call.kind.plural, "uid": meta["uid"]}
    if call.kind.group:
        details["group"] = call.kind.group
    return json_response(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def delete_collection(world: World, call: Call) -> Response:
    """DELETE on a collection: every object that the selectors match. Raises: ApiError."""
    options = _delete_options(call)
    objects = selected(world, call)
    for obj in objects:
        delete_object(world, call, obj, options)
    items = [shown(call.kind, obj) for obj in objects]
    meta = {"resourceVersion": str(world.store.revision)}
    return json_response(
        {"kind": f"{call.kind.kind}List", "apiVersion": call.kind.api_version, "metadata": meta, "items": items}
    )


def _delete_options(call: Call) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if call.body:
        options = read_object(call)
    # Options may come in the body, in the query, or in both; the query wins.
    for field in ("gracePeriodSeconds", "propagationPolicy", "orphanDependents"):
        if field in call.query:
            options[field] = call.query[field]
    if "gracePeriodSeconds" in options:
        try:
            options["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
        except (TypeError, ValueError) as error:
            raise errors.bad_request("gracePeriodSeconds must be an integer") from error
    if options.get("dryRun"):
        call.query = {**call.query, "dryRun": "All"}
    policy = options.get("propagationPolicy")
    if policy not in (None, "Background", "Foreground", "Orphan"):
        raise errors.bad_request(f'invalid DeleteOptions: propagationPolicy: "{policy}" is not supported')
    return options


def delete_object(world: World, call: Call, obj: Obj, options: dict[str, Any]) -> Obj | None:
    """Delete now, or mark for deletion and return what is left. Raises: ApiError 409."""
    kind = call.kind
    wanted = options.get("preconditions") or {}
    check_preconditions(kind, obj, wanted.get("uid"), wanted.get("resourceVersion"))
    if not call.subresource:  # an eviction was admitted as such
        ask_policies(world, call, "DELETE", None, obj)
    if call.is_dry_run:
        return obj
    # orphanDependents is the older way to say it, which some clients still use.
    orphans = options.get("propagationPolicy") == "Orphan" or options.get("orphanDependents") in (True, "true")
    propagation = "Orphan" if orphans else options.get("propagationPolicy") or "Background"
    if kind is CUSTOM_RESOURCE_DEFINITION:
        _delete_instances(world, obj)
    return request_deletion(world, kind.table, obj, grace_s=options.get("gracePeriodSeconds"), propagation=propagation)


def _delete_instances(world: World, definition: Obj) -> None:
    """A definition takes its objects with it."""
    table = f"{definition['spec']['names']['plural']}.{definition['spec']['group']}"
    for obj in world.store.objects(table):
        request_deletion(world, table, obj)
