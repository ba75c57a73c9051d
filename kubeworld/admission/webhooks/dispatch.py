"""Asks the webhooks about one write, and does what they say.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go and errors/statuserror.go
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kubeworld.admission.cel.inputs import as_seen
from kubeworld.admission.cel.matching import Request
from kubeworld.admission.webhooks import review, wire
from kubeworld.admission.webhooks.hooks import MUTATING, VALIDATING, Hook, hooks, meant
from kubeworld.admission.webhooks.leads import InCluster, Nowhere, lead, url_of
from kubeworld.kinds import errors
from kubeworld.kinds.kind import Kind
from kubeworld.machine.patch.plain import json_patch
from kubeworld.machine.patch.strategic import PatchError
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Redo = Callable[[Kind, Obj], Obj]
"""(version, patched object) -> the object as it would be if the client had sent it so: decoded, with defaults."""


class _CannotAsk(Exception):
    """The webhook gave no answer; `str()` says why. Its failure policy decides what follows."""


@dataclass(slots=True)
class Asked:
    """One round of questions."""

    world: World
    request: Request
    redo: Redo | None
    warnings: list[str] = field(default_factory=list)
    repeatable: set[str] = field(default_factory=set)
    """Webhooks that have been asked and want to know if something changes afterwards."""
    due: set[str] = field(default_factory=set)
    """Those of them after which something has changed."""


def is_concerned(world: World) -> bool:
    """Whether there is any webhook at all: most worlds have none, and pay nothing."""
    return bool(world.store.objects(MUTATING) or world.store.objects(VALIDATING))


def mutate(world: World, request: Request, redo: Redo | None) -> tuple[Obj | None, list[str]]:
    """The request's object as the mutating webhooks want it, and what they warn of.

    `redo` is None for what no webhook may change. Raises: ApiError of the first refusal.
    """
    asked = Asked(world, request, redo)
    listed = list(hooks(world, MUTATING))
    for hook in listed:
        _mutate_once(asked, hook)
    # Those that came before a change see it once, whatever they then change themselves.
    again, asked.due = asked.due, set()
    for hook in listed:
        if _key(hook) in again:
            _mutate_once(asked, hook)
    return asked.request.new, asked.warnings


def validate(world: World, request: Request) -> list[str]:
    """Ask the validating webhooks; what they warn of. Raises: ApiError of the first refusal."""
    warnings: list[str] = []
    for hook in hooks(world, VALIDATING):
        kind = meant(world, hook, request)
        if kind is not None:
            _answer(world, hook, request, kind, warnings, is_mutating=False)
    return warnings


def _key(hook: Hook) -> str:
    return f"{hook.configuration}/{hook.position}/{hook.name}"


def _mutate_once(asked: Asked, hook: Hook) -> None:
    kind = meant(asked.world, hook, asked.request)
    if kind is None:
        return
    response = _answer(asked.world, hook, asked.request, kind, asked.warnings, is_mutating=True)
    if response is not None and _patched(asked, hook, kind, response):
        asked.due |= asked.repeatable
        asked.repeatable = set()
    if hook.spec.get("reinvocationPolicy") == "IfNeeded":
        asked.repeatable.add(_key(hook))


def _patched(asked: Asked, hook: Hook, kind: Kind, response: Obj) -> bool:
    """Apply a response's patch; whether it changed anything. Raises: ApiError 500."""
    try:
        operations = review.operations(response)
        if not operations:
            return False
        if asked.request.new is None or asked.redo is None:
            why = "attempted to modify the object, which is not supported for this operation"
            raise ValueError(f'admission webhook "{hook.name}" {why}')
        before = as_seen(kind, asked.request, asked.request.new)
        after = json_patch(before, operations)
        if not isinstance(after, dict):
            raise ValueError("the patch leaves no object")
    except (ValueError, PatchError) as error:
        raise _internal(str(error)) from error
    if after == before:
        return False
    asked.request = replace(asked.request, new=asked.redo(kind, after))
    return True


def _answer(
    world: World, hook: Hook, request: Request, kind: Kind, warnings: list[str], *, is_mutating: bool
) -> Obj | None:
    """What a webhook allows; None if it could not be asked and lets that pass. Raises: ApiError if it refuses."""
    try:
        response = _response(world, hook, request, kind, is_mutating=is_mutating)
    except _CannotAsk as failure:
        if hook.fails_closed:
            raise _internal(f'failed calling webhook "{hook.name}": {failure}') from failure
        return None
    warnings += [str(text) for text in response.get("warnings") or ()]
    if response.get("allowed") is not True:
        raise denied(hook.name, response.get("status"))
    return response


def _response(world: World, hook: Hook, request: Request, kind: Kind, *, is_mutating: bool) -> Obj:
    """Raises: _CannotAsk."""
    config, timeout_s = hook.spec["clientConfig"], hook.spec.get("timeoutSeconds", 10)
    described = world.outside.hook(hook.name)
    post = f'failed to call webhook: Post "{url_of(config, timeout_s)}": '
    if described is not None:
        if described.failure:
            raise _CannotAsk(post + described.failure)
        return dict(described.response)
    target = lead(world, config, timeout_s)
    if isinstance(target, Nowhere):
        raise _CannotAsk(post + target.why)
    if isinstance(target, InCluster):
        return {"allowed": True}
    asked = review.question(request, kind, hook.spec)
    try:
        answer = wire.ask(target, url_of(config, timeout_s), asked, timeout_s)
        return review.response_of(asked, answer, is_mutating=is_mutating)
    except wire.Unanswered as error:
        raise _CannotAsk(str(error)) from error
    except review.BadAnswer as error:
        raise _CannotAsk(f"received invalid webhook response: {error}") from error


def _internal(why: str) -> errors.ApiError:
    details = {"causes": [{"message": why}]}
    return errors.ApiError(500, "InternalError", f"Internal error occurred: {why}", details)


def denied(name: str, result: Any) -> errors.ApiError:
    """A webhook's refusal, with what it says of code, reason and details."""
    result = result if isinstance(result, dict) else {}
    by = f'admission webhook "{name}" denied the request'
    message, reason = str(result.get("message") or ""), str(result.get("reason") or "")
    said = message or reason
    code = result.get("code")
    details = result.get("details")
    return errors.ApiError(
        # No success may come along with a refusal.
        code if isinstance(code, int) and 400 <= code <= 599 else 400,
        reason,
        f"{by}: {said}" if said else f"{by} without explanation",
        details if isinstance(details, dict) else None,
    )
