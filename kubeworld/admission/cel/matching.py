"""Which requests a policy or a binding is about: resource rules, selectors, match policy.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/matching/matching.go
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeworld.kinds.catalogue import KINDS
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.namespace import NAMESPACE
from kubeworld.kinds.registry import Registry
from kubeworld.machine import selectors
from kubeworld.machine.identity import Identity
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


@dataclass(frozen=True)
class Request:
    """What admission knows of one write. Whole objects are as the store has them."""

    kind: Kind
    """Of the path: that of Deployments also for their scale."""
    operation: str
    """CREATE, UPDATE, DELETE or CONNECT."""
    name: str
    namespace: str
    identity: Identity
    new: Obj | None
    old: Obj | None
    subresource: str = ""
    is_dry_run: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def is_namespaced(self) -> bool:
        """Whether it is about something in a namespace; a Namespace itself is not."""
        return bool(self.namespace) and self.kind is not NAMESPACE


def match(world: World, resources: Obj | None, request: Request) -> Kind | None:
    """The resource type as which `resources` means this request, or None if it does not mean it."""
    if resources is None:
        return request.kind
    if not _namespace_matches(world, resources, request) or not _object_matches(resources, request):
        return None
    equivalent = resources.get("matchPolicy", "Equivalent") == "Equivalent"
    if _first(world, resources.get("excludeResourceRules") or (), request, equivalent=equivalent):
        return None
    rules = resources.get("resourceRules") or ()
    return _first(world, rules, request, equivalent=equivalent) if rules else request.kind


def _first(world: World, rules: Iterable[Obj], request: Request, *, equivalent: bool) -> Kind | None:
    """The request's own version if a rule names it, else the first other version of the same resource."""
    rules = list(rules)
    # A rule for the version that was asked for goes before one for an equivalent: then nothing has to be converted.
    if any(_rule_matches(rule, request.kind, request) for rule in rules):
        return request.kind
    if not equivalent:
        return None
    for kind in _other_versions(world, request.kind):
        if any(_rule_matches(rule, kind, request) for rule in rules):
            return kind
    return None


def _other_versions(world: World, kind: Kind) -> Iterable[Kind]:
    return _others(Registry(world.store).custom().values(), kind) if kind.is_custom else _BUILT_IN_OTHERS[kind]


def _others(kinds: Iterable[Kind], kind: Kind) -> tuple[Kind, ...]:
    """Versions of `kind` among `kinds` that are not itself."""
    same = (other for other in kinds if other.table == kind.table and other.kind == kind.kind)
    return tuple(other for other in same if other is not kind)


_BUILT_IN_OTHERS = {kind: _others(KINDS, kind) for kind in KINDS}


def _rule_matches(rule: Obj, kind: Kind, request: Request) -> bool:
    names = rule.get("resourceNames")
    return (
        _has(rule.get("operations"), request.operation)
        and _has(rule.get("apiGroups"), kind.group)
        and _has(rule.get("apiVersions"), kind.version)
        and _resource_matches(rule.get("resources") or (), kind.plural, request.subresource)
        and rule.get("scope", "*") in ("*", "Namespaced" if request.is_namespaced() else "Cluster")
        and (not names or request.name in names)
    )


def _has(values: Any, wanted: str) -> bool:
    return bool(values) and ("*" in values or wanted in values)


def _resource_matches(resources: Iterable[str], plural: str, subresource: str) -> bool:
    for text in resources:
        resource, _, sub = text.partition("/")
        if resource in ("*", plural) and sub in ("*", subresource):
            return True
    return False


def _namespace_matches(world: World, resources: Obj, request: Request) -> bool:
    selector = resources.get("namespaceSelector")
    if not selector:
        return True
    if request.kind is NAMESPACE:
        # A namespace is selected by its own labels, and on a write by those that it is about to have.
        if request.operation in ("CREATE", "UPDATE") and request.new is not None and not request.subresource:
            return selectors.matches(selector, _labels(request.new))
        return selectors.matches(selector, _labels(world.store.get("namespaces", "", request.name) or {}))
    # Objects without a namespace cannot be ruled out by one (namespace/matcher.go).
    if not request.namespace:
        return True
    return selectors.matches(selector, _labels(world.store.get("namespaces", "", request.namespace) or {}))


def _object_matches(resources: Obj, request: Request) -> bool:
    selector = resources.get("objectSelector")
    if not selector:
        return True
    # Either version is enough: dropping a label must not be the way around a policy.
    return any(selectors.matches(selector, _labels(obj)) for obj in (request.new, request.old) if obj is not None)


def _labels(obj: Obj) -> Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}
