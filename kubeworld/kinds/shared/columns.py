"""How a printer is declared, and the pieces that several printers share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from kubeworld.machine.store import Obj

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"
Cells = Callable[[Obj, int], list[Any]]
"""(object, now in ms since the Unix epoch) -> one cell a column."""


@dataclass(frozen=True)
class Printer:
    """Columns of one kind and how to fill them."""

    columns: tuple[dict[str, Any], ...]
    cells: Cells


def columns(text: str) -> tuple[dict[str, Any], ...]:
    """Read `Name, Ready, Restarts:integer, IP/1`: `/1` columns show with `-o wide` only."""
    definitions = []
    for at, item in enumerate(text.split(", ")):
        name, _, priority = item.partition("/")
        name, _, kind = name.partition(":")
        definitions.append(
            {
                "name": name,
                "type": kind or "string",
                "format": "name" if at == 0 and name == "Name" else "",
                "description": "",
                "priority": int(priority or 0),
            }
        )
    return tuple(definitions)


@lru_cache(maxsize=8192)
def parse_time(text: str) -> int:
    """RFC 3339 -> ms since the Unix epoch."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def age(text: str | None, now_ms: int) -> str:
    """Since `text`, as kubectl prints it."""
    return human_duration((now_ms - parse_time(text)) // 1000) if text else UNKNOWN


def created(obj: Obj, now_ms: int) -> str:
    """Age of an object."""
    return age(obj["metadata"].get("creationTimestamp"), now_ms)


_STEPS = (
    # below (seconds), large unit, small unit or 0 for none. Source: k8s.io/apimachinery/pkg/util/duration.
    (120, 1, 0),
    (600, 60, 1),
    (3 * 3600, 60, 0),
    (8 * 3600, 3600, 60),
    (48 * 3600, 3600, 0),
    (8 * 86400, 86400, 3600),
    (2 * 365 * 86400, 86400, 0),
    (8 * 365 * 86400, 365 * 86400, 86400),
)
_UNITS = {1: "s", 60: "m", 3600: "h", 86400: "d", 365 * 86400: "y"}


def human_duration(seconds: int) -> str:
    """`5s`, `3m10s`, `2d4h`, as kubectl rounds."""
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    for below, large, small in _STEPS:
        if seconds < below:
            rest = seconds % large // small if small else 0
            return f"{seconds // large}{_UNITS[large]}" + (f"{rest}{_UNITS[small]}" if rest else "")
    return f"{seconds // (365 * 86400)}y"


def pairs(labels: Obj | None) -> str:
    """`a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def some_of(items: Iterable[str], most: int) -> str:
    """At most `most` items, and how many more there are."""
    listed = list(items)
    if not listed:
        return NONE
    more = f" + {len(listed) - most} more..." if len(listed) > most else ""
    return ",".join(listed[:most]) + more


ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def access_modes(modes: Iterable[str] | None) -> str:
    """`RWO,RWX`."""
    wanted = set(modes or ())
    return ",".join(short for long, short in ACCESS_MODES.items() if long in wanted)


NAME_AND_AGE = Printer(columns("Name, Age"), lambda obj, now_ms: [obj["metadata"]["name"], created(obj, now_ms)])
DATED = Printer(
    columns("Name, Created At"), lambda obj, _: [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp", "")]
)
