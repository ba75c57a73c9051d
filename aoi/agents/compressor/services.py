"""Services against what stands behind them: ports, selector, endpoints."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aoi.agents.compressor.observation import Finding, Line, Observation, finding
from aoi.agents.compressor.templates import listed
from aoi.agents.topology import Topology

_TARGET = re.compile(r"TargetPort:\s+(\S+?)/(TCP|UDP|SCTP)")
_PORTS = re.compile(r"Ports?:\s+(.+)")
_NUMBERED = re.compile(r"(\d+)/(TCP|UDP|SCTP)(?: \(([-a-z0-9]+)\))?")
_MISSING = re.compile(r'services? "([^"]+)" not found')


@dataclass
class _Described:
    """What one `describe` says that matters to a Service."""

    name: str = ""
    selector: dict[str, str] = field(default_factory=dict)
    selector_line: Line | None = None
    targets: list[tuple[str, str, Line]] = field(default_factory=list)
    """(number or name, protocol, line)."""
    alias: Line | None = None
    """Its type, if it only stands for another name."""
    endpoints: Line | None = None
    labels: dict[str, str] = field(default_factory=dict)
    """Of the pod template."""
    ports: set[tuple[str, str]] = field(default_factory=set)
    """(number or name, protocol) that containers declare."""


def missing(observation: Observation, workload: Observation | None, topology: Topology) -> Iterator[Finding]:
    """A Service that a component should have is not there; whose containers declare no port should have none."""
    match = _MISSING.search(observation.text)
    subject = topology.owner(match[1]) if match else None
    is_called = workload is None or bool(_describe(workload).ports)
    if match and subject and is_called:
        yield Finding("noservice", subject, None, observation, match.start(), match.end())


def endpoints(service: Observation, workload: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of a described Service against the described workload of the same component."""
    asked, offered = _describe(service), _describe(workload)
    subject = topology.owner(asked.name)
    if not subject:
        return
    if asked.alias and offered.ports:
        yield finding("noservice", subject, service, asked.alias)
        return
    for target, protocol, line in asked.targets:
        if offered.ports and (target, protocol) not in offered.ports:
            yield finding("targetport", subject, service, line)
    if asked.selector_line and offered.labels and not asked.selector.items() <= offered.labels.items():
        yield finding("selector", subject, service, asked.selector_line)
    if asked.endpoints:
        yield finding("noendpoints", subject, service, asked.endpoints)


def strangers(slices: Observation, target: str, topology: Topology) -> Iterator[Finding]:
    """Pods of other components behind a Service, by `get endpointslices`: its selector takes in too much.

    That a release and its canary stand behind one Service is meant; of two others, or of one that serves other ports
    by a Service of its own, it is not.
    """
    if target not in topology.workloads:
        return
    behind: dict[str, int] = {}
    for item in listed(slices):
        for endpoint in item.get("endpoints") or ():
            name = (endpoint.get("targetRef") or {}).get("name", "")
            if (owner := topology.owner(name)) and owner != target:
                behind.setdefault(owner, slices.text.find(f'"name": "{name}"'))
    mine = topology.ports.get(target)
    others = [owner for owner in behind if topology.ports.get(owner, mine) != mine]
    if others or len(behind) > 1:
        at = behind[(others or sorted(behind))[0]]
        yield Finding("selector", target, None, slices, max(at, 0), max(at, 0) + 1)


def _describe(observation: Observation) -> _Described:
    described = _Described()
    in_template = in_labels = in_selector = False
    for line in observation.lines:
        key, _, value = line.text.partition(":")
        value = value.strip()
        if not line.indent:
            in_template, in_labels, in_selector = key == "Pod Template", False, key == "Selector"
            if key == "Name":
                described.name = value
            elif key == "Selector":
                described.selector, described.selector_line = _pairs((value,)), line
            elif key == "Endpoints" and value in ("", "<none>"):
                described.endpoints = line
            elif key == "Type" and value == "ExternalName":
                described.alias = line
            elif match := _TARGET.match(line.text):
                described.targets.append((match[1], match[2], line))
        elif in_selector and "=" in line.text:
            described.selector |= _pairs((line.text,))
        elif in_template:
            if key == "Labels":
                in_labels, described.labels = True, _pairs((value,))
            elif in_labels and "=" in line.text and ":" not in line.text:
                described.labels |= _pairs((line.text,))
            else:
                in_labels = False
                described.ports |= _declared(line.text)
    return described


def _declared(text: str) -> set[tuple[str, str]]:
    match = _PORTS.match(text)
    every = _NUMBERED.findall(match[1]) if match else ()
    return {(spelt, protocol) for number, protocol, name in every for spelt in (number, name) if spelt}


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    parts = (part for text in texts for part in text.split(",") if "=" in part)
    return {key: value for key, _, value in (part.partition("=") for part in parts)}
