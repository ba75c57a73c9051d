"""Columns and ages as kubectl prints them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def table(rows: Sequence[Sequence[str]], *, padding: int = 3, minimum: int = 6) -> str:
    """Rows of equal length, left-aligned; the last column is not padded. Ends with a newline."""
    if not rows:
        return ""
    rows = [[one_line(text) for text in row] for row in rows]
    widths = [max(minimum, padding + max(len(row[i]) for row in rows)) for i in range(len(rows[0]) - 1)]
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows]
    return "\n".join(lines) + "\n"


def one_line(text: str) -> str:
    """Text that cannot start a line of its own: whoever wrote it must not forge a row."""
    return text.replace("\r", "\\r").replace("\n", "\\n") if "\n" in text or "\r" in text else text


def elastic(text: str, *, padding: int = 2) -> str:
    """Expand tabs as Go's text/tabwriter does: a column is a run of adjacent lines that have a cell there."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[0] * (len(cells) - 1) for cells in lines]
    for column in range(max(len(cells) for cells in lines) - 1):
        start = 0
        while start < len(lines):
            if len(lines[start]) - 1 <= column:
                start += 1
                continue
            end = start
            while end < len(lines) and len(lines[end]) - 1 > column:
                end += 1
            width = padding + max(len(lines[i][column]) for i in range(start, end))
            for i in range(start, end):
                widths[i][column] = width
            start = end
    return "\n".join(
        "".join(f"{cell:<{width}}" for cell, width in zip(cells, wide, strict=False)) + cells[-1]
        for cells, wide in zip(lines, widths, strict=True)
    )


def cell(value: Any) -> str:
    """One cell of a server's Table: a line break ends it, as kubectl cuts it."""
    if value is None:
        return "<none>"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    for i, char in enumerate(text):
        if char in "\f\n\r":
            return text[:i] + "..."
    return text.replace("\t", " ")


def parse_time(value: str | None) -> datetime | None:
    """RFC 3339, with or without a fraction. None for an absent or odd value."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(value: str | None, now: datetime | None) -> str:
    """How long ago, as kubectl's HumanDuration; `<unknown>` without a time or a clock."""
    moment = parse_time(value)
    return "<unknown>" if moment is None or now is None else duration(int((now - moment).total_seconds()))


def duration(seconds: int) -> str:
    """`95s`, `5m10s`, `47m`, `3h5m`, `30h`, `3d4h`, `40d`, `3y10d`. Source: k8s.io/apimachinery HumanDuration."""
    if seconds < -1:
        return "<invalid>"
    minutes, hours, days, years = (seconds // unit for unit in (60, 3600, 86_400, 31_536_000))
    # (below this many seconds, whole part, its unit, rest, unit of the rest)
    steps = (
        (120, max(0, seconds), "s", 0, ""),
        (600, minutes, "m", seconds % 60, "s"),
        (10_800, minutes, "m", 0, ""),
        (28_800, hours, "h", minutes % 60, "m"),
        (172_800, hours, "h", 0, ""),
        (691_200, days, "d", hours % 24, "h"),
        (63_072_000, days, "d", 0, ""),
        (252_288_000, years, "y", days % 365, "d"),
    )
    whole, unit, rest, small = next((step[1:] for step in steps if seconds < step[0]), (years, "y", 0, ""))
    return f"{whole}{unit}" + (f"{rest}{small}" if rest else "")
