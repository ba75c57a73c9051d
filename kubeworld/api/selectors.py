"""Label and field selectors: parsed once, cached by their text, evaluated against plain dicts."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kubeworld.kinds.errors import bad_request
from kubeworld.kinds.resources import ResourceType
from kubeworld.machine.store import Obj

Requirement = tuple[str, str, frozenset[str]]
"""(key, operator, values); operators: in, notin, exists, absent, gt, lt."""

_SET = re.compile(r"^([^\s()!=,]+)\s+(in|notin)\s*\(([^()]*)\)$")
_PAIR = re.compile(r"^([^\s()!=,<>]+)\s*(==|=|!=|>|<)\s*([^\s()!=,]*)$")
_INTEGER = re.compile(r"^-?\d{1,18}$")
_KEY = re.compile(r"^!?\s*[A-Za-z0-9][A-Za-z0-9./_-]*$")


@lru_cache(maxsize=4096)
def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Requirements of a label selector as kubectl writes it. Raises: ApiError 400."""
    requirements: list[Requirement] = []
    for part in _split(text):
        if match := _SET.match(part):
            values = frozenset(value.strip() for value in match[3].split(","))
            requirements.append((match[1], match[2], values))
        elif match := _PAIR.match(part):
            operator = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}[match[2]]
            requirements.append((match[1], operator, frozenset({match[3]})))
        elif _KEY.match(part):
            absent = part.startswith("!")
            requirements.append((part.lstrip("! "), "absent" if absent else "exists", frozenset()))
        else:
            raise bad_request(f"unable to parse requirement: found '{part}', expected: a label selector")
    return tuple(requirements)


def _split(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    parts: list[str] = []
    depth = start = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def labels_match(requirements: tuple[Requirement, ...], labels: Mapping[str, str]) -> bool:
    """Whether all requirements hold."""
    return all(_holds(requirement, labels) for requirement in requirements)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    value = labels.get(key)
    if operator in ("in", "notin"):
        return (value in values) is (operator == "in")
    if operator in ("exists", "absent"):
        return (value is not None) is (operator == "exists")
    bound = next(iter(values))
    # Gt and Lt compare integers; what is none never matches.
    if value is None or not all(_INTEGER.match(text) for text in (value, bound)):
        return False
    return int(value) > int(bound) if operator == "gt" else int(value) < int(bound)


@lru_cache(maxsize=4096)
def parse_fields(text: str, kind: ResourceType) -> tuple[tuple[tuple[str, ...], bool, str], ...]:
    """(path, equal, value) of each term. Raises: ApiError 400 for a field that the kind does not index."""
    terms = []
    for part in _split(text):
        match = _PAIR.match(part)
        if match is None or match[2] in "<>":
            raise bad_request(f"invalid field selector: {text}; can't understand '{part}'")
        # Only indexed fields can be selected: each kind has its own short list (the AddFieldLabelConversionFunc of its
        # group).
        if match[1] not in kind.fields:
            if kind.is_custom or kind.fields - {"metadata.name", "metadata.namespace"}:
                raise bad_request(f"field label not supported: {match[1]}")  # kubectl adds what it looked for
            known = 'only "metadata.name", "metadata.namespace"'
            raise bad_request(f'"{match[1]}" is not a known field selector: {known}')
        terms.append((tuple(match[1].split(".")), match[2] != "!=", match[3]))
    return tuple(terms)


def field_value(obj: Obj, path: tuple[str, ...]) -> str:
    """The field as selectors compare it: absent is empty, booleans are words."""
    node: Any = obj
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict):  # `source` of an event means its component
        node = node.get("component", "")
    if node is None:
        return "false" if path[-1] in ("unschedulable", "hostNetwork") else ""
    return str(node).lower() if isinstance(node, bool) else str(node)


def matcher(labels: str, fields: str, kind: ResourceType) -> Callable[[Obj], bool] | None:
    """A predicate for list and watch, or None when everything matches. Raises: ApiError 400."""
    if not labels and not fields:
        return None
    requirements = parse_labels(labels)
    terms = parse_fields(fields, kind)

    def matches(obj: Obj) -> bool:
        if requirements and not labels_match(requirements, obj["metadata"].get("labels") or {}):
            return False
        return all((field_value(obj, path) == value) is equal for path, equal, value in terms)

    return matches
