"""Workload templates: what changed against the last recorded revision, and what is plainly wrong in itself.

Recorded revisions are in the cluster (ReplicaSets, ControllerRevisions), as `kubectl rollout history` shows them;
nothing here knows a healthy world.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from aoi.agents.compressor.observation import Finding, Line, Observation, finding, span
from aoi.agents.topology import Topology
from aoi.estate.quantities import quantity

REVISION = "deployment.kubernetes.io/revision"
ORDINARY = frozenset({"badimage", "badenv", "badargs", "insufficient", "oomkilled"})
"""What every release changes: told only while the pods of the new template do not all run."""
Json = Mapping[str, Any]

_PORT = re.compile(r"Ports?:\s+(.*)")
_NUMBERED = re.compile(r"(\d+)/(?:TCP|UDP|SCTP)")
_PROBE = re.compile(
    r"(Liveness|Readiness):\s+(?:http-get https?://[^:/]*|tcp-socket |grpc <pod>):?(\d+|[a-z][-a-z0-9]*)"
)


def listed(observation: Observation) -> Sequence[Json]:
    """Items of a `-o json` observation: of a list, or the one object. Empty if it is not JSON (cut, or an error)."""
    try:
        value = orjson.loads(observation.data)
    except orjson.JSONDecodeError:
        return ()
    return (value.get("items", (value,)) or ()) if isinstance(value, dict) else ()


def is_cut(observation: Observation) -> bool:
    """Whether a list in `-o json` is not all that there is."""
    if not observation.is_whole:
        return True
    try:
        value = orjson.loads(observation.data)
    except orjson.JSONDecodeError:
        return True
    return isinstance(value, dict) and bool((value.get("metadata") or {}).get("remainingItemCount"))


def revisions(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of `kubectl get replicasets -o json`: fields that the newest recorded template has changed."""
    if is_cut(observation):
        return  # which revision is the newest is not known of a part
    owned: dict[str, list[tuple[int, Json, bool]]] = {}
    for item in listed(observation):
        meta = item.get("metadata", {})
        subject = topology.owner(meta.get("name", ""))
        number = meta.get("annotations", {}).get(REVISION) or item.get("revision") or 0
        template = item.get("spec", {}).get("template") or item.get("data", {}).get("spec", {}).get("template")
        if subject and template:
            owned.setdefault(subject, []).append((int(number), template, _is_up(item)))
    for subject, recorded in owned.items():
        recorded.sort(key=lambda entry: entry[0])
        if len(recorded) > 1:
            number, newest, is_up = recorded[-1]
            at = _position(observation, number)
            for word, needle in _changes(recorded[-2][1], newest):
                if not (is_up and word in ORDINARY):
                    yield Finding(word, subject, None, observation, *span(observation, needle, at))


def _is_up(item: Json) -> bool:
    """Whether a ReplicaSet runs all that it should."""
    wanted = item.get("spec", {}).get("replicas", 0)
    return wanted > 0 and item.get("status", {}).get("readyReplicas", 0) >= wanted


def _position(observation: Observation, revision: int) -> int:
    return max(0, observation.text.find(f'"{REVISION}": "{revision}"'))


def _changes(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """(signal, text to cite) for every part of a pod template that differs."""
    before, after = old.get("spec", {}), new.get("spec", {})
    if after.get("nodeSelector") and after.get("nodeSelector") != before.get("nodeSelector"):
        yield "nodeselector", '"nodeSelector"'
    if _required(after) != _required(before) and _required(after):
        yield "antiaffinity" if "podAntiAffinity" in after["affinity"] else "nodeselector", '"affinity"'
    for field in ("dnsPolicy", "dnsConfig"):
        if after.get(field) != before.get(field):
            yield "dns", f'"{field}"'
            break
    earlier = {container["name"]: container for container in before.get("containers", ())}
    for container in after.get("containers", ()):
        previous = earlier.get(container["name"])
        if previous is not None:
            yield from _container_changes(previous, container)


def _required(spec: Json) -> object:
    return spec.get("affinity")


def _container_changes(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    for key, word in (("command", "badcommand"), ("args", "badargs"), ("env", "badenv"), ("envFrom", "badenv")):
        if old.get(key) != new.get(key):
            yield word, f'"{key}"'
    if old.get("image") != new.get("image"):
        yield "badimage", f'"image": "{new.get("image")}"'
    for key, word in (("livenessProbe", "liveness"), ("readinessProbe", "readiness")):
        if new.get(key) and old.get(key) != new.get(key):
            yield word, f'"{key}"'
    yield from _resource_changes(old.get("resources", {}), new.get("resources", {}))


def _resource_changes(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """A memory limit that shrank, or a request that grew tenfold: what kills, or cannot be placed."""
    before, after = (quantity(side.get("limits", {}).get("memory")) for side in (old, new))
    if after is not None and (before is None or after < before):
        yield "oomkilled", '"memory"'
    for resource in ("cpu", "memory"):
        before, after = (quantity(side.get("requests", {}).get(resource)) for side in (old, new))
        floor = UNASKED.get(resource) if before is None else before
        if after is not None and floor is not None and after >= 10 * floor:
            yield "insufficient", f'"{resource}"'


UNASKED = {"cpu": Decimal("0.1")}
"""Cores that a container without a request is taken to want; memory has no usual amount."""


def probe_ports(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of a described template whose probes knock at a port that no container of it declares."""
    subject, ports = "", set[str]()
    probes: list[tuple[str, str, Line]] = []
    for line in observation.lines:
        if not line.indent and line.text.startswith("Name:"):
            subject = topology.owner(line.text.partition(":")[2].strip()) or ""
        elif match := _PORT.match(line.text):
            ports |= set(_NUMBERED.findall(match[1]))
        elif probe := _PROBE.match(line.text):
            probes.append((probe[1].lower(), probe[2], line))
    for word, port, line in probes:
        if subject and ports and port.isdigit() and port not in ports:
            yield finding(word, subject, observation, line)
