"""Services and what stands behind them: by selector, by hand, by another name, or nothing.

Source: https://kubernetes.io/docs/concepts/services-networking/service/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from aoi.estate.components import Component
from aoi.estate.objects import Obj, entries, is_over, is_ready, labels, name, namespace, part, text

Backing = Literal["external", "selected", "manual"]
"""`external`: a name elsewhere (ExternalName). `manual`: no selector, somebody else writes its Endpoints."""


@dataclass(frozen=True)
class Service:
    """A Service, its pods, and the components whose pods it would take."""

    obj: Obj
    backing: Backing
    pods: tuple[Obj, ...]
    """That its selector takes and that still run."""
    components: tuple[Component, ...]
    """Whose pods, or whose template's labels, its selector takes."""
    addresses: int | None
    """Of its EndpointSlices or Endpoints, ready ones; None if neither could be read."""

    @property
    def name(self) -> str:
        """As in its manifest."""
        return name(self.obj)

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return namespace(self.obj)

    @cached_property
    def selector(self) -> dict[str, str]:
        """Label -> value."""
        return {str(key): str(value) for key, value in part(self.obj, "spec", "selector").items()}

    @cached_property
    def ports(self) -> list[Obj]:
        """As in its spec."""
        return entries(self.obj, "spec", "ports")

    @property
    def ready_pods(self) -> int:
        """Selected pods that get traffic."""
        takes_all = bool(part(self.obj, "spec").get("publishNotReadyAddresses"))
        return sum(1 for pod in self.pods if takes_all or is_ready(pod))


def services_of(
    objects: Mapping[str, Iterable[Obj]], components: Iterable[Component], *, absent_in: frozenset[str]
) -> tuple[Service, ...]:
    """Every Service of the given objects. `absent_in`: namespaces where addresses that were not read do not exist."""
    components = list(components)
    addresses = _addresses(objects)
    services = []
    for obj in objects.get("services", ()):
        key = (namespace(obj), name(obj))
        selector = part(obj, "spec", "selector")
        backing: Backing = (
            "external" if text(obj, "spec", "type") == "ExternalName" else "selected" if selector else "manual"
        )
        near = [component for component in components if component.namespace == key[0]] if selector else []
        pods = tuple(p for c in near for p in c.pods if selector.items() <= labels(p).items() and not is_over(p))
        takes = tuple(c for c in near if _takes(selector, c))
        known = addresses.get(key, 0 if key[0] in absent_in else None)
        services.append(Service(obj, backing, pods, takes, known))
    return tuple(services)


def _takes(selector: Obj, component: Component) -> bool:
    if component.kind != "Pod" and selector.items() <= component.template_labels.items():
        return True
    return any(selector.items() <= labels(pod).items() for pod in component.pods if not is_over(pod))


def _addresses(objects: Mapping[str, Iterable[Obj]]) -> dict[tuple[str, str], int]:
    """(namespace, Service) -> ready addresses, of slices and of what was written by hand before slices were."""
    counts: dict[tuple[str, str], int] = {}
    for piece in objects.get("endpointslices.discovery.k8s.io", ()):
        key = (namespace(piece), labels(piece).get("kubernetes.io/service-name", ""))
        ready = [e for e in entries(piece, "endpoints") if part(e, "conditions").get("ready") is not False]
        counts[key] = counts.get(key, 0) + len(ready)
    for endpoints in objects.get("endpoints", ()):
        key = (namespace(endpoints), name(endpoints))
        written = sum(len(entries(subset, "addresses")) for subset in entries(endpoints, "subsets"))
        counts[key] = max(counts.get(key, 0), written)
    return counts
