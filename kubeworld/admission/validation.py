"""Validation on create and on update: what a kind says of its own fields, and what only CEL can tell."""

from collections.abc import Callable, Iterator

from kubeworld.admission.cel.validation import admission_binding_errors, admission_policy_errors, webhook_errors
from kubeworld.admission.definitions import definition_errors, rule_errors
from kubeworld.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from kubeworld.kinds.errors import unprocessable
from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.validating_admission_policy import (
    VALIDATING_ADMISSION_POLICY,
    VALIDATING_ADMISSION_POLICY_BINDING,
)
from kubeworld.kinds.validation import errors_of
from kubeworld.kinds.webhook_configuration import (
    MUTATING_WEBHOOK_CONFIGURATION,
    VALIDATING_WEBHOOK_CONFIGURATION,
)
from kubeworld.machine.store import Obj

_WITH_EXPRESSIONS: dict[Kind, Callable[[Obj, Obj | None], Iterator[FieldError]]] = {
    CUSTOM_RESOURCE_DEFINITION: definition_errors,
    VALIDATING_ADMISSION_POLICY: admission_policy_errors,
    VALIDATING_ADMISSION_POLICY_BINDING: admission_binding_errors,
    VALIDATING_WEBHOOK_CONFIGURATION: webhook_errors,
    MUTATING_WEBHOOK_CONFIGURATION: webhook_errors,
}
"""The one thing about a kind that does not stand in its file: CEL belongs to admission, which kinds may not import."""


def validate(kind: Kind, new: Obj, old: Obj | None) -> None:
    """Check an object before it is committed; `old` is None on create. Raises: ApiError 422."""
    errors = errors_of(kind, new, old)
    checker = _WITH_EXPRESSIONS.get(kind)
    if checker:
        errors += checker(new, old)
    if kind.structure is not None:
        errors += rule_errors(new, old, kind.structure)
    if errors:
        raise unprocessable(kind, new["metadata"].get("name", ""), errors)
