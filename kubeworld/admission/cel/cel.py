"""Compile and evaluate CEL: the one module that imports the runtime, and only when a policy exists.

Kubernetes' own types (quantities, URLs, the authorizer) are abstract to the type checker. The runtime cannot carry
such values through Python, so each expression is compiled twice: once to be checked, once with tagged maps in their
place to be run. Messages are given in the words of cel-go, which kube-apiserver uses.
Language: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from kubeworld.admission.cel import cost, library
from kubeworld.admission.cel.syntax import Tree, read_tree

if TYPE_CHECKING:
    from cel_expr_python import cel as vendor

Declarations = tuple[tuple[str, str], ...]
"""(name, type) of what an expression may use: `dyn`, `bool`, `list(int)`, or a tag of `library.TYPES`."""
# Programs hold nothing of a world, so all worlds of a process share them: a policy is compiled once in thousands of
# episodes.
PROGRAMS_KEPT = 1024
ENVIRONMENTS_KEPT = 64
"""Each takes 0.4 MB and 2 ms to make; a policy needs one for each of its variables and one or two more."""
_IN_PYTHON = frozenset(function.name for function in library.FUNCTIONS)
# What the runtime's C++ adds to a message, and cel-go does not: status names before and after.
_STATUS = re.compile(r"^[A-Z_]+: ")
_CODE = re.compile(r" \[[A-Z_]+\]$")
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r'^Key not found in map : "?(.*?)"?$'), r"no such key: \1"),
    (re.compile(r"^No matching overloads found.*"), "no such overload"),
    (re.compile(r"^Applying SELECT to non-message type.*"), "no such overload"),
    (re.compile(r"^Invalid container type.*"), "no such overload"),
    (re.compile(r"^Index error: index=(-?\d+).*"), r"index out of bounds: \1"),
    (re.compile(r"^divide by zero$"), "division by zero"),
    (re.compile(r"^Iteration budget exceeded.*"), cost.EXCEEDED),
)
_ABSENT = re.compile(r'^No value with name "(.+)" found in Activation$')


class CompileError(Exception):
    """The expression is not CEL, does not type-check, or uses what is not supported. `str()` says where and why."""


class EvaluationError(Exception):
    """The expression has no value for this input."""


class AbsentVariable(EvaluationError):
    """A declared variable has no value in the bindings. `str()` is its name."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression. Holds nothing of any world."""

    source: str
    type: str
    """What it gives: `bool`, `string`, `dyn`, `list(int)`, or a tag of `library.TYPES`."""
    tree: Tree
    bounds: cost.Bounds
    _expression: vendor.Expression

    def evaluate(self, activation: Activation) -> Any:
        """Its value as plain Python. Raises: EvaluationError."""
        if not self.bounds.allow(activation.size):
            raise EvaluationError(cost.EXCEEDED)
        try:
            result = self._expression.eval(activation.bindings)
            # An error is a value of CEL: some come back as one, others are raised on the way.
            if result.type().name() == "ERROR":
                raise _worded(str(result.value()))
            return result.plain_value()
        except (RuntimeError, TypeError, ValueError) as error:
            raise _worded(str(error)) from error


@dataclass(frozen=True, slots=True)
class Activation:
    """Values for the declared names, converted once for all expressions that read them."""

    bindings: vendor.Activation
    size: cost.Size


def _worded(text: str) -> EvaluationError:
    text = _CODE.sub("", _STATUS.sub("", text))
    if absent := _ABSENT.match(text):
        return AbsentVariable(absent[1])
    for pattern, words in _WORDS:
        if pattern.match(text):
            return EvaluationError(pattern.sub(words, text))
    return EvaluationError(text)


@lru_cache(maxsize=PROGRAMS_KEPT)
def compile_program(source: str, declarations: Declarations, known: cost.Known = ()) -> Program:
    """`source` checked and ready to run; `known` bounds declared variables. Raises: CompileError."""
    checking, running = _environments(declarations)
    checked = _compile(checking, source)
    tree = read_tree(checked.serialize())
    if problem := library.unsupported(tree):
        raise CompileError(tree.report(source, problem.node, problem.text))
    return Program(
        source, _name(checked.return_type()), tree, cost.bounds(tree, known, _IN_PYTHON), _compile(running, source)
    )


def _compile(environment: vendor.Env, source: str) -> vendor.Expression:
    try:
        return environment.compile(source)
    except (RuntimeError, TypeError, ValueError) as error:
        text = _CODE.sub("", str(error))
        raise CompileError(_STATUS.sub("", text) if not text.startswith("ERROR: ") else text) from error


def activate(values: Mapping[str, Any], size: cost.Size, decide: Callable[[Mapping[str, str]], bool]) -> Activation:
    """`values` bound to their names. `decide` answers for `authorizer....allowed()`."""
    kind = _vendor().Type.MAP
    functions = [_vendor().Function("allowed", [kind], True, decide, _vendor().Type.BOOL)]
    return Activation(_binder().Activation(dict(values), functions), size)


@cache
def _vendor() -> Any:
    from cel_expr_python import cel

    return cel


@cache
def _binder() -> vendor.Env:
    """Bindings do not depend on what is declared, so one environment makes them all."""
    return _environments(())[1]


@lru_cache(maxsize=ENVIRONMENTS_KEPT)
def _environments(declarations: Declarations) -> tuple[vendor.Env, vendor.Env]:
    """(for checking, for running)."""
    return _environment(declarations, abstract=True), _environment(declarations, abstract=False)


def _environment(declarations: Declarations, *, abstract: bool) -> vendor.Env:
    from cel_expr_python.ext import ext_optional, ext_strings

    declared = {name: _type(text, abstract=abstract) for name, text in declarations}
    # Version 2 of the strings extension is what kube-apiserver v1.32 enables.
    extensions = [ext_strings.ExtStrings(2), ext_optional.ExtOptional()]
    functions = _functions(abstract=abstract)
    if abstract:
        return _vendor().NewEnv(variables=declared, extensions=extensions, functions=functions)
    # Only an extension may leave a function to be bound later, and only plain declarations may differ in list types.
    extensions.append(_vendor().CelExtension("kubernetes", functions))
    return _vendor().NewEnv(variables=declared, extensions=extensions)


@cache
def _functions(*, abstract: bool) -> list[vendor.FunctionDecl]:
    """Kubernetes' functions: their exact types for the checker, what the runtime can tell apart for running."""
    cel = _vendor()
    overloads: dict[tuple[str, bool, tuple[str, ...]], tuple[library.Function, Any]] = {}
    for at, function in enumerate(library.FUNCTIONS):
        kinds = function.parameters if abstract else tuple(_erased(text) for text in function.parameters)
        given = _type(function.result if abstract else "dyn", abstract=abstract)
        more: dict[str, Any] = {} if abstract or function.run is None else {"impl": function.run}
        parameters = [_type(text, abstract=abstract) for text in kinds]
        overload = cel.Overload(f"kubernetes_{at}", given, parameters, is_member=function.is_member, **more)
        overloads.setdefault((function.name, function.is_member, kinds), (function, overload))
    names = dict.fromkeys(function.name for function, _ in overloads.values())
    return [
        cel.FunctionDecl(name, [overload for function, overload in overloads.values() if function.name == name])
        for name in names
    ]


def _erased(text: str) -> str:
    """As the runtime dispatches: a list is a list, and a value of Kubernetes' own types is a map."""
    if text in library.TYPES:
        return "map"
    return "list(dyn)" if text.startswith("list(") else text


@lru_cache(maxsize=512)
def _type(text: str, *, abstract: bool) -> vendor.Type:
    kind = _vendor().Type
    if text in library.TYPES:
        return kind.AbstractType(text) if abstract else kind.MAP
    if text.startswith("list("):
        return kind.List(_type(text[5:-1], abstract=abstract))
    scalar: vendor.Type = getattr(kind, text.upper(), kind.DYN)
    return scalar


def _name(kind: vendor.Type) -> str:
    """The type's name. Maps and other types of no use to a declaration are `dyn`, which is checked at run time."""
    text = str(kind.name())
    if text in library.TYPES:
        return text
    if "optional_type<" in text:
        return "optional_type"
    lowered = text.partition("<")[0].lower()
    if lowered == "list":
        inner = text.removeprefix("LIST<").removesuffix(">").lower()
        return f"list({inner})" if inner in _SCALARS else "list(dyn)"
    return {"map": "dyn", "null": "null_type"}.get(lowered, lowered)


_SCALARS = ("bool", "int", "double", "string", "dyn")
