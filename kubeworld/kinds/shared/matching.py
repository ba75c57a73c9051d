"""Validation of what a policy or a binding matches: resource rules and selectors.

Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation/validation.go
"""

from collections.abc import Iterator, Sequence

from kubeworld.kinds.field_errors import FieldError, duplicate, invalid, required, unsupported
from kubeworld.machine.selectors import LABEL_OPERATORS
from kubeworld.machine.store import Obj

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")


def resources_errors(resources: Obj, path: str) -> Iterator[FieldError]:
    """matchConstraints or matchResources."""
    if resources.get("matchPolicy") not in ("Equivalent", "Exact"):
        yield unsupported(f"{path}.matchPolicy", str(resources.get("matchPolicy")), ("Equivalent", "Exact"))
    for field in ("namespaceSelector", "objectSelector"):
        yield from selector_errors(resources.get(field) or {}, f"{path}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for at, rule in enumerate(resources.get(field) or ()):
            yield from _rule(rule, f"{path}.{field}[{at}]")


def selector_errors(selector: Obj, path: str) -> Iterator[FieldError]:
    """A label selector's expressions."""
    for at, item in enumerate(selector.get("matchExpressions") or ()):
        where, operator = f"{path}.matchExpressions[{at}]", item.get("operator", "")
        if operator not in LABEL_OPERATORS:
            yield invalid(f"{where}.operator", operator, "not a valid selector operator")
        elif operator in ("In", "NotIn") and not item.get("values"):
            yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and item.get("values"):
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield FieldError(f"{where}.values", "FieldValueForbidden", f"Forbidden: {why}")
        if not item.get("key"):
            yield invalid(f"{where}.key", "", "name part must be non-empty")


def _rule(rule: Obj, path: str) -> Iterator[FieldError]:
    names = rule.get("resourceNames") or ()
    for at, name in enumerate(names):
        if "/" in name or "%" in name or name in (".", ".."):
            yield invalid(
                f"{path}.resourceNames[{at}]", name, "may not contain '/'" if "/" in name else "may not be '.'"
            )
        if name in names[:at]:
            yield duplicate(f"{path}.resourceNames[{at}]", name)
    yield from _operations(rule.get("operations") or (), f"{path}.operations")
    for field, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(field) or ()
        if not values:
            yield required(f"{path}.{field}")
        if len(values) > 1 and "*" in values:
            yield invalid(f"{path}.{field}", values, f"if '*' is present, must not specify other {what}")
    for at, version in enumerate(rule.get("apiVersions") or ()):
        if not version:
            yield required(f"{path}.apiVersions[{at}]")
    yield from _resources(rule.get("resources") or (), f"{path}.resources")
    if rule.get("scope", "*") not in _SCOPES:
        yield unsupported(f"{path}.scope", rule["scope"], _SCOPES)


def _operations(operations: Sequence[str], path: str) -> Iterator[FieldError]:
    if not operations:
        yield required(path)
    if len(operations) > 1 and "*" in operations:
        yield invalid(path, operations, "if '*' is present, must not specify other operations")
    for at, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield unsupported(f"{path}[{at}]", operation, _OPERATIONS)


def _resources(resources: Sequence[str], path: str) -> Iterator[FieldError]:
    if not resources:
        yield required(path)
    whole: set[str] = set()
    every: set[str] = set()
    for at, text in enumerate(resources):
        if not text:
            yield required(f"{path}[{at}]")
            continue
        resource, slash, sub = text.partition("/")
        if not slash:
            continue
        if resource in whole:
            yield invalid(f"{path}[{at}]", text, f"if '{resource}/*' is present, must not specify {text}")
        if sub in every:
            yield invalid(f"{path}[{at}]", text, f"if '*/{sub}' is present, must not specify {text}")
        if sub == "*":
            whole.add(resource)
        if resource == "*":
            every.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        yield invalid(path, resources, "if '*/*' is present, must not specify other resources")
    if "*" in resources and any("/" not in text and text != "*" for text in resources):
        yield invalid(path, resources, "if '*' is present, must not specify other resources without subresources")
