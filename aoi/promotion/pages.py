"""What every page that we make has in common: it loads nothing, runs nothing, and shows every character.

Names, commands and decisions come from clusters and models, so they are hostile until escaped: Jinja escapes all of
them, and characters that are invisible or turn text around are shown as their code. Every figure carries the record's
exact value in a `<data>` element.
"""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aoi.records.evaluation import Interval

_MOST_TEXT = 300


def environment(**own: Callable[..., Any]) -> Environment:
    """Templates that escape everything and show every character; `own` are further filters of a page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = shown
    filters: dict[str, Callable[..., Any]] = {"points": points, "share": share, "number": number, "short": short}
    environment.filters.update(filters | {"bounds": bounds, "duration": duration, "plural": plural} | own)
    return environment


def shown(value: Any) -> Any:
    """Text without characters that hide or reorder what stands beside them, and of bounded length."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    cut = value if len(value) <= _MOST_TEXT else value[:_MOST_TEXT] + f"... ({len(value)} characters)"
    return "".join(_letter(letter) for letter in cut)


def _letter(letter: str) -> str:
    if letter in "\n\t" or unicodedata.category(letter)[0] != "C":
        return letter
    return f"\\u{ord(letter):04x}"


def points(value: float) -> Markup:
    """A difference of rates in points, with the exact value behind it."""
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), f"{100 * value:+.1f}".replace("-", "−"))


def bounds(gain: Interval) -> Markup:
    """A difference with its interval, in points; no rates differ by more than a hundred, whatever a bound says."""
    low, high = max(gain.low, -1.0), min(gain.high, 1.0)
    return Markup("{} [{}, {}]").format(points(gain.estimate), points(low), points(high))


def share(value: float) -> Markup:
    """A rate in per cent, with the exact value behind it."""
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), f"{100 * value:.1f} %")


def number(value: float, places: int | None = None) -> Markup:
    """A number, rounded to decimal places if they are given, with the exact value behind it."""
    told = f"{value:,}" if places is None else f"{value:,.{places}f}"
    return Markup('<data value="{}">{}</data>').format(repr(value), told)


def plural(count: int, one: str, several: str = "") -> Markup:
    """A number with its noun."""
    return Markup("{} {}").format(number(count), one if count == 1 else several or f"{one}s")


def duration(seconds: float) -> Markup:
    """Seconds, or minutes where they are many, with the exact value behind it."""
    told = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
    return Markup('<data value="{}">{}</data>').format(repr(float(seconds)), told)


def short(digest: str) -> str:
    """The first twelve digits, enough to type."""
    return digest[:12]
