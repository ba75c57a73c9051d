"""Type checking of a policy against the schemas of the kinds that it matches: what its status warns of.

Fields that a kind does not have are found, also inside loops; that a field has another type is left to evaluation.
Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go
"""

from collections.abc import Iterator

from kubeworld.admission.cel.compiled import Expression, compiled
from kubeworld.admission.cel.syntax import Node
from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.registry import Registry
from kubeworld.machine.schema.definitions import Schema
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

# maxTypesToCheck of kube-apiserver: rules may name any number of kinds.
KINDS_LIMIT = 10
Scope = dict[str, Schema | None]


def expression_warnings(world: World, policy: Obj) -> list[Obj]:
    """`status.typeChecking.expressionWarnings`."""
    warnings = []
    kinds = list(_kinds(world, policy))[:KINDS_LIMIT]
    for validation in compiled(policy).validations:
        for expression in (validation.expression, validation.message_expression):
            texts = [text for kind in kinds if expression for text in _problems(expression, kind)]
            if expression and texts:
                warnings.append({"fieldRef": expression.path, "warning": "\n".join(texts)})
    return warnings


def _kinds(world: World, policy: Obj) -> Iterator[Kind]:
    """The kinds that the rules name one by one; wildcards are not expanded."""
    everything = [*KINDS, *Registry(world.store).custom().values()]
    for rule in policy["spec"]["matchConstraints"].get("resourceRules") or ():
        for kind in everything:
            if (
                kind.group in rule.get("apiGroups", ())
                and kind.version in rule.get("apiVersions", ())
                and kind.plural in rule.get("resources", ())
            ):
                yield kind


def _problems(expression: Expression, kind: Kind) -> Iterator[str]:
    program = expression.program
    if program is None:
        return
    undefined: list[tuple[Node, str]] = []
    _infer(program.tree.root, {"object": kind.schema, "oldObject": kind.schema}, undefined)
    for node, field in undefined:
        where = program.tree.report(program.source, node, f"undefined field '{field}'")
        yield f"{kind.api_version}, Kind={kind.kind}: {where}"


def _infer(node: Node, scope: Scope, undefined: list[tuple[Node, str]]) -> Schema | None:
    """The schema of what a node gives, if it is known; fields that are not there go into `found`."""
    if node.kind == "ident":
        return scope.get(node.text)
    if node.kind == "loop":
        return _loop(node, scope, undefined)
    parts = [_infer(part, scope, undefined) for part in node.parts]
    if node.kind == "select":
        return _field(node, parts[0], node.text, undefined)
    return _called(node, parts, undefined) if node.kind == "call" else None


def _called(node: Node, parts: list[Schema | None], undefined: list[tuple[Node, str]]) -> Schema | None:
    if node.text == "_?._":
        return _field(node, parts[0], node.parts[1].text, undefined)
    if node.text in ("_[_]", "_[?_]"):
        return parts[0].items if parts[0] is not None and parts[0].type in ("list", "map") else None
    if node.text == "_?_:_":
        return parts[1] or parts[2]
    return parts[0] if node.text in ("_+_", "orValue", "or") else None


def _field(node: Node, owner: Schema | None, name: str, undefined: list[tuple[Node, str]]) -> Schema | None:
    if owner is None or owner.type not in ("object", "map"):
        return None
    if owner.type == "map":
        return owner.items
    if name not in owner.fields and not owner.is_open:
        undefined.append((node, name))
    return owner.fields.get(name)


def _loop(node: Node, scope: Scope, undefined: list[tuple[Node, str]]) -> Schema | None:
    elements, start, condition, step, result = node.parts
    ranged = _infer(elements, scope, undefined)
    element = ranged.items if ranged is not None and ranged.type == "list" else None
    # What `filter` keeps is a list of what it went through.
    kept = ranged if step.kind == "call" and step.text == "_?_:_" else _infer(start, scope, undefined)
    inner: Scope = {**scope, node.text: element, node.accumulator: kept}
    for part in (condition, step):
        _infer(part, inner, undefined)
    return _infer(result, {**scope, node.accumulator: kept}, undefined)
