"""What stands in a namespace: which workload and Service belong to a component. Read once per episode.

Known to an operator before any alert: names, label selectors, cluster addresses. It holds no health, so the
Compressor can name what it finds without a baseline to compare against.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import orjson

from aoi.agents.probe import Probe
from aoi.errors import ClusterUnavailable
from aoi.estate.components import Identity
from aoi.estate.estate import Estate
from aoi.estate.objects import entries, number, part
from aoi.estate.objects import name as name_of

LINES = ("kubectl get deployments -o wide", "kubectl get statefulsets -o json", "kubectl get services -o wide")
"""What `read` needs, in this order."""

ALIKE = 1.1
"""Likeness of value and name, of 2, above which a selector of which no pair fits counts as misspelt."""

_OWNED = re.compile(r"-(?:[a-z0-9]{5,10}(?:-[a-z0-9]{5})?|[a-z0-9]{5}|\d{1,3})")
"""What controllers append: a ReplicaSet's hash, a pod's suffix, an ordinal."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What owns the pods of one component."""

    kind: str
    """As kubectl takes it: `deployment`, `statefulset`, `daemonset`, `job`, `cronjob`, `pod`."""
    name: str
    labels: tuple[tuple[str, str], ...]
    """Its pod selector."""

    @property
    def selector(self) -> str:
        """As kubectl's `-l` takes it."""
        return ",".join(f"{key}={value}" for key, value in self.labels)


@dataclass(frozen=True)
class Topology:
    """Components of a namespace by name, with what belongs to each."""

    namespace: str
    components: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    """Component -> workload."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Cluster IP -> component."""
    ports: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Service name -> ports that it serves."""
    declared: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Component -> ports that its containers declare, as far as the estate was read."""

    @cached_property
    def longest_first(self) -> tuple[str, ...]:
        """Component names in the order in which a prefix match is unambiguous."""
        return tuple(sorted(self.components, key=lambda name: (-len(name), name)))

    @cached_property
    def _by_workload(self) -> dict[str, str]:
        return {workload.name: component for component, workload in self.workloads.items()}

    def owner(self, name: str) -> str | None:
        """Component that an object's name belongs to: `geo`, `geo-7c9d8b5f4`, `geo-7c9d8b5f4-x2x9z`."""
        for base, component in self._bases:
            if name == base or (name.startswith(base) and _OWNED.fullmatch(name, len(base))):
                return component
        return None

    def host(self, host: str) -> str | None:
        """Component behind a host position: a name with or without its domain, a cluster address, `srv-NAME`."""
        if host in self.addresses:
            return self.addresses[host]
        name = host.partition(".")[0]
        for plain in (name, name.removeprefix("srv-"), name.removesuffix("-client")):
            if plain in self._names:
                return plain
        return None

    @cached_property
    def host_pattern(self) -> re.Pattern[str]:
        """A component of this namespace in a text: (name or address), (`:port` if there is one)."""
        names = sorted({*self.components, *self.addresses}, key=lambda name: (-len(name), name))
        any_name = "|".join(map(re.escape, names)) or r"(?!)"
        return re.compile(
            rf"(?<![-.\w])((?:srv-)?(?:{any_name})(?:-client)?)(?:\.[a-z0-9][-.a-z0-9]*)?(:\d{{2,5}})?(?![-\w])"
        )

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.components)

    @cached_property
    def _bases(self) -> tuple[tuple[str, str], ...]:
        bases = {**{name: name for name in self.components}, **self._by_workload}
        return tuple(sorted(bases.items(), key=lambda item: (-len(item[0]), item[0])))


def read(texts: tuple[str, str, str], components: tuple[str, ...], nodes: tuple[str, ...], namespace: str) -> Topology:
    """Build a topology from what the three `LINES` printed. A line that failed (empty text) leaves its part out."""
    workloads = _deployments(texts[0]) + _stateful_sets(texts[1])
    services = table(texts[2])
    by_name = {workload.name: workload for workload in workloads}
    addresses: dict[str, str] = {}
    ports: dict[str, frozenset[int]] = {}
    selectors = {row["NAME"]: _labels(row.get("SELECTOR", "")) for row in services}
    for row in services:
        ports[row["NAME"]] = frozenset(
            int(port) for port in re.findall(r"(?<![:\d])(\d+)(?=[:/])", row.get("PORT(S)", ""))
        )
        if row["NAME"] in components and row.get("CLUSTER-IP", "None")[:1].isdigit():
            addresses[row["CLUSTER-IP"]] = row["NAME"]
    behind = joined({name: dict(selector) for name, selector in selectors.items() if selector}, workloads)
    # What no Service stands before has only its own name.
    by_component = {c: w for c in components if (w := behind.get(c) or (by_name.get(c) if c not in behind else None))}
    return Topology(namespace, components, nodes, by_component, addresses, ports)


def joined(selectors: Mapping[str, Mapping[str, str]], workloads: Sequence[Workload]) -> dict[str, Workload]:
    """Service -> the workload whose pods it selects, or was meant to select where it selects none.

    A selector that fits nothing is a broken one: among the workloads that no other Service selects, the one whose
    labels it comes nearest to, by pairs that agree, then by how alike values and names are.
    """
    chosen: dict[str, Workload] = {}
    fits = {
        service: [workload for workload in workloads if selector.items() <= dict(workload.labels).items()]
        for service, selector in selectors.items()
    }
    served = {(fitting[0].kind, fitting[0].name) for fitting in fits.values() if len(fitting) == 1}
    for service, fitting in fits.items():
        # Of several the one that no other Service stands before by itself: a selector may take in too much.
        own = [workload for workload in fitting if (workload.kind, workload.name) not in served] or fitting
        if len(fitting) == 1:
            chosen[service] = fitting[0]
        elif fitting:
            chosen[service] = max(own, key=lambda workload: _likeness(service, selectors[service], workload))
    taken = {(workload.kind, workload.name) for workload in chosen.values()}
    free = [workload for workload in workloads if (workload.kind, workload.name) not in taken]
    for service, selector in selectors.items():
        if service in chosen:
            continue
        near = [(_likeness(service, selector, w), w) for w in free if selector.keys() & dict(w.labels).keys()]
        if near:
            (agreeing, alike), nearest = max(near, key=lambda pair: pair[0])
            if agreeing or alike >= ALIKE:
                chosen[service] = nearest
    return chosen


def _likeness(service: str, selector: Mapping[str, str], workload: Workload) -> tuple[int, float]:
    """(pairs of the selector that the workload's labels hold, how alike the other values and the names are)."""
    labels = dict(workload.labels)
    values = [_ratio(value, labels[key]) for key, value in selector.items() if labels.get(key, value) != value]
    return len(selector.items() & labels.items()), min([1.0, *values]) + _ratio(service, workload.name)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _deployments(text: str) -> list[Workload]:
    return [Workload("deployment", row["NAME"], _labels(row.get("SELECTOR", ""))) for row in table(text)]


def _stateful_sets(text: str) -> list[Workload]:
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError:  # an error, or a text that was cut
        return []
    items = entries(listed, "items") if isinstance(listed, dict) else []
    return [Workload("statefulset", name_of(item), tuple(_pairs(part(item, "spec")).items())) for item in items]


def _pairs(spec: Mapping[str, Any]) -> dict[str, str]:
    """The pairs of a selector; where it has expressions alone, the labels that its pods are made with."""
    pairs = part(spec, "selector", "matchLabels") or part(spec, "template", "metadata", "labels")
    return {str(key): str(value) for key, value in pairs.items()}


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (part.split("=", 1) for part in text.split(",") if "=" in part)
    return tuple((key, value) for key, value in pairs)


def table(text: str) -> list[dict[str, str]]:
    """Rows of a kubectl table: columns begin where their headers do."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("NAME"):
        return []
    starts = [match.start() for match in re.finditer(r"(?:^|(?<=\s\s))\S", lines[0])]
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    headers = [lines[0][start:end].strip() for start, end in spans]
    return [
        {header: line[start:end].strip() for header, (start, end) in zip(headers, spans, strict=True)}
        for line in lines[1:]
        if line.strip()
    ]


def read_topology(probe: Probe, components: tuple[str, ...], nodes: tuple[str, ...]) -> Topology:
    """What stands in the Probe's namespace, through the Probe like everything else that is read."""
    first, second, third = (_printed(probe, f"{line} -n {probe.namespace}") for line in LINES)
    return read((first, second, third), components, nodes, probe.namespace)


def _printed(probe: Probe, line: str) -> str:
    """Empty where nothing came that could be read: what the survey knows is told by `completed`."""
    try:
        told = probe.run(line)
    except ClusterUnavailable:
        return ""
    return told.observation.decode("latin-1") if told.status == "ok" else ""


def completed(known: Topology, estate: Estate, names: Mapping[Identity, str]) -> Topology:
    """With the owners of pods that no Service leads to, whatever their kind: by owner references, not by names.

    And with the ports that containers declare.
    """
    workloads, declared = dict(known.workloads), dict[str, frozenset[int]]()
    for component in estate.components:
        name = names.get(component.identity)
        if name is None or component.namespace != known.namespace:
            continue
        ports = (port for c in entries(component.template, "spec", "containers") for port in entries(c, "ports"))
        declared[name] = frozenset(number(port, "containerPort") for port in ports)
        if name in workloads:
            continue
        is_kubernetes = component.obj is not None
        kind = component.kind.lower() if is_kubernetes else "pod"
        first = str((component.pods[0].get("metadata") or {}).get("name")) if component.pods else component.name
        labels = tuple(component.template_labels.items())
        workloads[name] = Workload(kind, component.name if is_kubernetes else first, labels)
    return replace(known, workloads=workloads, declared=declared)
