"""How far a line of a log is to be believed: what API objects say that bears it out, or speaks against it.

A program's log holds whatever somebody made it write: a request's path, a user's name, an answer's body. The kubelet's
exit codes, the specs of objects and the findings about whom a line accuses are written by others. `hearing` asks here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding
from aoi.estate.hosts import Host
from aoi.estate.logs.telling import Telling
from aoi.estate.objects import Obj, condition, entries, text
from aoi.estate.rules.configuration import calls, misaddressed
from aoi.estate.rules.services import identity_of
from aoi.language.lexicon import POINTERS

_CODES = {
    "go.panic": frozenset({2, 134}),
    "rust.panic": frozenset({101, 132, 134, 139}),
    "segfault": frozenset({132, 134, 135, 139}),
    "command.missing": frozenset({126, 127}),
    "exec.format": frozenset({126, 127, 255}),
}
"""What a process ends with that died of it. Source: the runtimes of Go and Rust; signal(7) and 128 + its number."""
_STORAGE = frozenset({"disk.full", "disk.readonly"})
_PATH = re.compile(r"(?<![\w:/])/[\w./-]{1,200}")
_KEPT = ("persistentVolumeClaim", "emptyDir", "hostPath", "ephemeral", "nfs", "csi")
"""Volumes that a program writes to."""


class Support(IntEnum):
    """What is known beside the line itself."""

    CONTRADICTED = 0
    """An API object shows that it was not so."""
    ALONE = 1
    """Nobody else says so, and nothing speaks against it."""
    SUPPORTED = 2
    """Somebody else says so: an API object, or the state of whom it complains about."""


@dataclass
class Facts:
    """What the rules found, to hold log lines against."""

    estate: Estate
    findings: Iterable[Finding]
    """Of API objects and events, before any log was read."""
    _accused: set[Identity] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._components = {component.identity: component for component in self.estate.components}
        self._accused = {finding.owner for finding in self.findings}

    def support(self, finding: Finding, telling: Telling, hosts: Iterable[Host]) -> Support:
        """How far a line that would explain a finding is to be believed."""
        if codes := _CODES.get(telling.kind):
            if finding.exit_code is not None:
                return Support.SUPPORTED if finding.exit_code in codes else Support.CONTRADICTED
            return Support.ALONE
        if telling.kind in _STORAGE:
            return self._of_storage(finding, telling)
        if telling.kind == "environment.missing" and self._is_set(finding, telling.subject):
            return Support.CONTRADICTED
        of_hosts = [self._of_host(finding, telling, host) for host in hosts]
        return max(of_hosts, default=Support.ALONE)

    def _of_host(self, finding: Finding, telling: Telling, host: Host) -> Support:
        """A complaint about a callee: its own state, or a configuration that leads nowhere."""
        if misaddressed(host):
            return Support.SUPPORTED if self._is_configured(finding.owner, host) else Support.ALONE
        behind = {c.identity for c in host.service.components} if host.service else set()
        behind |= {identity_of(host.service)} if host.service else set()
        behind |= {host.component.identity} if host.component else set()
        if broken := (behind - {finding.owner}) & self._accused:
            # Who is down is not reached, and does nothing else; and nobody dies of not reaching a caller.
            is_told = telling.word in POINTERS and any(not self._only_calls(c, finding.owner) for c in broken)
            return Support.SUPPORTED if is_told else Support.ALONE
        if telling.word == "nohost" and host.service is not None:
            return Support.CONTRADICTED
        return Support.ALONE

    def _only_calls(self, other: Identity, owner: Identity) -> bool:
        """Whether one is configured to call another that is not configured to call it."""
        return owner in self._callees(other) and other not in self._callees(owner)

    def _callees(self, caller: Identity) -> set[Identity]:
        component = self._components.get(caller)
        hosts = [known for _, known in calls(self.estate, component)] if component else []
        return {c.identity for h in hosts for c in ((h.component,) if h.component else ())} | {
            c.identity for h in hosts if h.service for c in h.service.components
        }

    def _is_configured(self, caller: Identity, host: Host) -> bool:
        """Whether its configuration has that address, and leads nowhere by it."""
        component = self._components.get(caller)
        if component is None:
            return False
        lost = [known for _, known in calls(self.estate, component) if misaddressed(known)]
        named = {(known.written.lower(), known.port) for known in lost}
        plain = {_plain(written) for written, _ in named}
        return (host.written.lower(), host.port) in named or _plain(host.written) in plain

    def _of_storage(self, finding: Finding, telling: Telling) -> Support:
        """A full disk is that of a volume, or the node's: then the node says so too."""
        component = self._components.get(finding.owner)
        if component is None:
            return Support.ALONE
        if any(_is_full(node) for node in self._nodes(component)):
            return Support.SUPPORTED
        paths, mounts = _PATH.findall(telling.text), _written_mounts(component, finding)
        is_on_volume = any(path.startswith(mount.rstrip("/") + "/") for mount in mounts for path in paths)
        return Support.SUPPORTED if is_on_volume else Support.ALONE

    def _nodes(self, component: Component) -> list[Obj]:
        used = {text(pod, "spec", "nodeName") for pod in component.pods}
        return [node for node in self.estate.of("nodes") if text(node, "metadata", "name") in used]

    def _is_set(self, finding: Finding, variable: str | None) -> bool:
        """Whether the variable that a program misses has a value in its spec."""
        component = self._components.get(finding.owner)
        if component is None or variable is None:
            return False
        held = [v for c in _specs(component, finding) for v in entries(c, "env") if text(v, "name") == variable]
        return any(text(entry, "value") for entry in held)


def _plain(written: str) -> str:
    """The name of a host position: without scheme, account, port and domain."""
    return written.lower().rpartition("//")[2].rpartition("@")[2].partition("/")[0].partition(":")[0].partition(".")[0]


def _is_full(node: Obj) -> bool:
    return text(condition(node, "DiskPressure"), "status") == "True"


def _specs(component: Component, finding: Finding) -> Iterator[Obj]:
    """The containers whose logs were read; all of them if none is named."""
    named = {key.container for key in finding.logs}
    for place in ("initContainers", "containers"):
        for container in entries(component.template, "spec", place):
            if not named or text(container, "name") in named:
                yield container


def _written_mounts(component: Component, finding: Finding) -> Iterator[str]:
    volumes = entries(component.template, "spec", "volumes")
    kept = {text(volume, "name") for volume in volumes if any(kind in volume for kind in _KEPT)}
    kept |= {text(claim, "metadata", "name") for claim in entries(component.obj or {}, "spec", "volumeClaimTemplates")}
    for container in _specs(component, finding):
        for mount in entries(container, "volumeMounts"):
            if text(mount, "name") in kept and not mount.get("readOnly"):
                yield text(mount, "mountPath")
