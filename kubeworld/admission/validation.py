"""Validation on create and on update: what a kind says of its own fields, and what only CEL can tell."""

from collections.abc import Callable, Iterator

from kubeworld.admission.cel.validation import admission_binding_errors, admission_policy_errors
from kubeworld.admission.definitions import definition_errors, rule_errors
from kubeworld.kinds.errors import FieldError, unprocessable
from kubeworld.kinds.resources import ResourceType
from kubeworld.kinds.validation import errors_of
from kubeworld.machine.store import Obj

_WITH_EXPRESSIONS: dict[str, Callable[[Obj, Obj | None], Iterator[FieldError]]] = {
    "customresourcedefinitions.apiextensions.k8s.io": definition_errors,
    "validatingadmissionpolicies.admissionregistration.k8s.io": admission_policy_errors,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": admission_binding_errors,
}


def validate(kind: ResourceType, new: Obj, old: Obj | None) -> None:
    """Check an object before it is committed; `old` is None on create. Raises: ApiError 422."""
    errors = errors_of(kind, new, old)
    checker = _WITH_EXPRESSIONS.get(kind.table)
    if checker:
        errors += checker(new, old)
    if kind.structure is not None:
        errors += rule_errors(new, old, kind.structure)
    if errors:
        raise unprocessable(kind, new["metadata"].get("name", ""), errors)
