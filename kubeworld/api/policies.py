"""Where a write meets what others decide: webhooks that change it before it is validated; policies, and webhooks that
only look, just before it is stored.

Without any of them this is a look into empty tables.
"""

from typing import Any

from kubeworld.admission.cel import decide
from kubeworld.admission.cel.matching import Request
from kubeworld.admission.structural import with_defaults
from kubeworld.admission.webhooks import dispatch
from kubeworld.admission.webhooks.hooks import MUTATING
from kubeworld.api.results import Call
from kubeworld.api.strict import check_kind
from kubeworld.kinds import errors
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.required import with_required
from kubeworld.kinds.versions import stored_form
from kubeworld.machine.schema.conform import conformed
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SERVER_FIELDS = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
"""Metadata that only the server sets; an update carries it over."""
_KEPT_FIELDS = (*SERVER_FIELDS, "name", "namespace", "resourceVersion")
"""Metadata that no webhook changes."""


def ask_policies(
    world: World, call: Call, operation: str, new: Obj | None, old: Obj | None = None, *, is_mutated: bool = False
) -> None:
    """Have policies and webhooks look at a write of the call's resource.

    `is_mutated`: `mutated` has asked the mutating webhooks; what has not been given to it, they may not change.
    Raises: ApiError with the code of its reason.
    """
    has_hooks = dispatch.is_concerned(world)
    if not has_hooks and not world.store.objects(decide.BINDINGS):
        return
    # kube-apiserver has filled these in by the time policies run; the store does it later.
    if new is not None and operation == "CREATE" and not call.subresource:
        new = _as_stored(world, new)
    request = _request(call, operation, new, old)
    if has_hooks and not is_mutated:
        call.warnings += dispatch.mutate(world, request, None)[1]
    verdict = decide.check(world, request)
    if verdict is not None:
        call.warnings += verdict.warnings
        call.annotations |= verdict.annotations()
        if verdict.denials:
            raise _forbidden(call, request, verdict.denials[0])
    if has_hooks:
        call.warnings += dispatch.validate(world, request)


def mutated(world: World, call: Call, obj: Obj, old: Obj | None) -> Obj:
    """A new or changed object, with its defaults, as the mutating webhooks want it. Raises: ApiError."""
    if not world.store.objects(MUTATING):
        return obj
    meta = obj["metadata"]
    seen, operation = obj, "UPDATE"
    if old is None:
        # Neither is there yet when an object is created: the server chooses both afterwards.
        hidden = ("uid", "name") if meta.get("generateName") else ("uid",)
        seen = {**obj, "metadata": {key: value for key, value in meta.items() if key not in hidden}}
        operation = "CREATE"

    def redo(kind: Kind, patched: Obj) -> Obj:
        return _as_sent(world, kind, patched, meta["name"])

    new, warnings = dispatch.mutate(world, _request(call, operation, seen, old), redo)
    call.warnings += warnings
    if new is None or new is seen:
        return obj
    if call.subresource == "status":
        return {**obj, "status": new.get("status") or {}}
    owned = {key: meta[key] for key in _KEPT_FIELDS if key in meta}
    kept = {key: value for key, value in new["metadata"].items() if key not in _KEPT_FIELDS}
    new = {**new, "metadata": {**kept, **owned}}
    if "status" in call.kind.subresources:
        new = {key: value for key, value in new.items() if key != "status"}
        if "status" in obj:
            new["status"] = obj["status"]
    return new


def _as_sent(world: World, kind: Kind, patched: Obj, name: str) -> Obj:
    """What a webhook made of an object, as if a client had sent that. Raises: ApiError."""
    value = check_kind(patched, kind.kind, kind.api_version)
    if kind.structure is not None:
        value = with_defaults(value, kind.structure)
    try:
        clean, _ = conformed(value, kind.schema)
    except TypeError as error:
        raise errors.ApiError(500, "InternalError", f"Internal error occurred: {error}") from error
    stored = stored_form(kind, clean)
    named = {**stored, "metadata": {"name": name, **(stored.get("metadata") or {})}}
    obj = kind.default(world, with_required(kind, named))
    if "name" not in (stored.get("metadata") or {}):
        obj = {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "name"}}
    return obj


def _request(call: Call, operation: str, new: Obj | None, old: Obj | None) -> Request:
    return Request(
        kind=call.kind,
        operation=operation,
        name=call.name or _given_name(new),
        namespace=call.namespace,
        identity=call.identity,
        new=new,
        old=old,
        subresource=call.subresource,
        is_dry_run=call.is_dry_run,
        options=_options(call),
    )


def _given_name(new: Obj | None) -> str:
    """The name of a new object, unless the server made it up: that comes after admission in Kubernetes."""
    meta = (new or {}).get("metadata") or {}
    return "" if meta.get("generateName") else str(meta.get("name", ""))


def _as_stored(world: World, obj: Obj) -> Obj:
    """With what the store sets on creation."""
    return {**obj, "metadata": {"creationTimestamp": world.clock.rfc3339(), "generation": 1, **obj["metadata"]}}


def _options(call: Call) -> dict[str, Any]:
    options: dict[str, Any] = {key: call.query[key] for key in ("fieldManager", "fieldValidation") if key in call.query}
    if call.is_dry_run:
        options["dryRun"] = ["All"]
    return options


def _forbidden(call: Call, request: Request, denial: decide.Denial) -> errors.ApiError:
    """The words of a 403 with the code of the policy's reason, as kube-apiserver has it."""
    name = request.name or ((request.new or {}).get("metadata") or {}).get("name") or "Unknown"
    error = errors.forbidden(call.kind, name, denial.message, causes=[{"message": denial.message}])
    return errors.ApiError(denial.code, denial.reason, error.message, error.details)
