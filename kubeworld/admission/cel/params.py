"""The parameter objects that a binding hands to its policy.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go, CollectParams
"""

from kubeworld.admission.cel.matching import Request
from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.registry import Registry
from kubeworld.kinds.versions import shown
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_KINDS = {(kind.api_version, kind.kind): kind for kind in reversed(KINDS) if kind.verbs and "list" in kind.verbs}


class Misconfigured(Exception):
    """The policy or the binding cannot be used as it is; the failure policy decides."""


def params_of(world: World, policy: Obj, binding: Obj, request: Request) -> list[Obj | None]:
    """One entry for each evaluation: [None] without parameters, [] if there is nothing to evaluate.

    Raises: Misconfigured.
    """
    wanted, reference = policy["spec"].get("paramKind"), binding["spec"].get("paramRef")
    if not wanted:
        return [None]
    # Before the reference is looked at: an unknown kind makes the policy unusable for every binding.
    kind = _kind(world, wanted)
    if not reference:
        return [None]
    parameters = [shown(kind, obj) for obj in _objects(world, kind, reference, request)]
    if not parameters and reference.get("parameterNotFoundAction") == "Deny":
        raise Misconfigured(
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        )
    return list(parameters)


def _kind(world: World, wanted: Obj) -> Kind:
    api_version, name = wanted.get("apiVersion", ""), wanted.get("kind", "")
    known = _KINDS.get((api_version, name))
    if known is not None:
        return known
    for kind in Registry(world.store).custom().values():
        if (kind.api_version, kind.kind) == (api_version, name):
            return kind
    text = f"{api_version}, Kind={name}"
    raise Misconfigured(f"failed to configure policy: failed to find resource referenced by paramKind: '{text}'")


def _objects(world: World, kind: Kind, reference: Obj, request: Request) -> list[Obj]:
    namespace = reference.get("namespace", "")
    if not kind.namespaced:
        if namespace:
            raise Misconfigured(
                "failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
            )
    elif not namespace:
        if not request.is_namespaced():
            raise Misconfigured(
                "failed to configure binding: cannot use namespaced paramRef in policy binding that matches "
                "cluster-scoped resources"
            )
        # Parameters without a namespace are those of wherever the request is.
        namespace = request.namespace
    if name := reference.get("name"):
        obj = world.store.get(kind.table, namespace, name)
        return [] if obj is None else [obj]
    objects = world.store.objects(kind.table, namespace if kind.namespaced else None)
    selector = reference.get("selector")
    return [obj for obj in objects if selectors.matches(selector, obj["metadata"].get("labels") or {})]
