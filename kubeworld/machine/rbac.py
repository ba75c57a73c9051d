"""Authorization from the Role, ClusterRole and binding objects in the store, with cached decisions."""

from dataclasses import dataclass
from typing import Any

from kubeworld.machine import selectors
from kubeworld.machine.identity import AUTHENTICATED, Identity
from kubeworld.machine.store import Change, Obj, Store

_TABLES = tuple(
    f"{name}.rbac.authorization.k8s.io" for name in ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
)

# What system:discovery, system:public-info-viewer and system:basic-user give everyone who is authenticated.
_DISCOVERY_PATHS = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/")
_HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
_SELF_REVIEWS: tuple[Obj, ...] = (
    {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
    },
    {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
)
_DISCOVERY: Obj = {"nonResourceURLs": [*_DISCOVERY_PATHS, *_HEALTH_PATHS], "verbs": ["get"]}


@dataclass(frozen=True, slots=True)
class Access:
    """What one request wants. `resource` carries its subresource: `pods/log`."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str


class Authorizer:
    """Answers whether an identity may do something; forgets its answers when an RBAC object changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._log: list[Change] | None = None
        self._revision = -1
        self._objects: list[Obj] = []
        self._decisions: dict[tuple[Identity, Access], bool] = {}
        self._rules: dict[tuple[Identity, str], list[Obj]] = {}

    def allows(self, identity: Identity, access: Access) -> bool:
        """Members of system:masters may do anything; everyone else what a binding grants."""
        # Before any rule is looked at, as kube-apiserver does: a broken role must not lock the administrator out.
        if identity.is_admin:
            return True
        self._refresh()
        key = (identity, access)
        decision = self._decisions.get(key)
        if decision is None:
            rules = self.rules(identity, access.namespace)
            decision = any(_rule_allows(rule, access) for rule in rules)
            self._decisions[key] = decision
        return decision

    def allows_path(self, identity: Identity, verb: str, path: str) -> bool:
        """Non-resource URLs."""
        if identity.is_admin or path in _HEALTH_PATHS:
            return True
        self._refresh()
        return any(
            _path_matches(rule.get("nonResourceURLs") or (), path) and _has(rule.get("verbs"), verb)
            for rule in self.rules(identity, "")
        )

    def rules(self, identity: Identity, namespace: str) -> list[Obj]:
        """All rules that reach `identity` in `namespace`; an empty namespace means the cluster scope."""
        self._refresh()
        key = (identity, namespace)
        if (cached := self._rules.get(key)) is not None:
            return cached
        rules: list[Obj] = [*_SELF_REVIEWS, _DISCOVERY] if AUTHENTICATED in identity.groups else []
        for binding in self._store.objects(_TABLES[1]):
            if _binds(binding, identity):
                rules += self._rules_of(binding["roleRef"], "")
        if namespace:
            for binding in self._store.objects(_TABLES[3], namespace):
                if _binds(binding, identity):
                    rules += self._rules_of(binding["roleRef"], namespace)
        self._rules[key] = rules
        return rules

    def _rules_of(self, reference: Obj, namespace: str) -> list[Obj]:
        if reference["kind"] == "Role":
            role = self._store.get(_TABLES[2], namespace, reference["name"])
            return list((role or {}).get("rules") or ())
        role = self._store.get(_TABLES[0], "", reference["name"])
        if role is None:
            return []
        rules = list(role.get("rules") or ())
        # The controller that writes these into the role may not have run yet, or not be part of this world.
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            for other in self._store.objects(_TABLES[0]):
                if other is not role and selectors.matches(selector, other["metadata"].get("labels") or {}):
                    rules += other.get("rules") or ()
        return rules

    def _refresh(self) -> None:
        """Forget decisions if an RBAC object changed, or the world went back to another history."""
        store = self._store
        if store.revision == self._revision and store.log is self._log:
            return
        objects = [obj for table in _TABLES for obj in store.objects(table)]
        # By identity: a commit makes new objects, so the same ones are the same rules. Nearly every write is of another
        # kind.
        same = len(objects) == len(self._objects) and all(
            new is old for new, old in zip(objects, self._objects, strict=True)
        )
        if not same:
            self._decisions.clear()
            self._rules.clear()
            self._objects = objects
        self._revision, self._log = store.revision, store.log


def _binds(binding: Obj, identity: Identity) -> bool:
    return any(_is_subject(subject, identity) for subject in binding.get("subjects") or ())


def _is_subject(subject: Obj, identity: Identity) -> bool:
    if subject["kind"] == "ServiceAccount":
        return identity.service_account == (subject.get("namespace", ""), subject["name"])
    if subject["kind"] == "Group":
        return subject["name"] in identity.groups
    return subject["kind"] == "User" and subject["name"] == identity.name


def _has(values: Any, wanted: str) -> bool:
    return bool(values) and ("*" in values or wanted in values)


def _rule_allows(rule: Obj, access: Access) -> bool:
    if not _has(rule.get("verbs"), access.verb) or not _has(rule.get("apiGroups"), access.group):
        return False
    resources = rule.get("resources") or ()
    _, _, subresource = access.resource.partition("/")
    # `pods` does not grant `pods/log`: a subresource is named itself, or by `*/log` (ResourceMatches).
    if not _has(resources, access.resource) and not (subresource and f"*/{subresource}" in resources):
        return False
    names = rule.get("resourceNames")
    # A list or a creation has no name, so a rule with resourceNames never grants it.
    return not names or access.name in names


def _path_matches(patterns: Any, path: str) -> bool:
    return any(path == pattern or (pattern.endswith("*") and path.startswith(pattern[:-1])) for pattern in patterns)
