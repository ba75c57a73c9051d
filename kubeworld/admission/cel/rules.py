"""`x-kubernetes-validations` of CustomResourceDefinitions: CEL rules about `self`, and `oldSelf` on an update.

`self` is checked at run time only: types of the schema are not declared to the compiler, so a rule that reads a field
which the schema lacks is refused when it runs and not when it is written. Lists are compared by position.
Reference: https://kubernetes.io/docs/reference/using-api/cel/ and apiextensions-apiserver/pkg/apiserver/schema/cel
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kubeworld.admission.cel.cel import CompileError, EvaluationError, Program, activate, compile_program
from kubeworld.admission.cel.cost import Size

RULES = "x-kubernetes-validations"
Source = Mapping[str, Any]
_READS_OLD = re.compile(r"\boldSelf\b")
_UNSUPPORTED = ("optionalOldSelf",)
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that does not hold."""

    path: str
    reason: str
    """As the rule gives it: FieldValueInvalid, FieldValueRequired, FieldValueForbidden or FieldValueDuplicate."""
    type: str
    """Of the value, which is what the API server shows instead of it."""
    message: str


def has_rules(schema: Source) -> bool:
    """Whether any part of a schema has rules."""
    return bool(schema.get(RULES)) or any(has_rules(child) for _, child in _children(schema))


def definition_problems(schema: Source, path: str) -> Iterator[tuple[str, Any, str]]:
    """(path, value, why) of rules that do not compile or that are not supported here."""
    for at, rule in enumerate(schema.get(RULES) or ()):
        where = f"{path}.{RULES}[{at}]"
        for field in _UNSUPPORTED:
            if rule.get(field):
                yield f"{where}.{field}", rule[field], "is not supported"
        for field, type_ in (("rule", "bool"), ("messageExpression", "string")):
            if problem := _problem(str(rule.get(field) or ""), type_):
                yield f"{where}.{field}", rule[field], problem
    for name, child in _children(schema):
        yield from definition_problems(child, f"{path}{name}")


def _problem(text: str, type_: str) -> str:
    if not text:
        return ""
    try:
        inferred = _program(text).type
    except CompileError as error:
        return f"compilation failed: {error}"
    return "" if inferred in (type_, "dyn") else f"compilation failed: must evaluate to a {type_}"


def failures(value: Any, old: Any, schema: Source, path: str = "") -> Iterator[Failure]:
    """Rules that `value` breaks, from the outside in. `old` is what it replaces, or nothing."""
    for rule in schema.get(RULES) or ():
        is_transition = bool(_READS_OLD.search(rule["rule"]))
        # A rule about a transition says nothing when there is nothing to come from.
        if not (is_transition and old is _MISSING):
            yield from _broken(rule, value, old, path, str(schema.get("type", "object")))
    for name, part, before, child in _parts(value, old, schema):
        yield from failures(part, before, child, f"{path}{name}" if path else name.removeprefix("."))


def object_failures(new: Source, old: Source | None, schema: Source) -> Iterator[Failure]:
    """The same for a whole object; there is no `oldSelf` on creation."""
    return failures(new, _MISSING if old is None else old, schema)


def _parts(value: Any, old: Any, schema: Source) -> Iterator[tuple[str, Any, Any, Source]]:
    if isinstance(value, dict):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        before = old if isinstance(old, dict) else {}
        for name, part in value.items():
            child = properties.get(name, others if isinstance(others, dict) else None)
            if child is not None and part is not None:
                # Properties read as fields, keys of a map as indexes: `spec.limits[cpu]`.
                shown = f".{name}" if name in properties else f"[{name}]"
                yield shown, part, before.get(name, _MISSING), child
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        previous = old if isinstance(old, list) else []
        for at, part in enumerate(value):
            yield f"[{at}]", part, previous[at] if at < len(previous) else _MISSING, schema["items"]


def _children(schema: Source) -> Iterator[tuple[str, Source]]:
    for name, child in (schema.get("properties") or {}).items():
        yield f".properties[{name}]", child
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            yield f".{field}", schema[field]


def _broken(rule: Source, value: Any, old: Any, path: str, type_: str) -> Iterator[Failure]:
    where = path + str(rule.get("fieldPath") or "") if path else str(rule.get("fieldPath") or "").removeprefix(".")
    text = str(rule.get("message") or "").strip()
    try:
        if _evaluate(rule["rule"], value, old) is True:
            return
        if expression := rule.get("messageExpression"):
            text = _computed(expression, value, old) or text
        message = text or f"failed rule: {rule['rule']}"
    except (CompileError, EvaluationError) as error:
        message = f"{error} evaluating rule: {text or rule['rule']}"
    yield Failure(where, str(rule.get("reason") or "FieldValueInvalid"), type_, message)


def _computed(expression: str, value: Any, old: Any) -> str:
    """Nothing if it has no value: the rule's plain message is said then."""
    try:
        message = _evaluate(expression, value, old)
    except (CompileError, EvaluationError):
        return ""
    return message.strip() if isinstance(message, str) and "\n" not in message else ""


def _evaluate(text: str, value: Any, old: Any) -> Any:
    values = {"self": value} if old is _MISSING else {"self": value, "oldSelf": old}
    document = orjson.dumps(list(values.values()))
    size = Size(len(document), document.count(b",") + 1, tuple(values.values()))
    # Rules of a schema have no authorizer: they hold for everybody.
    return _program(text).evaluate(activate(values, size, lambda _: False))


def _program(text: str) -> Program:
    return compile_program(text, (("self", "dyn"), ("oldSelf", "dyn")))
