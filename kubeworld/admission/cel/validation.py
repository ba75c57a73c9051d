"""Validation of ValidatingAdmissionPolicies and their bindings, word for word.

Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation/validation.go
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubeworld.admission.cel.compiled import Expression, Policy, compile_conditions, compile_policy
from kubeworld.kinds.field_errors import (
    FieldError,
    duplicate,
    forbidden_field,
    go_value,
    invalid,
    required,
    unsupported,
)
from kubeworld.kinds.shared.formats import DNS_1035, SUBDOMAIN, qualified_name
from kubeworld.kinds.shared.matching import resources_errors, selector_errors
from kubeworld.machine.store import Obj

_IDENTIFIER = re.compile(r"^[_a-zA-Z][_a-zA-Z0-9]*$")
# Words that CEL keeps for itself, so that no variable could be read under such a name.
_RESERVED = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
_ACTIONS = ("Audit", "Deny", "Warn")
CONDITIONS_LIMIT = 64
ANNOTATIONS_LIMIT = 20
VALUE_EXPRESSION_LIMIT = 5 * 1024
_NOTHING = "validations or auditAnnotations must contain at least one item"


def admission_policy_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Everything wrong with a policy, its expressions compiled."""
    spec = new.get("spec") or {}
    if spec.get("failurePolicy") not in ("Fail", "Ignore"):
        yield unsupported("spec.failurePolicy", str(spec.get("failurePolicy")), ("Fail", "Ignore"))
    if "paramKind" in spec:
        yield from _param_kind(spec["paramKind"])
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield required("spec.matchConstraints")
    else:
        yield from resources_errors(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            yield required("spec.matchConstraints.resourceRules")
    programs = compile_policy(spec)
    yield from _conditions(spec, programs.conditions, "spec")
    yield from _variables(spec, programs)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        yield required("spec.validations", _NOTHING)
        yield required("spec.auditAnnotations", _NOTHING)
    yield from _validations(spec, programs)
    yield from _annotations(new["metadata"]["name"], spec, programs)


def webhook_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """What is wrong with the match conditions of a configuration's webhooks."""
    for at, hook in enumerate(new.get("webhooks") or ()):
        path = f"webhooks[{at}]"
        yield from _conditions(hook, compile_conditions(hook, path), path)


def _compiled(programs: Policy, path: str) -> Iterator[FieldError]:
    return _uncompiled(programs.expressions(), path)


def _uncompiled(expressions: Iterable[Expression], path: str) -> Iterator[FieldError]:
    for expression in expressions:
        if expression.path == path and expression.error:
            yield invalid(path, expression.source, expression.error)


def _param_kind(kind: Obj) -> Iterator[FieldError]:
    path, version = "spec.paramKind", kind.get("apiVersion", "")
    if not version:
        yield required(f"{path}.apiVersion")
    elif version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    elif version.endswith("/"):
        yield invalid(f"{path}.apiVersion", version, "version must be specified")
    if not kind.get("kind"):
        yield required(f"{path}.kind")
    elif not DNS_1035.match(kind["kind"].lower()):
        yield invalid(f"{path}.kind", kind["kind"], "may have mixed case, but should otherwise match: a DNS-1035 label")


def _conditions(spec: Obj, compiled: Sequence[Expression], root: str) -> Iterator[FieldError]:
    conditions = spec.get("matchConditions") or ()
    if len(conditions) > CONDITIONS_LIMIT:
        why = f"must have at most {CONDITIONS_LIMIT} items"
        yield FieldError(f"{root}.matchConditions", "FieldValueTooMany", f"Too many: {len(conditions)}: {why}")
    names: set[str] = set()
    for at, condition in enumerate(conditions):
        path, name = f"{root}.matchConditions[{at}]", condition.get("name", "")
        if not condition.get("expression", "").strip():
            yield required(f"{path}.expression")
        else:
            yield from _uncompiled(compiled, f"{path}.expression")
        if not name:
            yield required(f"{path}.name")
            continue
        yield from qualified_name(f"{path}.name", name)
        if name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)


def _variables(spec: Obj, programs: Policy) -> Iterator[FieldError]:
    for at, variable in enumerate(spec.get("variables") or ()):
        path, name = f"spec.variables[{at}]", variable.get("name", "")
        if not name.strip():
            yield required(f"{path}.name", "name is not specified")
        elif not _IDENTIFIER.match(name) or name in _RESERVED:
            yield invalid(f"{path}.name", name, "name is not a valid CEL identifier")
        if not variable.get("expression", "").strip():
            yield required(f"{path}.expression", "expression is not specified")
        else:
            yield from _compiled(programs, f"{path}.expression")


def _validations(spec: Obj, programs: Policy) -> Iterator[FieldError]:
    for at, rule in enumerate(spec.get("validations") or ()):
        path = f"spec.validations[{at}]"
        if not rule.get("expression", "").strip():
            yield required(f"{path}.expression", "expression is not specified")
        else:
            yield from _compiled(programs, f"{path}.expression")
        dynamic, message = rule.get("messageExpression", ""), rule.get("message", "")
        if dynamic and not dynamic.strip():
            yield invalid(f"{path}.messageExpression", dynamic, "must be non-empty if specified")
        yield from _compiled(programs, f"{path}.messageExpression")
        if message and not message.strip():
            yield invalid(f"{path}.message", message, "message must be non-empty if specified")
        elif re.search(r"[\n\r]", message.strip()):
            yield invalid(f"{path}.message", message, "message must not contain line breaks")
        if "reason" in rule and rule["reason"] not in _REASONS:
            yield unsupported(f"{path}.reason", rule["reason"], _REASONS)


def _annotations(policy: str, spec: Obj, programs: Policy) -> Iterator[FieldError]:
    items: Sequence[Any] = spec.get("auditAnnotations") or ()
    if len(items) > ANNOTATIONS_LIMIT:
        yield invalid("spec.auditAnnotations", items, f"must not have more than {ANNOTATIONS_LIMIT} auditAnnotations")
    keys: set[str] = set()
    for at, annotation in enumerate(items):
        path, text = f"spec.auditAnnotations[{at}]", annotation.get("valueExpression", "").strip()
        # In the audit record the key stands after the policy's name: both together must be a qualified name.
        yield from qualified_name(f"{path}.key", f"{policy}/{annotation.get('key', '')}")
        if not text:
            yield required(f"{path}.valueExpression", "valueExpression is not specified")
        elif len(text) > VALUE_EXPRESSION_LIMIT:
            yield required(f"{path}.valueExpression", f"must not exceed {VALUE_EXPRESSION_LIMIT} bytes in length")
        else:
            yield from _compiled(programs, f"{path}.valueExpression")
        if annotation.get("key", "") in keys:
            yield duplicate(f"{path}.key", annotation.get("key", ""))
        keys.add(annotation.get("key", ""))


def admission_binding_errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Everything wrong with a binding. Its policy need not exist."""
    spec = new.get("spec") or {}
    name = spec.get("policyName", "")
    if not name:
        yield required("spec.policyName")
    elif not SUBDOMAIN.match(name):
        yield invalid("spec.policyName", name, "a lowercase RFC 1123 subdomain must be used")
    if "paramRef" in spec:
        yield from _param_ref(spec["paramRef"])
    if "matchResources" in spec:
        yield from resources_errors(spec["matchResources"], "spec.matchResouces")  # spelt so by Kubernetes
    yield from _actions(spec.get("validationActions") or ())


def _param_ref(reference: Obj) -> Iterator[FieldError]:
    path, both = "spec.paramRef", "name and selector are mutually exclusive"
    if reference.get("name") and "selector" in reference:
        yield forbidden_field(f"{path}.name", both)
    if "selector" in reference:
        yield from selector_errors(reference["selector"], f"{path}.selector")
        if reference.get("name"):
            yield forbidden_field(f"{path}.selector", both)
    if not reference.get("name") and "selector" not in reference:
        yield required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction", "")
    if not action:
        yield required(f"{path}.parameterNotFoundAction")
    elif action not in ("Deny", "Allow"):
        yield unsupported(f"{path}.parameterNotFoundAction", action, ("Deny", "Allow"))


def _actions(actions: Sequence[str]) -> Iterator[FieldError]:
    path = "spec.validationActions"
    for at, action in enumerate(actions):
        if action not in _ACTIONS:
            yield unsupported(f"{path}[{at}]", action, _ACTIONS)
        if action in actions[:at]:
            yield duplicate(f"{path}[{at}]", action)
    if "Deny" in actions and "Warn" in actions:
        why = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        shown = go_value(list(actions)).removeprefix("[]string")
        text = f"Invalid value: []admissionregistration.ValidationAction{shown}: {why}"
        yield FieldError(path, "FieldValueInvalid", text)
    if not actions:
        yield required(path, "at least one validation action is required")
