"""The typed form of one line that the Probe may run."""

from dataclasses import dataclass
from typing import Literal

from aoi.access.reading import Readable

Verb = Literal[
    "get", "describe", "logs", "events", "top", "history", "status",
    "prom query", "prom metrics", "prom alerts", "jaeger traces", "jaeger services",
]  # fmt: skip
"""`history` and `status` are `kubectl rollout history` and `kubectl rollout status --watch=false`."""

Output = Literal["table", "wide", "yaml", "json", "name"]


@dataclass(frozen=True, slots=True)
class Target:
    """One resource type, or one object of it."""

    readable: Readable
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCommand:
    """What was asked, with every default filled in. Only `aoi.agents.kubectl.parse` makes one from text."""

    verb: Verb
    namespace: str
    targets: tuple[Target, ...] = ()
    output: Output = "table"
    labels: str = ""
    """Label selector, as the API takes it."""
    fields: str = ""
    """Field selector, of allow-listed keys."""
    sort_by: str = ""
    """Dotted path without braces, or `cpu` and `memory` for `top`."""
    show_labels: bool = False
    headers: bool = True
    ignore_not_found: bool = False
    container: str = ""
    all_containers: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    """Log lines from the end; None for all (bounded by bytes)."""
    since_s: int | None = None
    revision: int | None = None
    show_events: bool = True
    event_type: str = ""
    """`Warning`, `Normal` or empty for both."""
    component: str = ""
    """Service that a `prom metrics` or `jaeger traces` line is about."""
    workload: str = ""
    """Whose pods a `prom metrics` line measures, where they are not called as the Service is."""
    expression: str = ""
    """PromQL of `prom query`."""
