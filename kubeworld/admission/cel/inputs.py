"""The values that a policy's expressions read, for one request and one parameter object.

A variable is computed when an expression names it, once. One without a value is left unbound, so that an expression
which never reaches it still has one, as with the lazy variables of kube-apiserver.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from kubeworld.admission.cel.cel import AbsentVariable, Activation, EvaluationError, activate
from kubeworld.admission.cel.compiled import VARIABLES, Expression
from kubeworld.admission.cel.cost import Size
from kubeworld.admission.cel.matching import Request
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.versions import shown
from kubeworld.machine.identity import Identity, service_account
from kubeworld.machine.rbac import Access, Authorizer
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


class Facts:
    """What one request is to all policies that see it in one version and with one parameter object."""

    def __init__(self, world: World, request: Request, kind: Kind, parameter: Obj | None) -> None:
        """`kind` is the version in which the policy wants to see the object."""
        namespace = world.store.get("namespaces", "", request.namespace) if request.is_namespaced() else None
        objects = {
            "object": as_seen(kind, request, request.new),
            "oldObject": as_seen(kind, request, request.old),
            "params": parameter,
            "namespaceObject": namespace,
        }
        document = orjson.dumps(list(objects.values()))
        # One comma between two elements: no list has more of them than the whole document, plus one.
        self.size = Size(len(document), document.count(b",") + 1, tuple(objects.values()))
        check = {"group": kind.group, "resource": kind.plural, "subresource": request.subresource}
        check |= {"namespace": request.namespace, "name": request.name, "$check": ""}
        authority = {"authorizer": {"$check": ""}, "authorizer.requestResource": check}
        self.values: dict[str, Any] = {**objects, **authority, "request": admission_request(request, kind)}
        self.decide = _decider(world, request.identity)
        self.activation = activate(self.values, self.size, self.decide)


class Inputs:
    """Evaluates the expressions of one policy for one request."""

    def __init__(self, facts: Facts, variables: Mapping[str, Expression]) -> None:
        self._facts = facts
        self._variables = variables
        self._computed: dict[str, Any] = {}
        self._failures: dict[str, str] = {}
        self._activation: Activation | None = facts.activation
        self.is_skipped = False
        """The match conditions did not hold."""

    def evaluate(self, expression: Expression) -> Any:
        """Raises: EvaluationError."""
        assert expression.program is not None, expression.error
        for name in expression.variables:
            self._compute(name)
        if self._activation is None:
            values = {**self._facts.values, **self._computed}
            self._activation = activate(values, self._facts.size, self._facts.decide)
        try:
            return expression.program.evaluate(self._activation)
        except AbsentVariable as absent:
            # Only an expression that really reads the variable fails for it: `false && variables.x` does not.
            if (name := str(absent)) in self._failures:
                raise EvaluationError(self._failures[name]) from absent
            raise EvaluationError(f"no such attribute(s): {name}") from absent

    def _compute(self, name: str) -> None:
        if name in self._computed or name in self._failures:
            return
        short = name.removeprefix(VARIABLES)
        expression = self._variables[short]
        if expression.program is None:
            self._failures[name] = f'composited variable "{short}" fails to compile: {expression.error}'
            return
        try:
            self._computed[name] = self.evaluate(expression)
        except EvaluationError as error:
            self._failures[name] = f'composited variable "{short}" fails to evaluate: {error}'
        else:
            # Bound anew before the next evaluation, and not for each variable: most are read by one expression.
            self._activation = None


def as_seen(kind: Kind, request: Request, obj: Obj | None) -> Obj | None:
    """The object in the version that a policy or webhook names. What a subresource takes has one version only."""
    if obj is None or request.subresource not in ("", "status"):
        return obj
    return {**shown(kind, obj), "apiVersion": kind.api_version, "kind": kind.kind}


def admission_request(request: Request, kind: Kind) -> Obj:
    """`request` as CEL sees it: an AdmissionRequest without its objects; empty fields are absent."""
    asked, meant = _gvk(request.kind, request.subresource), _gvk(kind, request.subresource)
    resource = {"group": kind.group, "version": kind.version, "resource": kind.plural}
    of_request = {"group": request.kind.group, "version": request.kind.version, "resource": request.kind.plural}
    fields: Obj = {
        "kind": meant,
        "resource": resource,
        "subResource": request.subresource,
        "requestKind": asked,
        "requestResource": of_request,
        "requestSubResource": request.subresource,
        "name": request.name,
        "namespace": request.namespace,
        "operation": request.operation,
        "userInfo": {"username": request.identity.name, "groups": list(request.identity.groups)},
    }
    return {**{key: value for key, value in fields.items() if value}, "dryRun": request.is_dry_run, **_options(request)}


def _options(request: Request) -> Obj:
    names = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
    name = names.get(request.operation)
    if name is None:
        return {}
    return {"options": {"kind": name, "apiVersion": "meta.k8s.io/v1", **request.options}}


def _gvk(kind: Kind, subresource: str) -> Obj:
    if subresource and subresource != "status":
        sub = kind.subresources[subresource]
        return {"group": sub.group, "version": sub.version, "kind": sub.kind}
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _decider(world: World, identity: Identity) -> Callable[[Mapping[str, Any]], bool]:
    """Answers `allowed()` from the world's own RBAC."""

    def allowed(check: Mapping[str, Any]) -> bool:
        who = identity
        if account := str(check.get("account", "")):
            namespace, _, name = account.partition("/")
            who = service_account(namespace, name)
        authorizer, verb = Authorizer(world.store), str(check.get("verb", ""))
        if path := check.get("path"):
            return authorizer.allows_path(who, verb, str(path))
        text = {key: str(check.get(key, "")) for key in ("group", "resource", "subresource", "namespace", "name")}
        resource = text["resource"] + (f"/{text['subresource']}" if text["subresource"] else "")
        return authorizer.allows(who, Access(verb, text["group"], resource, text["namespace"], text["name"]))

    return allowed
