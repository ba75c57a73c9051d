"""What the rules of a namespace let an identity do: as a rules review tells it, as Kubernetes' RBAC reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import orjson

MAX_RIGHTS = 20_000
"""That one rule may spell. Nobody writes such a rule by hand; a hostile answer would cost minutes."""


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that an identity might do to objects."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True

    def __str__(self) -> str:
        """As `of` reads it: `patch deployments.apps/scale`."""
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}" + (f"/{self.subresource}" if self.subresource else "")

    @property
    def path(self) -> str:
        """As a rule spells it: `pods`, `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @classmethod
    def of(cls, verb: str, group: str, path: str, *, namespaced: bool = True) -> "Access":
        """A right as a rule spells it."""
        resource, _, subresource = path.partition("/")
        return cls(verb, resource, group, subresource, namespaced)


@dataclass(frozen=True, slots=True)
class PathAccess:
    """One thing that an identity might do to a path of the server that is no object."""

    verb: str
    path: str

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


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
        is_about = bool(self.verbs & {"*", access.verb}) and bool(self.groups & {"*", access.group})
        return is_about and bool(self.resources & spelt)

    def rights(self) -> Iterator[Access]:
        """Each right that it spells, wildcards as they stand; the first `MAX_RIGHTS` of them.

        To RBAC a rule without groups or resources is about nothing; what it is to another authorizer nobody knows.
        """
        spelt = product(sorted(self.verbs), sorted(self.groups or {"*"}), sorted(self.resources or {"*"}))
        for verb, group, path in islice(spelt, MAX_RIGHTS):
            yield Access.of(verb, group, path)

    @property
    def is_endless(self) -> bool:
        """Whether `rights` leaves some out."""
        return len(self.verbs) * len(self.groups) * len(self.resources) > MAX_RIGHTS


@dataclass(frozen=True, slots=True)
class PathRule:
    """One rule of a rules review about paths."""

    verbs: frozenset[str]
    paths: frozenset[str]

    def rights(self) -> Iterator[PathAccess]:
        """Each right that it spells; the first `MAX_RIGHTS` of them."""
        for verb, path in islice(product(sorted(self.verbs), sorted(self.paths)), MAX_RIGHTS):
            yield PathAccess(verb, path)

    @property
    def is_endless(self) -> bool:
        """Whether `rights` leaves some out."""
        return len(self.verbs) * len(self.paths) > MAX_RIGHTS


@dataclass(frozen=True, slots=True)
class Grants:
    """The rules that reach an identity in one namespace, as far as the server tells them."""

    rules: tuple[Rule, ...] = ()
    paths: tuple[PathRule, ...] = ()
    is_complete: bool = False
    """Whether the server says that these are all."""

    @classmethod
    def read(cls, body: bytes) -> "Grants":
        """Of a SelfSubjectRulesReview. Nothing, and not complete, if it is no such answer."""
        try:
            status = orjson.loads(body)["status"]
            return cls(
                tuple(_rule(rule) for rule in status.get("resourceRules") or ()),
                tuple(
                    PathRule(_words(rule, "verbs"), _words(rule, "nonResourceURLs"))
                    for rule in status.get("nonResourceRules") or ()
                ),
                is_complete=status["incomplete"] is False and not status.get("evaluationError"),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            return cls()

    def give(self, access: Access) -> bool:
        """Whether it may be done to any object."""
        return any(rule.gives(access) and not rule.names for rule in self.rules)


def _rule(rule: dict[str, Any]) -> Rule:
    return Rule(*(_words(rule, key) for key in ("verbs", "apiGroups", "resources", "resourceNames")))


def _words(rule: dict[str, Any], key: str) -> frozenset[str]:
    words = rule.get(key) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{key} is not a list of words")
    return frozenset(words)
