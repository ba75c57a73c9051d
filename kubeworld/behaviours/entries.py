"""The entries of a behaviours file, and which of them a container or a node meets: the first that matches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from typing import Literal

from kubeworld.behaviours.text import LogText
from kubeworld.machine.outside import Outside
from kubeworld.machine.runtime import ExitPlan, Work
from kubeworld.machine.store import Obj

Pull = Literal["ok", "not_found", "unauthorized", "timeout"]
ProbeKind = Literal["readiness", "liveness", "startup"]


@dataclass(frozen=True, slots=True)
class Match:
    """Which containers an entry is about. Globs (`*`, `?`, `[abc]`), case counts, `*` also matches slashes."""

    namespace: str = "*"
    pod: str = "*"
    container: str = "*"
    """Of any sort: also an init container's or a sidecar's name."""
    image: str = "*"
    """As the pod's spec has it."""

    def fits(self, pod: Obj, container: Obj) -> bool:
        """Whether all four fit."""
        meta = pod["metadata"]
        return (
            _fits(self.namespace, meta.get("namespace", ""))
            and _fits(self.pod, meta["name"])
            and _fits(self.container, container["name"])
            and _fits(self.image, container.get("image", ""))
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ends by itself."""

    plan: ExitPlan
    times: int | None = None
    """Only the first so many attempts end so; None: all."""

    def of(self, attempt: int) -> ExitPlan | None:
        """The ending of one attempt, counted from 0."""
        return self.plan if self.times is None or attempt < self.times else None


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """What matching containers do. Whatever it does not name stays as it would be without the entry."""

    match: Match
    pull: Pull | None = None
    start_error: str | None = None
    ending: Ending | None = None
    log: LogText | None = None
    probes: Mapping[ProbeKind, str | None] = field(default_factory=dict)
    """Kind -> why it fails; None: it passes."""
    cpu_millicores: int | None = None
    memory_bytes: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Command, its words joined by blanks -> what it prints before it ends with 0."""
    work: tuple[Work, ...] = ()
    """What the container writes to the API."""


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """Whether the kubelets of matching nodes run."""

    node: str
    """Glob on its name."""
    ready: bool


@dataclass(frozen=True, slots=True)
class Behaviours:
    """All entries of one file, in its order."""

    containers: tuple[ContainerEntry, ...] = ()
    nodes: tuple[NodeEntry, ...] = ()
    outside: Outside = field(default_factory=Outside)
    """Webhooks, Services and aggregated APIs that are answered for."""

    @property
    def count(self) -> int:
        """Entries of all sorts."""
        outside = self.outside
        return len(self.containers) + len(self.nodes) + len(outside.hooks) + len(outside.addresses) + len(outside.apis)

    def of(self, pod: Obj, container: Obj) -> ContainerEntry | None:
        """The first entry that matches, or None."""
        return next((entry for entry in self.containers if entry.match.fits(pod, container)), None)

    def is_ready(self, node: str) -> bool | None:
        """What the first entry that matches says of a node; None: nothing."""
        return next((entry.ready for entry in self.nodes if _fits(entry.node, node)), None)


def _fits(glob: str, text: str) -> bool:
    return glob == "*" or _pattern(glob).match(text) is not None


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    # fnmatch's own cache forgets: a file of a hundred entries has more globs than it keeps.
    return re.compile(translate(glob))
