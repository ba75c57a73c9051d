"""Feature flags as frozen data: what a flag service serves, and what programs do while a flag is on.

A definition is what flagd reads (https://flagd.dev/reference/flag-definitions/): variants by name, and the variant that
everybody gets. What programs make of a value is in their source: `Effect` says it for one unit of the value, `true`
being one, so that `25%` of `paymentFailure` fails a quarter of what `100%` fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import orjson

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
Value = bool | float


@dataclass(frozen=True, slots=True)
class Effect:
    """What one program does while a flag is on, for each unit of the flag's value."""

    component: str
    operation: str = ""
    """Empty: all of its operations."""
    errors: float = 0.0
    """Share of executions that fail by themselves."""
    delay_ms: float = 0.0
    cpu_m: float = 0.0
    """CPU that it burns beside its work, in millicores."""
    grown_bytes: float = 0.0
    """Memory that each request leaves behind for ever."""
    callee: str = ""
    """Component that it looks for at `address` instead."""
    address: str = ""
    user_rate: float = 0.0
    """Requests a second on top, as a share of all that users ask for, to `operation` of the entry."""
    message_rate: float = 0.0
    """Messages a second on top, as a share of its own requests, to the queue `callee`."""
    says: tuple[tuple[Literal["info", "warn", "error"], str], ...] = ()
    """(level, line) that its log then holds."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag, as an installation begins with it: off."""

    name: str
    description: str
    variants: tuple[tuple[str, Value], ...]
    effects: tuple[Effect, ...] = ()
    off: str = "off"
    """Name of the variant that changes nothing."""


@dataclass(frozen=True)
class FlagService:
    """A flagd: the component that serves, and the file in a ConfigMap that it starts from."""

    component: str
    config_map: str
    key: str
    flags: tuple[Flag, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Flag]:
        """Flags by name."""
        return {flag.name: flag for flag in self.flags}

    def text(self, chosen: Mapping[str, str] | None = None) -> str:
        """The file, with other variants than `off` where chosen."""
        flags = {
            flag.name: {
                "description": flag.description,
                "state": "ENABLED",
                "variants": dict(flag.variants),
                "defaultVariant": (chosen or {}).get(flag.name, flag.off),
            }
            for flag in self.flags
        }
        return orjson.dumps({"$schema": SCHEMA, "flags": flags}, option=orjson.OPT_INDENT_2).decode()


def read(text: str) -> Mapping[str, float]:
    """Flags that are on, with their values as numbers, from the text of a definition. Nothing from another text."""
    try:
        defined: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    flags = defined.get("flags") if isinstance(defined, dict) else None
    if not isinstance(flags, dict):
        return {}
    values = {name: _value(flag) for name, flag in flags.items()}
    return {name: value for name, value in values.items() if value}


def _value(flag: Any) -> float:
    """Of the default variant; 0 for a disabled flag, an unknown variant, or what is no number."""
    if not isinstance(flag, dict) or flag.get("state") != "ENABLED":
        return 0.0
    variants = flag.get("variants")
    value = variants.get(flag.get("defaultVariant")) if isinstance(variants, dict) else None
    return float(value) if isinstance(value, bool | int | float) else 0.0
