"""Where a write meets the ValidatingAdmissionPolicies: after mutation and validation, just before it is stored.

Without bindings this is one look into an empty table.
"""

from typing import Any

from kubeworld.admission.cel import decide
from kubeworld.admission.cel.matching import Request
from kubeworld.api.results import Call
from kubeworld.kinds import errors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def ask_policies(world: World, call: Call, operation: str, new: Obj | None, old: Obj | None = None) -> None:
    """Have the policies look at a write of the call's resource. Raises: ApiError with the code of its reason."""
    if not world.store.objects(decide.BINDINGS):
        return
    # kube-apiserver has filled these in by the time policies run; the store does it later.
    if new is not None and operation == "CREATE" and not call.subresource:
        new = _as_stored(world, new)
    request = Request(
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
    verdict = decide.check(world, request)
    if verdict is None:
        return
    call.warnings += verdict.warnings
    call.annotations |= verdict.annotations()
    if verdict.denials:
        raise _forbidden(call, request, verdict.denials[0])


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
