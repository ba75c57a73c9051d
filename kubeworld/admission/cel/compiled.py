"""A policy's spec as programs. What does not compile is kept with its error: creation refuses it, admission fails it.

Source of rules and texts: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go and composition.go
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubeworld.admission.cel import cost
from kubeworld.admission.cel.authority import AUTHORIZER, RESOURCE_CHECK
from kubeworld.admission.cel.cel import CompileError, Declarations, Program, compile_program
from kubeworld.machine.store import Obj

POLICIES_KEPT = 512
VARIABLES = "variables."
_INPUTS: Declarations = tuple((name, "dyn") for name in ("object", "oldObject", "request", "namespaceObject"))
_AUTHORITY: Declarations = (("authorizer", AUTHORIZER), ("authorizer.requestResource", RESOURCE_CHECK))
# Variables are declared under dotted names of their own, where kube-apiserver has an object with fields: its words are
# about a field.
_UNKNOWN_VARIABLE = re.compile(r"undeclared reference to 'variables\.(\w+)[.\w]*' \(in container ''\)")
_TESTED_VARIABLE = re.compile(r"\bhas\(\s*(variables\.\w+|authorizer\.requestResource)\s*\)")
_UNBINDABLE = ("uint", "optional_type", "type")
"""Types that do not survive being handed from one expression to another."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a policy: a program, or why there is none."""

    path: str
    """`spec.validations[0].expression`."""
    source: str
    program: Program | None
    error: str = ""
    """`compilation failed: ...` or `must evaluate to bool`."""
    variables: tuple[str, ...] = ()
    """Names of the policy's variables that it reads itself."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A rule and what to say when it does not hold."""

    expression: Expression
    message: str
    message_expression: Expression | None
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled spec. Holds nothing of any world."""

    conditions: tuple[Expression, ...]
    variables: Mapping[str, Expression]
    validations: tuple[Validation, ...]
    annotations: tuple[tuple[str, Expression], ...]
    fails_closed: bool

    def expressions(self) -> Iterator[Expression]:
        """All of them, in the order of the spec."""
        yield from self.conditions
        yield from self.variables.values()
        for validation in self.validations:
            yield validation.expression
            if validation.message_expression:
                yield validation.message_expression
        for _, expression in self.annotations:
            yield expression


_kept: dict[int, tuple[Obj, Policy]] = {}


def compiled(policy: Obj) -> Policy:
    """The programs of a stored policy. Stored objects never change, so the object itself is the key."""
    known = _kept.get(id(policy))
    if known is not None and known[0] is policy:
        return known[1]
    # All at once: every write of a policy leaves one behind, and asking which are still used would cost more.
    if len(_kept) >= POLICIES_KEPT:
        _kept.clear()
    made = compile_policy(policy["spec"])
    _kept[id(policy)] = (policy, made)
    return made


def compile_policy(spec: Obj) -> Policy:
    """Compile every expression of a spec; nothing is raised for those that do not compile."""
    scope = _Scope((*_INPUTS, ("params", "dyn")) if spec.get("paramKind") else _INPUTS)
    conditions = _conditions(scope, spec)
    variables: dict[str, Expression] = {}
    for at, variable in enumerate(spec.get("variables") or ()):
        expression = scope.compile(f"spec.variables[{at}].expression", variable.get("expression", ""), ())
        variables[variable.get("name", "")] = expression
        scope.declare(variable.get("name", ""), expression)
    validations = tuple(_validation(scope, at, rule) for at, rule in enumerate(spec.get("validations") or ()))
    annotations = tuple(
        (annotation.get("key", ""), _annotation(scope, at, annotation))
        for at, annotation in enumerate(spec.get("auditAnnotations") or ())
    )
    fails_closed = spec.get("failurePolicy", "Fail") == "Fail"
    return Policy(conditions, variables, validations, annotations, fails_closed)


def compile_conditions(hook: Obj, path: str) -> tuple[Expression, ...]:
    """The match conditions of a webhook at `path`: they know the request and its objects, and no namespace."""
    return _conditions(_Scope(_INPUTS[:3]), hook, path)


def _conditions(scope: "_Scope", spec: Obj, path: str = "spec") -> tuple[Expression, ...]:
    return tuple(
        scope.compile(f"{path}.matchConditions[{at}].expression", condition.get("expression", ""), ("bool",))
        for at, condition in enumerate(spec.get("matchConditions") or ())
    )


def _validation(scope: "_Scope", at: int, rule: Obj) -> Validation:
    path = f"spec.validations[{at}]"
    text = rule.get("messageExpression", "")
    return Validation(
        scope.compile(f"{path}.expression", rule.get("expression", ""), ("bool",)),
        rule.get("message", ""),
        scope.compile(f"{path}.messageExpression", text, ("string",), may_ask=False) if text.strip() else None,
        rule.get("reason", ""),
    )


def _annotation(scope: "_Scope", at: int, annotation: Obj) -> Expression:
    path = f"spec.auditAnnotations[{at}].valueExpression"
    return scope.compile(path, annotation.get("valueExpression", ""), ("string", "null_type"))


class _Scope:
    """What the next expression may refer to: a variable sees those before it, as in Kubernetes."""

    def __init__(self, inputs: Declarations) -> None:
        self._inputs = inputs
        self._variables: Declarations = ()
        self._known: cost.Known = ()

    def declare(self, name: str, expression: Expression) -> None:
        """Let later expressions read this one as `variables.name`."""
        # One that does not compile stays declared, so that what reads it fails for its error and not for an unknown
        # name.
        program = expression.program
        self._variables += ((VARIABLES + name, program.type if program else "dyn"),)
        if program:
            self._known += ((VARIABLES + name, cost.frozen(program.bounds.weight)),)

    def compile(self, path: str, source: str, types: tuple[str, ...], *, may_ask: bool = True) -> Expression:
        """Compile for a place that takes `types` (any, if none is given). `may_ask`: the authorizer is there."""
        declarations = (*self._inputs, *(_AUTHORITY if may_ask else ()), *self._variables)
        if tested := _TESTED_VARIABLE.search(source):
            why = f"has({tested[1]}) is not supported: it is always there"
            return Expression(path, source, None, f"compilation failed: ERROR: <input>: {why}")
        try:
            program = compile_program(source, declarations, self._known)
        except CompileError as error:
            text = _UNKNOWN_VARIABLE.sub(r"undefined field '\1'", str(error))
            return Expression(path, source, None, f"compilation failed: {text}")
        wrong = _wrong_type(program.type, types)
        names = tuple(sorted(name for name in program.tree.names() if name.startswith(VARIABLES)))
        return Expression(path, source, None if wrong else program, wrong, names)


def _wrong_type(type_: str, types: tuple[str, ...]) -> str:
    if not types:
        return f"a variable of type {type_} is not supported" if type_ in _UNBINDABLE else ""
    if type_ in types:
        return ""
    return f"must evaluate to {types[0]}" if len(types) == 1 else f"must evaluate to one of [{' '.join(types)}]"
