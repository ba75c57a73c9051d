"""The webhooks that a write concerns, in the order in which they are asked.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/generic/webhook.go (ShouldCallHook)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kubeworld.admission.cel.cel import EvaluationError
from kubeworld.admission.cel.compiled import Expression, compile_conditions
from kubeworld.admission.cel.decide import conditions_hold
from kubeworld.admission.cel.inputs import Facts, Inputs
from kubeworld.admission.cel.matching import Request, match
from kubeworld.kinds import errors
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.webhook_configuration import (
    MUTATING_WEBHOOK_CONFIGURATION,
    VALIDATING_WEBHOOK_CONFIGURATION,
)
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

GROUP = "admissionregistration.k8s.io"
MUTATING, VALIDATING = MUTATING_WEBHOOK_CONFIGURATION.table, VALIDATING_WEBHOOK_CONFIGURATION.table
CONDITIONS_KEPT = 256
_kept: dict[int, tuple[Obj, tuple[Expression, ...]]] = {}


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration."""

    configuration: str
    position: int
    spec: Obj

    @property
    def name(self) -> str:
        """Its own name."""
        return str(self.spec["name"])

    @property
    def fails_closed(self) -> bool:
        """Whether a write is refused that it cannot be asked about."""
        return self.spec.get("failurePolicy", "Fail") == "Fail"


def hooks(world: World, table: str) -> Iterator[Hook]:
    """Those of one table, by the name of their configuration and by their place in it."""
    for configuration in world.store.objects(table):
        for position, spec in enumerate(configuration.get("webhooks") or ()):
            yield Hook(configuration["metadata"]["name"], position, spec)


def meant(world: World, hook: Hook, request: Request) -> Kind | None:
    """The version in which a webhook wants to see this request; None if it is not about it.

    Raises: ApiError 403 if its conditions have no value and it fails closed.
    """
    rules = hook.spec.get("rules")
    # A webhook must not be able to keep itself from being changed or removed.
    if not rules or request.kind.group == GROUP:
        return None
    kind = match(world, {**hook.spec, "resourceRules": rules}, request)
    if kind is None or not hook.spec.get("matchConditions"):
        return kind
    inputs = Inputs(Facts(world, request, kind, None), {})
    try:
        return kind if conditions_hold(_conditions(hook), inputs) else None
    except EvaluationError as error:
        if not hook.fails_closed:
            return None
        name = request.name or "Unknown"
        why = f"failed to evaluate match conditions of webhook {hook.name}: {error}"
        raise errors.forbidden(request.kind, name, why) from error


def _conditions(hook: Hook) -> tuple[Expression, ...]:
    known = _kept.get(id(hook.spec))
    if known is not None and known[0] is hook.spec:
        return known[1]
    if len(_kept) >= CONDITIONS_KEPT:
        _kept.clear()
    made = compile_conditions(hook.spec, f"webhooks[{hook.position}]")
    _kept[id(hook.spec)] = hook.spec, made
    return made
