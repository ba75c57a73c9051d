"""A page of `kubectl describe`: indented lines with tabs, aligned at the end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aoi.agents.kubectl.columns import age, elastic, parse_time

Obj = dict[str, Any]


class Page:
    """Lines under construction. A tab ends a cell; neighbours align."""

    def __init__(self, now: datetime | None) -> None:
        self.now = now
        self._lines: list[str] = []

    def line(self, level: int, text: str) -> None:
        """One line at an indentation of two blanks a level. Line breaks in values stay on one line."""
        self._lines.append("  " * level + text.replace("\n", "\\n").replace("\r", "\\r"))

    def field(self, level: int, key: str, value: Any) -> None:
        """`Key:<tab>value`."""
        self.line(level, f"{key}:\t{'' if value is None else str(value).replace(chr(9), ' ')}")

    def mapping(self, level: int, key: str, values: Mapping[str, Any] | None) -> None:
        """Labels and the like: one `k=v` a line, `<none>` if empty."""
        pairs = [f"{k}={v}" for k, v in sorted((values or {}).items())]
        self.many(level, key, pairs)

    def annotations(self, level: int, values: Mapping[str, Any] | None) -> None:
        """One `k: v` a line."""
        self.many(level, "Annotations", [f"{k}: {str(v)[:200]}" for k, v in sorted((values or {}).items())])

    def many(self, level: int, key: str, values: Sequence[str]) -> None:
        """The first value beside the key, the others below it."""
        self.field(level, key, values[0] if values else "<none>")
        for value in values[1:]:
            self.line(level, "\t" + value.replace("\t", " "))

    def head(self, obj: Obj, *, created: bool = False) -> None:
        """Name, namespace, labels, annotations: what most pages start with."""
        metadata = obj["metadata"]
        self.field(0, "Name", metadata["name"])
        if metadata.get("namespace"):
            self.field(0, "Namespace", metadata["namespace"])
        if created:
            self.field(0, "CreationTimestamp", moment(metadata.get("creationTimestamp")))
        self.mapping(0, "Labels", metadata.get("labels"))
        self.annotations(0, metadata.get("annotations"))

    def conditions(self, conditions: Sequence[Obj] | None, columns: Sequence[str]) -> None:
        """A table of conditions, if there are any."""
        if not conditions:
            return
        self.line(0, "Conditions:")
        self.line(1, "\t".join(["Type", *columns]))
        self.line(1, "\t".join("-" * len(column) for column in ["Type", *columns]))
        for condition in conditions:
            cells = [str(condition.get(column[0].lower() + column[1:], "")) for column in columns]
            self.line(1, "\t".join([condition.get("type", ""), *(cell.replace("\t", " ") for cell in cells)]))

    def events(self, events: Sequence[Obj] | None) -> None:
        """The events at the end of a page; None leaves them out."""
        if events is None:
            return
        if not events:
            self.field(0, "Events", "<none>")
            return
        self.line(0, "Events:")
        self.line(1, "Type\tReason\tAge\tFrom\tMessage")
        self.line(1, "----\t------\t----\t----\t-------")
        for event in events:
            source = event.get("source") or {}
            origin = source.get("component") or event.get("reportingComponent") or ""
            message = str(event.get("message", "")).strip().replace("\t", " ")
            cells = (event.get("type", ""), event.get("reason", ""), event_age(event, self.now), origin, message)
            self.line(1, "\t".join(str(cell) for cell in cells))

    def text(self) -> str:
        """The aligned page."""
        return elastic("\n".join(self._lines)) + "\n"


def moment(value: str | None) -> str:
    """`Mon, 05 Jan 2026 08:00:00 +0000`, as Go's RFC1123Z."""
    parsed = parse_time(value)
    return parsed.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000") if parsed else "<unset>"


def last_seen(event: Obj) -> str:
    """When an event was last seen, whichever of its fields says so."""
    series = event.get("series") or {}
    metadata = event.get("metadata") or {}
    return (
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or metadata.get("creationTimestamp")
        or ""
    )


def event_age(event: Obj, now: datetime | None) -> str:
    """`5m` or `5m (x3 over 20m)`."""
    seen = age(last_seen(event), now)
    count = (event.get("series") or {}).get("count") or event.get("count") or 1
    if count > 1:
        return f"{seen} (x{count} over {age(event.get('firstTimestamp') or event.get('eventTime'), now)})"
    return seen
