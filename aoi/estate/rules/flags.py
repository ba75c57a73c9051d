"""Feature flags that are on and say that they break something: a suspicion, until somebody complains."""

from collections.abc import Iterator

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.flagd import Flag, troubling
from aoi.estate.objects import Obj, name, part
from aoi.estate.rules.configuration import calls, references


def flags(estate: Estate) -> Iterator[Finding]:
    """Findings about flags in ConfigMaps that components read."""
    told: set[tuple[str, str]] = set()
    for component in estate.components:
        maps = estate.maps(component.namespace)
        for ref in references(part(component.template, "spec")):
            if ref.holder not in maps or (component.namespace, ref.holder) in told:
                continue
            told.add((component.namespace, ref.holder))
            for text in part(maps[ref.holder], "data").values():
                for flag in troubling(str(text)):
                    yield from _of(estate, component, maps[ref.holder], flag)


def _of(estate: Estate, server: Component, held: Obj, flag: Flag) -> Iterator[Finding]:
    """Whom a flag breaks; if it names nobody, who serves it."""
    beside = {c.identity.name: c for c in estate.components if c.namespace == server.namespace}
    named = flag.names(beside)
    broken = [server] if named is None else [beside[named]]
    if named is not None and flag.is_loss:
        broken = [c for c in beside.values() if beside[named].identity in _callees(estate, c)] or broken
    for component in broken:
        says = f"feature flag {flag.name} is {flag.variant!r} in ConfigMap {name(held)}: {flag.description}"
        yield Finding(
            "flag",
            component.identity,
            sentence(f"{component.identity}: {says}"),
            Tier.STATED,
            "suspect",
            next=(f"kubectl get configmap {name(held)} -n {server.namespace} -o yaml",),
            sightings=(estate.witness.of(held, flag.name),),
        )


def _callees(estate: Estate, component: Component) -> set[Identity]:
    """Whom a component is configured to call."""
    hosts = [host for _, host in calls(estate, component)]
    return {c.identity for host in hosts if host.service for c in host.service.components}
