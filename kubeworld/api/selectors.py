"""Label and field selectors: parsed once, cached by their text, evaluated against plain dicts."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kubeworld.kinds.errors import bad_request
from kubeworld.kinds.kind import Kind
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj

Requirement = tuple[str, str, frozenset[str]]
"""(key, operator, values), the operators as `kubeworld.machine.selectors` knows them."""

_SET = re.compile(r"^([^\s()!=,]+)\s+(in|notin)\s*\(([^()]*)\)$")
_PAIR = re.compile(r"^([^\s()!=,<>]+)\s*(==|=|!=|>|<)\s*([^\s()!=,]*)$")
_OPERATORS = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_KEY = re.compile(r"^!?\s*[A-Za-z0-9][A-Za-z0-9./_-]*$")


@lru_cache(maxsize=4096)
def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Requirements of a label selector as kubectl writes it. Raises: ApiError 400."""
    requirements: list[Requirement] = []
    for part in _split(text):
        if match := _SET.match(part):
            values = frozenset(value.strip() for value in match[3].split(","))
            requirements.append((match[1], "In" if match[2] == "in" else "NotIn", values))
        elif match := _PAIR.match(part):
            requirements.append((match[1], _OPERATORS[match[2]], frozenset({match[3]})))
        elif _KEY.match(part):
            absent = part.startswith("!")
            requirements.append((part.lstrip("! "), "DoesNotExist" if absent else "Exists", frozenset()))
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


@lru_cache(maxsize=4096)
def parse_fields(text: str, kind: Kind) -> tuple[tuple[tuple[str, ...], bool, str], ...]:
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


def matcher(label_selector: str, field_selector: str, kind: Kind) -> Callable[[Obj], bool] | None:
    """A predicate for list and watch, or None when everything matches. Raises: ApiError 400."""
    if not label_selector and not field_selector:
        return None
    requirements = parse_labels(label_selector)
    terms = parse_fields(field_selector, kind)

    def matches(obj: Obj) -> bool:
        labels = obj["metadata"].get("labels") or {}
        if not all(selectors.holds(labels, *requirement) for requirement in requirements):
            return False
        return all((field_value(obj, path) == value) is equal for path, equal, value in terms)

    return matches
