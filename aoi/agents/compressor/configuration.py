"""ConfigMaps against the workload that reads them: missing maps, missing keys, addresses that lead nowhere."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aoi.agents.compressor.observation import Finding, Observation, rows, span
from aoi.agents.compressor.templates import Json, listed
from aoi.agents.topology import Topology
from aoi.estate.flagd import Flag, troubling

_ADDRESS = re.compile(
    r"(?:[a-z][a-z+]*://(?:[^@/\s]*@)?)?([a-z](?:[-a-z0-9]*[a-z0-9])?(?:\.[-a-z0-9]+)*):(\d{2,5})(?:/.*)?"
)
_SERVED = re.compile(r"(?<![:\d])(\d+)(?=[:/])")


def configuration(
    workload: Observation, maps: Observation, services: Observation | None, topology: Topology
) -> Iterator[Finding]:
    """Signals of `get WORKLOAD -o json` against `get configmaps -o json`, and addresses against `get services`."""
    present = {item["metadata"]["name"]: item.get("data") or {} for item in listed(maps) if "metadata" in item}
    served = _served(services) if services else {}
    on = [(holder, flag) for holder, data in present.items() for text in data.values() for flag in troubling(str(text))]
    for item in listed(workload):
        subject = topology.owner(item.get("metadata", {}).get("name", ""))
        if not subject:
            continue
        seen: set[tuple[str, str]] = set()
        spec = item.get("spec", {}).get("template", {}).get("spec", {})
        yield from _literals(spec, (subject, topology.namespace), workload, served)
        yield from _flags(item, subject, on, maps, topology)
        for name, key, is_optional in references(spec):
            if name not in present:
                if not is_optional:
                    yield Finding("missingconfig", subject, None, workload, *span(workload, f'"{name}"'))
            elif key and key not in present[name]:
                if not is_optional:
                    yield Finding("missingkey", subject, None, workload, *span(workload, f'"{key}"'))
            else:
                read = {key: present[name][key]} if key else present[name]
                fresh = {k: v for k, v in read.items() if (name, k) not in seen}
                seen |= {(name, k) for k in fresh}
                yield from _addresses(fresh, (subject, topology.namespace), maps, served)


def _flags(
    item: Json, subject: str, on: list[tuple[str, Flag]], maps: Observation, topology: Topology
) -> Iterator[Finding]:
    """Flags that say that they break the reader, or of a flag service all that it serves.

    One that makes somebody unreachable breaks who is configured to call it.
    """
    spec = item.get("spec", {}).get("template", {}).get("spec", {})
    held = {name for name, _, _ in references(spec)}
    for holder, flag in on:
        broken = flag.names(topology.components)
        if broken is not None and flag.is_loss:
            broken = subject if _is_told(spec, broken) else None
        server = subject if holder in held and subject != broken else None
        if broken is not None:
            yield Finding("flag", broken, server, maps, *span(maps, flag.name))
        elif server is not None:
            yield Finding("flag", server, None, maps, *span(maps, flag.name))


def _is_told(spec: Json, callee: str) -> bool:
    """Whether a container's environment has an address of a component."""
    values = [v.get("value", "") for c in spec.get("containers", ()) for v in c.get("env", ())]
    return any(re.search(rf"(?:^|[/@=]){re.escape(callee)}:\d", str(value)) for value in values)


def references(spec: Json) -> Iterator[tuple[str, str, bool]]:
    """(ConfigMap, key or empty for all keys, optional) that a pod spec refers to."""
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        for variable in container.get("env", ()):
            if ref := variable.get("valueFrom", {}).get("configMapKeyRef"):
                yield ref["name"], ref["key"], ref.get("optional", False)
        for source in container.get("envFrom", ()):
            if ref := source.get("configMapRef"):
                yield ref["name"], "", ref.get("optional", False)
    for volume in spec.get("volumes", ()):
        if ref := volume.get("configMap"):
            keys = [entry["key"] for entry in ref.get("items", ())] or [""]
            yield from ((ref["name"], key, ref.get("optional", False)) for key in keys)


def _served(services: Observation) -> Mapping[str, frozenset[str]]:
    return {row.get("NAME", ""): frozenset(_SERVED.findall(row.get("PORT(S)", ""))) for _, row in rows(services)}


def _literals(
    spec: Json, reader: tuple[str, str], workload: Observation, served: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    """Variables that say an address themselves: of nobody, or in a pod where no container listens there."""
    containers = spec.get("containers", ())
    declared = [[str(port.get("containerPort")) for port in c.get("ports", ())] for c in containers]
    own = {port for ports in declared for port in ports}
    for variable in (v for container in containers for v in container.get("env", ()) if v.get("value")):
        value = str(variable["value"]).strip()
        match = _ADDRESS.fullmatch(value) if served else None
        if match is None:
            continue
        is_loopback = match[1] in ("localhost", "127.0.0.1")
        is_of_service = any(match[2] in ports for ports in served.values())
        is_lost = is_loopback and all(declared) and match[2] not in own and is_of_service
        if is_lost or _is_nobodys(match, reader[1], served):
            # A name may be said in many places: the variable's own line, and its value behind it.
            at = workload.text.find(f'"name": "{variable["name"]}"')
            yield Finding("badenv", reader[0], None, workload, *span(workload, f'"value": "{value}"', max(0, at)))


def _is_nobodys(match: re.Match[str], namespace: str, served: Mapping[str, frozenset[str]]) -> bool:
    """Whether a host and a port are inside the namespace, but of no Service, or of no port of it."""
    host, _, domain = match[1].partition(".")
    # Services of other namespaces are not listed here: nothing can be said of them.
    is_local = not domain or domain.startswith((f"{namespace}.svc", "svc"))
    return is_local and host not in ("localhost", "127") and match[2] not in served.get(host, ())


def _addresses(
    data: Mapping[str, Any], reader: tuple[str, str], maps: Observation, served: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    """Values that are a host and a port inside the cluster, but of no Service, or of no port of it.

    `reader` is the component that reads them, and its namespace.
    """
    subject, namespace = reader
    for key, value in data.items():
        match = _ADDRESS.fullmatch(str(value).strip()) if served else None
        if not match:
            continue
        if _is_nobodys(match, namespace, served):
            yield Finding("badconfig", subject, None, maps, *span(maps, f'"{key}": "{value}"'))
