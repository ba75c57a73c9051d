"""Create, update and patch: decode, default, validate, admit, commit through the store."""

import hashlib
from typing import Any

from kubeworld.admission.validation import validate
from kubeworld.api.apply import apply_configuration, track_update
from kubeworld.api.policies import SERVER_FIELDS, ask_policies, mutated
from kubeworld.api.reads import stored
from kubeworld.api.results import Call, json_response
from kubeworld.api.strict import check_kind, conform, load, read_object
from kubeworld.controllers.deletion import finish_deletion
from kubeworld.kinds import errors, field_errors
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.namespace import NAMESPACE
from kubeworld.kinds.required import with_required
from kubeworld.kinds.versions import shown, stored_form
from kubeworld.machine.admission import Refused, Write
from kubeworld.machine.patch.plain import PatchTestFailed, PatchTooLarge, json_patch, merge_patch
from kubeworld.machine.patch.strategic import PatchError, strategic_merge
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def answer(call: Call, obj: Obj, status: int = 200) -> Response:
    """The stored object in the call's version."""
    return json_response(shown(call.kind, obj), status)


def create(world: World, call: Call) -> Response:
    """POST on a collection. Raises: ApiError."""
    body = check_kind(read_object(call), call.kind.kind, call.kind.api_version)
    return answer(call, create_object(world, call, conform(call, body, call.kind)), 201)


def create_object(world: World, call: Call, body: Obj) -> Obj:
    """Commit a new object of the call's kind. Raises: ApiError."""
    kind = call.kind
    meta = {key: value for key, value in (body.get("metadata") or {}).items() if key not in SERVER_FIELDS}
    if meta.pop("resourceVersion", ""):
        raise errors.bad_request("resourceVersion should not be set on objects to be created")
    _check_namespace(world, call, meta)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = _generated_name(world, call, meta["generateName"])
    meta["uid"] = _uid(world, call, meta.get("name", ""))
    obj = {**body, "metadata": meta}
    if "status" in kind.subresources:
        obj.pop("status", None)
    obj = kind.default(world, with_required(kind, stored_form(kind, obj)))
    obj = mutated(world, call, obj, None)
    validate(kind, obj, None)
    if world.store.get(kind.table, meta.get("namespace", ""), meta["name"]) is not None:
        raise errors.already_exists(kind, meta["name"])
    obj = admitted(world, call, obj, None)
    obj = kind.assign(world, obj, None)
    call.warnings += kind.warnings(obj)
    obj = track_update(world, call, None, obj)
    ask_policies(world, call, "CREATE", obj, is_mutated=True)
    if call.is_dry_run:
        return _unsaved(world, kind, obj)
    return world.store.create(kind.table, obj)


def admitted(world: World, call: Call, obj: Obj, old: Obj | None) -> Obj:
    """`obj` as admission lets it pass. Raises: ApiError."""
    try:
        return world.admission.admit(world, call.kind.table, obj, old)
    except Refused as refusal:
        raise _refusal(call, obj, refusal) from refusal


def _reviewed(world: World, call: Call, old: Obj, new: Obj) -> None:
    try:
        world.admission.review(world, Write(call.kind.table, call.identity, old, new))
    except Refused as refusal:
        raise _refusal(call, new, refusal) from refusal


def _refusal(call: Call, obj: Obj, refusal: Refused) -> errors.ApiError:
    details = errors.details_of(call.kind, obj["metadata"].get("name", ""))
    return errors.ApiError(refusal.code, refusal.reason, str(refusal), details)


def _unsaved(world: World, kind: Kind, obj: Obj) -> Obj:
    """A dry run's answer: as if created now, with nothing spent that the world would miss."""
    generation = {"generation": 1} if kind.has_generation else {}
    meta = {"creationTimestamp": world.clock.rfc3339(), **generation, **obj["metadata"]}
    return {**obj, "metadata": meta}


def _uid(world: World, call: Call, name: str) -> str:
    if not call.is_dry_run:
        return world.store.new_uid(f"{call.kind.table}/{call.namespace}/{name}")
    digest = hashlib.sha256(f"{world.seed}/{world.store.revision}/{call.kind.table}/{name}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def _generated_name(world: World, call: Call, prefix: str) -> str:
    if not call.is_dry_run:
        return world.store.generated_name(call.kind.table, call.namespace, prefix, prefix)
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.sha256(f"{world.seed}/{world.store.revision}/{prefix}".encode()).digest()
    return prefix + "".join(alphabet[byte % len(alphabet)] for byte in digest[:5])


def _check_namespace(world: World, call: Call, meta: dict[str, Any]) -> None:
    if not call.kind.namespaced:
        meta.pop("namespace", None)
        return
    if meta.get("namespace", call.namespace) != call.namespace:
        raise errors.bad_request(
            f"the namespace of the provided object does not match the namespace sent on the request"
            f" ({meta['namespace']} != {call.namespace})"
        )
    meta["namespace"] = call.namespace
    namespace = world.store.get("namespaces", "", call.namespace)
    if namespace is None:
        raise errors.not_found(NAMESPACE, call.namespace)
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {call.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        raise errors.forbidden(call.kind, meta.get("name", ""), why, causes=[cause])


def update(world: World, call: Call) -> Response:
    """PUT on an object or on its status. Raises: ApiError."""
    kind = call.kind
    body = conform(call, check_kind(read_object(call), kind.kind, kind.api_version), kind)
    old = stored(world, kind, call.namespace, call.name)
    return answer(call, replace_object(world, call, old, body))


def replace_object(world: World, call: Call, old: Obj, body: Obj) -> Obj:
    """Commit `body` over `old` as the call's kind. Raises: ApiError."""
    kind = call.kind
    body = stored_form(kind, body)
    new = {**body, "metadata": _merged_meta(call, old, body)}
    if call.subresource == "status":
        new = {**old, "status": body.get("status") or {}}
    elif "status" in kind.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    if call.subresource != "status":
        new = kind.default(world, with_required(kind, kind.keep(old, new)))
    new = mutated(world, call, new, old)
    if call.subresource != "status":
        validate(kind, new, old)
        new = kind.assign(world, admitted(world, call, new, old), old)
    new = track_update(world, call, old, new)
    ask_policies(world, call, "UPDATE", new, old, is_mutated=True)
    if call.subresource != "status":
        _reviewed(world, call, old, new)
    return commit(world, call, old, new)


def commit(world: World, call: Call, old: Obj, new: Obj) -> Obj:
    """Store `new` over `old`, or remove it if its last finalizer went."""
    kind, meta = call.kind, new["metadata"]
    spec_changed = kind.has_generation and _content(old) != _content(new)
    if call.is_dry_run:
        if spec_changed:
            meta = {**meta, "generation": old["metadata"].get("generation", 1) + 1}
        return {**new, "metadata": meta}
    saved = world.store.update(kind.table, new, spec_changed=spec_changed)
    finish_deletion(world, kind.table, saved)
    return saved


def _content(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion", "kind")}


def _merged_meta(call: Call, old: Obj, body: Obj) -> Obj:
    """Client's metadata with what the server owns carried over. Raises: ApiError 400, 409."""
    before, after = old["metadata"], dict(body.get("metadata") or {})
    if after.get("name", before["name"]) != before["name"]:
        raise errors.bad_request(
            f"the name of the object ({after['name']}) does not match the name on the URL ({before['name']})"
        )
    if after.get("namespace", before.get("namespace")) != before.get("namespace"):
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    check_preconditions(call.kind, old, after.get("uid"), after.get("resourceVersion"))
    for field in (*SERVER_FIELDS, "name", "namespace", "resourceVersion"):
        after.pop(field, None)
        if field in before:
            after[field] = before[field]
    if before.get("deletionTimestamp") and set(after.get("finalizers") or ()) - set(before.get("finalizers") or ()):
        added = sorted(set(after.get("finalizers") or ()) - set(before.get("finalizers") or ()))
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{added}}}"
        error = field_errors.forbidden_field("metadata.finalizers", why)
        raise errors.unprocessable(call.kind, before["name"], [error])
    return after


def check_preconditions(kind: Kind, obj: Obj, uid: str | None, revision: str | None) -> None:
    """Raises: ApiError 409 if the object is not the one, or not in the state, that the client means."""
    meta = obj["metadata"]
    if uid and uid != meta["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta['uid']}"
        raise errors.conflict(kind, meta["name"], why)
    if revision and revision != meta["resourceVersion"]:
        raise errors.conflict(kind, meta["name"])


def patch(world: World, call: Call) -> Response:
    """PATCH in its four forms. Raises: ApiError."""
    kind, media = call.kind, call.headers.get("content-type", "").partition(";")[0].strip()
    if media == APPLY:
        return _apply(world, call)
    old = stored(world, kind, call.namespace, call.name)
    changed = patched(call, media, shown(kind, old))
    body = conform(call, check_kind(changed, kind.kind, kind.api_version), kind)
    return answer(call, replace_object(world, call, old, body))


def patched(call: Call, media: str, current: Obj) -> Obj:
    """`current` with the call's patch applied. Raises: ApiError 400, 413, 415, 422."""
    accepted = [JSON_PATCH, MERGE, APPLY] if call.kind.is_custom else [JSON_PATCH, MERGE, STRATEGIC, APPLY]
    if media not in accepted:
        raise errors.unsupported_media(accepted)
    document = load(call.body, "application/json")
    try:
        if media == JSON_PATCH:
            result = json_patch(current, document)
        elif not isinstance(document, dict):
            json_type = "array" if isinstance(document, list) else "string" if isinstance(document, str) else "number"
            raise PatchError(f"json: cannot unmarshal {json_type} into Go value of type map[string]interface {{}}")
        elif media == MERGE:
            result = merge_patch(current, document)
        else:
            result = strategic_merge(current, document, call.kind.schema)
    except PatchTooLarge as error:
        raise errors.too_large(str(error)) from error
    except PatchTestFailed as error:
        message = "the server rejected our request due to an error in our request"
        raise errors.ApiError(422, "Invalid", message, {}) from error
    except PatchError as error:
        raise errors.bad_request(f"error decoding patch: {error}") from error
    if not isinstance(result, dict):
        raise errors.bad_request("a patch must leave an object")
    return result


def _apply(world: World, call: Call) -> Response:
    """Server-side apply: create or update, with field ownership."""
    kind = call.kind
    body = load(call.body, "application/yaml")
    if not isinstance(body, dict):
        raise errors.bad_request("the body of an apply must be an object")
    body = conform(call, check_kind(body, kind.kind, kind.api_version), kind)
    if "managedFields" in (body.get("metadata") or {}):
        raise errors.bad_request("metadata.managedFields must be nil")
    old = world.store.get(kind.table, call.namespace if kind.namespaced else "", call.name)
    merged = apply_configuration(world, call, old, body)
    if old is None:
        merged = {**merged, "metadata": {**merged["metadata"], "name": call.name}}
        return answer(call, create_object(world, call, merged), 201)
    return answer(call, replace_object(world, call, old, merged))
