"""What the rules of a namespace let an identity do, as Kubernetes' RBAC reads them and, for what must not be, wider."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that an identity might do."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True
    name: str = ""
    """Of one object; empty: of any.

    What AOI needs or refuses is asked without one."""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}" + (f"/{self.subresource}" if self.subresource else "")

    @property
    def path(self) -> str:
        """As a rule spells it: `pods`, `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a rules review."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    """Objects that it is limited to; empty: none."""

    def gives(self, access: Access) -> bool:
        """Whether it allows this verb on this resource, of some object at least."""
        spelt = {"*", access.path} | ({f"*/{access.subresource}"} if access.subresource else set())
        return self._is_about(access) and bool(self.resources & spelt)

    def touches(self, access: Access) -> bool:
        """The same, and what an authorizer that is not RBAC could mean by `pods/*` or `*/*`."""
        return self.gives(access) or (self._is_about(access) and bool(self.resources & {"*/*", f"{access.resource}/*"}))

    def _is_about(self, access: Access) -> bool:
        return bool(self.verbs & {"*", access.verb}) and bool(self.groups & {"*", access.group})


@dataclass(frozen=True, slots=True)
class Grants:
    """The rules that reach an identity in one namespace, all of them."""

    rules: tuple[Rule, ...]

    @classmethod
    def read(cls, body: bytes) -> "Grants | None":
        """Of a SelfSubjectRulesReview. None if the server says that they are not all, or it is no such answer."""
        try:
            status = orjson.loads(body)["status"]
            if status["incomplete"] is not False or status.get("evaluationError"):
                return None
            return cls(tuple(_rule(rule) for rule in status.get("resourceRules") or ()))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            return None

    def give(self, access: Access) -> bool:
        """Whether it may be done to any object."""
        return any(rule.gives(access) and not rule.names for rule in self.rules)

    def touch(self, access: Access) -> bool:
        """Whether it might be done to some object."""
        return any(rule.touches(access) for rule in self.rules)

    def names(self, access: Access) -> frozenset[str]:
        """Objects by name that it might be done to."""
        return frozenset(name for rule in self.rules if rule.touches(access) for name in rule.names)


def _rule(rule: dict[str, Any]) -> Rule:
    return Rule(*(_words(rule, key) for key in ("verbs", "apiGroups", "resources", "resourceNames")))


def _words(rule: dict[str, Any], key: str) -> frozenset[str]:
    words = rule.get(key) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{key} is not a list of words")
    return frozenset(words)
