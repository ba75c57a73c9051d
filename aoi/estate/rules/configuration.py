"""ConfigMaps that are referred to and not there, and addresses in configuration that lead nowhere.

A missing Secret is told by the kubelet alone: Secrets are never read.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Sighting, Tier, sentence
from aoi.estate.hosts import Host, Setting, addresses_in
from aoi.estate.objects import Obj, entries, number, part, text

LOOPBACK = re.compile(
    r"(?:[a-z][a-z0-9+.]{1,20}://)?(?:[^@/\s]{0,200}@)?(?:localhost|127\.0\.0\.1):(?P<port>\d{2,5})(?:[/?].*)?",
    re.IGNORECASE,
)


class Reference(NamedTuple):
    """A ConfigMap, or one key of it, that a pod needs to start."""

    holder: str
    key: str
    """Empty for all of it."""


def configuration(estate: Estate) -> Iterator[Finding]:
    """Findings about what components are configured with."""
    for component in estate.components:
        if component.obj is None and not component.pods:
            continue
        if estate.shows_absence("configmaps", component.namespace):
            yield from _missing(estate, component)
        yield from _addresses(estate, component)
        yield from _loopbacks(estate, component)


def references(spec: Obj) -> Iterator[Reference]:
    """Every ConfigMap that a pod spec needs; optional ones are left out."""
    for place in ("initContainers", "containers"):
        for container in entries(spec, place):
            for variable in entries(container, "env"):
                yield from _one(part(variable, "valueFrom", "configMapKeyRef"))
            for source in entries(container, "envFrom"):
                yield from _one(part(source, "configMapRef"))
    for volume in entries(spec, "volumes"):
        for holder in (volume, *entries(volume, "projected", "sources")):
            held = part(holder, "configMap")
            yield from _one(held)
            for item in entries(held, "items"):
                yield from _one({**held, "key": item.get("key")})


def _one(ref: Obj) -> Iterator[Reference]:
    if text(ref, "name") and not ref.get("optional"):
        yield Reference(text(ref, "name"), text(ref, "key"))


def _missing(estate: Estate, component: Component) -> Iterator[Finding]:
    """Running pods do not mind; the next one will not start. So by itself this is a suspicion."""
    present = estate.maps(component.namespace)
    for ref in dict.fromkeys(references(part(component.template, "spec"))):
        if ref.holder not in present:
            word, words = "missingconfig", f"needs ConfigMap {ref.holder}, which does not exist"
        elif ref.key and ref.key not in {
            **part(present[ref.holder], "data"),
            **part(present[ref.holder], "binaryData"),
        }:
            word, words = "missingkey", f"needs key {ref.key!r} of ConfigMap {ref.holder}, which has none of that name"
        else:
            continue
        yield Finding(
            word,
            component.identity,
            sentence(f"{component.identity} {words}"),
            Tier.STATED,
            "suspect",
            next=(f"kubectl get configmaps -n {component.namespace}",),
            sightings=(_cited(estate, component, f'"{ref.key or ref.holder}"'),),
        )


def _cited(estate: Estate, component: Component, needle: str) -> Sighting:
    holder = component.obj or (component.pods[0] if component.pods else {})
    return estate.witness.of(holder, needle)


def calls(estate: Estate, component: Component) -> Iterator[tuple[Setting, Host]]:
    """Host positions in what a component is configured with, resolved."""
    for setting in estate.settings(component):
        for written in addresses_in(setting):
            host = estate.hosts.resolve(written, component.namespace)
            if host is not None:
                yield setting, host


def _addresses(estate: Estate, component: Component) -> Iterator[Finding]:
    told: set[str] = set()
    for setting, host in calls(estate, component):
        if host.written in told:
            continue
        words = misaddressed(host)
        if not words:
            continue
        told.add(host.written)
        if (offered := _not_offered(estate, component, host)) is not None:
            yield offered
            continue
        yield Finding(
            "badconfig",
            component.identity,
            sentence(f"{component.identity} is configured with {host.written} ({setting.source}): {words}"),
            Tier.STATED,
            "suspect",
            next=(f"kubectl get services -n {component.namespace}",),
            sightings=(_setting_cited(estate, component, setting, host),),
            host=host,
        )


def _not_offered(estate: Estate, caller: Component, host: Host) -> Finding | None:
    """Where the address is right and the Service is not: its pods, or the component of that name, listen there."""
    service, callee = host.service, host.component
    if service is None:
        first = host.written.rpartition("//")[2].partition(":")[0].partition(".")[0]
        callee = next((c for c in estate.components if (c.namespace, c.name) == (caller.namespace, first)), None)
    if callee is None or callee.identity == caller.identity or host.port not in _declared(callee):
        return None
    asked = f"{caller.identity} asks for {host.written}"
    if service is None:
        words = f"{callee.identity} listens at port {host.port} and has no Service of that name, while {asked}"
    else:
        served = ", ".join(text(port, "port") for port in service.ports)
        words = f"Service/{service.name} offers port {served}, while its pods listen at {host.port} and {asked}"
    place = f"-n {callee.namespace}"
    return Finding(
        "noservice" if service is None else "targetport",
        callee.identity if service is None else Identity("Service", service.namespace, service.name),
        sentence(words),
        Tier.STATED,
        "suspect" if service is None else "failing",
        next=(f"kubectl get services {place}",),
        sightings=(estate.witness.of(service.obj if service else callee.obj or {}, '"ports"'),),
        other=callee.identity if service is not None else None,
    )


def _declared(component: Component) -> set[int]:
    spec = part(component.template, "spec")
    every = (port for container in entries(spec, "containers") for port in entries(container, "ports"))
    return {number(port, "containerPort") for port in every}


def _loopbacks(estate: Estate, component: Component) -> Iterator[Finding]:
    """Variables that look for a Service's port in the pod itself, where no container says that it listens there.

    Left over from somebody's own machine, or meant for a sidecar: so a suspicion, until something else points there.
    """
    spec = part(component.template, "spec")
    declared = [entries(container, "ports") for container in entries(spec, "containers")]
    if not declared or not all(declared):
        return  # who does not say where it listens may listen there
    own = {text(port, "containerPort") for ports in declared for port in ports}
    for setting in estate.settings(component):
        match = LOOPBACK.fullmatch(setting.value.strip()) if setting.source.startswith("env ") else None
        if match is None or match["port"] in own:
            continue
        served = [s.name for s in estate.services if any(text(p, "port") == match["port"] for p in s.ports)]
        if served:
            words = f"no container of its pod listens there; Service {' and '.join(served[:3])} does"
            yield Finding(
                "badconfig",
                component.identity,
                sentence(f"{component.identity} is configured with {setting.value} ({setting.source}): {words}"),
                Tier.STATED,
                "suspect",
                next=(f"kubectl get services -n {component.namespace}",),
                sightings=(_cited(estate, component, setting.value),),
            )


def misaddressed(host: Host) -> str:
    """Why nobody can answer at a host position, whatever the state of the callee; empty if somebody can."""
    if host.standing == "missing" and host.service is not None:
        return f"the StatefulSet behind Service {host.service.name} has no such pod"
    if host.standing == "missing":
        return "no Service of that name exists"
    service = host.service
    if service is None or host.port is None or service.backing == "external" or not service.ports:
        return ""
    served = [text(port, "port") for port in service.ports]
    is_headless = text(service.obj, "spec", "clusterIP") == "None"
    if is_headless or str(host.port) in served:
        return ""  # behind a headless Service a caller reaches whatever the pod listens on
    return f"Service {service.name} serves port {', '.join(served)}, not {host.port}"


def _setting_cited(estate: Estate, component: Component, setting: Setting, host: Host) -> Sighting:
    if setting.source.startswith("ConfigMap "):
        holder = estate.maps(component.namespace).get(setting.source.split()[1])
        if holder is not None:
            return estate.witness.of(holder, host.written)
    return _cited(estate, component, host.written)
