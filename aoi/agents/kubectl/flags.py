"""Flags of the command line: which verb takes which, and what their values may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aoi.access.reading import MAX_LOG_LINES
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


def _text(key: str, pattern: re.Pattern[str], value: str, options: Options) -> bool:
    options[key] = value
    return pattern.fullmatch(value) is not None


def _choice(key: str, values: tuple[str, ...], value: str, options: Options) -> bool:
    options[key] = value
    return value in values


def _number(key: str, low: int, high: int, value: str, options: Options) -> bool:
    """A decimal integer in range."""
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        return False
    options[key] = int(value)
    return low <= int(value) <= high


def _tail(value: str, options: Options) -> bool:
    # kubectl: -1 shows all lines, which is the default of a log by name.
    return value == "-1" or _number("tail", 0, MAX_LOG_LINES, value, options)


def _revision(value: str, options: Options) -> bool:
    # kubectl: 0 is the newest revision, which is the default.
    return value == "0" or _number("revision", 1, 999_999, value, options)


def _switch(key: str, value: str, options: Options) -> bool:
    options[key] = value == "true"
    return value in ("true", "false")


def _no_headers(value: str, options: Options) -> bool:
    options["headers"] = value != "true"
    return value in ("true", "false")


def _since(value: str, options: Options) -> bool:
    match = _SINCE.fullmatch(value)
    if match is None:
        return False
    options["since_s"] = int(match[1]) * _UNIT_S[match[2]]
    return 0 < options["since_s"] <= 31_536_000


def _fields(value: str, options: Options) -> bool:
    options["fields"] = value
    return all(_FIELD.fullmatch(part) for part in value.split(","))


def _sort(value: str, options: Options) -> bool:
    match = _SORT.fullmatch(value)
    options["sort_by"] = match[1] if match else ""
    return match is not None and value.startswith("{") == value.endswith("}")


def _for(value: str, options: Options) -> bool:
    options["for"] = value
    return value.count("/") == 1


def _never(value: str, options: Options) -> bool:
    return value == "false"


_LABELS = Flag(partial(_text, "labels", _SELECTOR))
_NO_HEADERS = Flag(_no_headers, is_switch=True)
FLAGS: Mapping[str, Mapping[str, Flag]] = {
    "get": {
        "output": Flag(partial(_choice, "output", ("wide", "yaml", "json", "name"))),
        "selector": _LABELS,
        "field-selector": Flag(_fields),
        "sort-by": Flag(_sort),
        "show-labels": Flag(partial(_switch, "show_labels"), is_switch=True),
        "no-headers": _NO_HEADERS,
        "ignore-not-found": Flag(partial(_switch, "ignore_not_found"), is_switch=True),
    },
    "describe": {"selector": _LABELS, "show-events": Flag(partial(_switch, "show_events"), is_switch=True)},
    "logs": {
        "container": Flag(partial(_text, "container", _CONTAINER)),
        "selector": _LABELS,
        "previous": Flag(partial(_switch, "previous"), is_switch=True),
        "timestamps": Flag(partial(_switch, "timestamps"), is_switch=True),
        "all-containers": Flag(partial(_switch, "all_containers"), is_switch=True),
        "tail": Flag(_tail),
        "since": Flag(_since),
    },
    "events": {
        "for": Flag(_for),
        "types": Flag(partial(_choice, "event_type", ("Warning", "Normal"))),
        "no-headers": _NO_HEADERS,
    },
    "top": {
        "selector": _LABELS,
        "sort-by": Flag(partial(_choice, "sort_by", ("cpu", "memory"))),
        "containers": Flag(partial(_switch, "all_containers"), is_switch=True),
        "no-headers": _NO_HEADERS,
    },
    "rollout": {
        "revision": Flag(_revision),
        "watch": Flag(_never, is_switch=True),
    },
}
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
