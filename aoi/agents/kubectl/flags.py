"""Flags of the command line: which verb takes which, and what their values may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aoi.access.reading import MAX_LOG_LINES, MAX_SELECTOR
from aoi.errors import CommandRefused

_CONTAINER = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SELECTOR = re.compile(r"[A-Za-z0-9._/,=!() -]+")
_FIELD = re.compile(
    r"(metadata\.name|status\.phase|spec\.nodeName|spec\.unschedulable|type|reason"
    r"|involvedObject\.(kind|name|uid))(=|==|!=)[A-Za-z0-9._-]*"
)
_SORT = re.compile(r"\{?\.?([A-Za-z]{1,40}(\.[A-Za-z]{1,40}){0,4})\}?")
_SINCE = re.compile(r"([0-9]{1,6})(s|m|h)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600}

Options = dict[str, Any]
"""Keyword arguments of the `ReadCommand` under construction."""
Take = Callable[[str, Options], bool]
"""Puts one flag's checked value into the options; False if the value does not fit."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One allowed flag: where its value goes and what fits."""

    take: Take
    is_switch: bool = False


def _text(key: str, pattern: re.Pattern[str], limit: int = MAX_SELECTOR) -> Flag:
    def take(value: str, options: Options) -> bool:
        options[key] = value
        return len(value) <= limit and pattern.fullmatch(value) is not None

    return Flag(take)


def _choice(key: str, *values: str) -> Flag:
    def take(value: str, options: Options) -> bool:
        options[key] = value
        return value in values

    return Flag(take)


def _number(key: str, low: int, high: int, *, unlimited: str = "") -> Flag:
    """A decimal integer in range; `unlimited` is the one spelling that leaves the option unset."""

    def take(value: str, options: Options) -> bool:
        if unlimited and value == unlimited:
            return True
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            return False
        options[key] = int(value)
        return low <= int(value) <= high

    return Flag(take)


def _switch(key: str, *, inverted: bool = False) -> Flag:
    def take(value: str, options: Options) -> bool:
        options[key] = (value == "true") != inverted
        return value in ("true", "false")

    return Flag(take, is_switch=True)


def _since(value: str, options: Options) -> bool:
    match = _SINCE.fullmatch(value)
    if match is None:
        return False
    options["since_s"] = int(match[1]) * _UNIT_S[match[2]]
    return 0 < options["since_s"] <= 31_536_000


def _fields(value: str, options: Options) -> bool:
    options["fields"] = value
    return len(value) <= MAX_SELECTOR and all(_FIELD.fullmatch(part) for part in value.split(","))


def _sort(value: str, options: Options) -> bool:
    match = _SORT.fullmatch(value)
    options["sort_by"] = match[1] if match else ""
    return match is not None and value.startswith("{") == value.endswith("}")


def _for(value: str, options: Options) -> bool:
    options["for"] = value
    return value.count("/") == 1


def _never(value: str, options: Options) -> bool:
    return value == "false"


_LABELS = _text("labels", _SELECTOR)
FLAGS: Mapping[str, Mapping[str, Flag]] = {
    "get": {
        "output": _choice("output", "wide", "yaml", "json", "name"),
        "selector": _LABELS,
        "field-selector": Flag(_fields),
        "sort-by": Flag(_sort),
        "show-labels": _switch("show_labels"),
        "no-headers": _switch("headers", inverted=True),
        "ignore-not-found": _switch("ignore_not_found"),
    },
    "describe": {"selector": _LABELS, "show-events": _switch("show_events")},
    "logs": {
        "container": _text("container", _CONTAINER, 63),
        "selector": _LABELS,
        "previous": _switch("previous"),
        "timestamps": _switch("timestamps"),
        "all-containers": _switch("all_containers"),
        "tail": _number("tail", 0, MAX_LOG_LINES, unlimited="-1"),
        "since": Flag(_since),
    },
    "events": {"for": Flag(_for), "types": _choice("event_type", "Warning", "Normal"),
               "no-headers": _switch("headers", inverted=True)},
    "top": {
        "selector": _LABELS,
        "sort-by": _choice("sort_by", "cpu", "memory"),
        "containers": _switch("all_containers"),
        "no-headers": _switch("headers", inverted=True),
    },
    "rollout": {
        "revision": _number("revision", 1, 999_999, unlimited="0"),
        "watch": Flag(_never, is_switch=True),
    },
}  # fmt: skip
_SHORT = {"n": "namespace", "o": "output", "l": "selector", "c": "container", "p": "previous"}


def split_flags(tokens: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words and flags of a line; a flag that takes a value takes it after `=` or from the next token."""
    words: list[str] = []
    given: dict[str, str] = {}
    queue = list(tokens)
    while queue:
        token = queue.pop(0)
        if not token.startswith("-"):
            words.append(token)
            continue
        name, value = _flag(token, queue)
        if given.get(name, value) != value:
            raise CommandRefused(f"flag --{name:.40} is given twice with different values")
        given[name] = value
    return words, given


def _flag(token: str, queue: list[str]) -> tuple[str, str]:
    """Long name and value of the flag `token`; may take the next token of `queue`."""
    if token.startswith("--"):
        name, has_value, value = token[2:].partition("=")
    else:
        name, value = _SHORT.get(token[1:2], ""), token[2:].removeprefix("=")
        has_value = token[2:3]
    flags = [table[name] for table in FLAGS.values() if name in table]
    if not flags and name != "namespace":
        raise CommandRefused(f"flag {token!r:.60} is not allowed")
    if has_value:
        return name, value
    if flags and flags[0].is_switch:
        return name, "true"
    if not queue or (queue[0].startswith("-") and queue[0] != "-1"):
        raise CommandRefused(f"flag {token!r:.60} needs a value")
    return name, queue.pop(0)
