"""All series of a cluster, as one Prometheus has them that scrapes everything in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from aoi.worlds.applications.spec import Application
from aoi.worlds.telemetry import scrapes
from aoi.worlds.telemetry.containers import Containers
from aoi.worlds.telemetry.history import Gauge
from aoi.worlds.telemetry.objects import Objects
from aoi.worlds.telemetry.promql import Labels, Matcher, Series
from aoi.worlds.telemetry.series import Catalogue
from kubeworld.machine.world import World

KUBELET_JOB, STATE_JOB = "kubernetes-nodes-cadvisor", "kube-state-metrics"


class _Part(Protocol):
    @property
    def names(self) -> list[str]: ...

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> "Iterator[Series] | Sequence[Series]": ...


@dataclass(frozen=True)
class Named:
    """A series that knows its metric, for selectors that name none."""

    name: str
    series: Series

    @property
    def labels(self) -> Labels:
        """Of the series, without its metric's name."""
        return self.series.labels

    def at(self, at_ms: int) -> float | None:
        """Value at a time, None before it exists."""
        return self.series.at(at_ms)

    def exists(self, at_ms: int) -> bool:
        """Whether it has a value then."""
        return self.series.exists(at_ms)

    def increase(self, start_ms: int, end_ms: int) -> float:
        """How much it grew."""
        return self.series.increase(start_ms, end_ms)


class Monitored:
    """Series of applications, containers and objects, by metric name. Made for one answer and thrown away."""

    def __init__(self, world: World, applications: Sequence[Application]) -> None:
        self.world = world
        catalogues = [Catalogue(world, application) for application in applications]
        deployments = frozenset(
            (application.namespace_of(component), component.workload)
            for application in applications
            for component in application.components
            if component.workload_kind == "Deployment"
        )
        containers = Containers(world, applications, [catalogue.history for catalogue in catalogues])
        self._parts: tuple[_Part, ...] = (*catalogues, containers, Objects(world, deployments))
        self._kept: dict[tuple[str, tuple[Matcher, ...]], list[Series]] = {}

    @cached_property
    def names(self) -> list[str]:
        """Metric names."""
        return sorted({"up", *(name for part in self._parts for name in part.names)})

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> list[Series]:
        """Series of one metric, or of every metric whose name fits; none for a name that is not exported."""
        key = (name, tuple(matchers))
        if key not in self._kept:  # a range query asks once a step
            self._kept[key] = self._found(name, matchers)
        return self._kept[key]

    def is_sampled(self, name: str, labels: Labels, at_ms: int) -> bool:
        """Whether a scrape brought a sample of a series; `up` is written for those that failed as well."""
        if at_ms > self.world.clock.now_ms:
            return False
        if name in ("up", "ALERTS"):  # the server writes them itself
            return not scrapes.is_away(self.world.seed, at_ms)
        return scrapes.has_sample(self.world.seed, target_of(labels), at_ms)

    def _found(self, name: str, matchers: Sequence[Matcher]) -> list[Series]:
        if not name:
            naming = [matcher for matcher in matchers if matcher.label == "__name__"]
            fitting = [each for each in self.names if all(matcher.accepts({"__name__": each}) for matcher in naming)]
            others = [matcher for matcher in matchers if matcher.label != "__name__"]
            return [Named(each, series) for each in fitting for series in self._found(each, others)]
        own = self._scrapes() if name == "up" else ()
        every = (*own, *(series for part in self._parts for series in part.series(name, matchers)))
        return [series for series in every if all(matcher.accepts(series.labels) for matcher in matchers)]

    def _scrapes(self) -> Iterator[Series]:
        """Whether the cluster's own exporters answer."""
        for node in self.world.store.objects("nodes"):
            conditions = (node.get("status") or {}).get("conditions") or ()
            is_up = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
            labels = {"instance": node["metadata"]["name"], "job": KUBELET_JOB}
            yield Gauge(labels, self._answers(labels, is_up=is_up))
        labels = {"instance": STATE_JOB, "job": STATE_JOB}
        yield Gauge(labels, self._answers(labels, is_up=True))

    def _answers(self, labels: Labels, *, is_up: bool) -> Callable[[int], float]:
        """1, but for the scrapes that it missed."""
        seed, target = self.world.seed, target_of(labels)
        return lambda at: float(is_up and scrapes.is_up(seed, target, at))


def target_of(labels: Labels) -> str:
    """What a series was scraped from."""
    return labels.get("instance") or labels.get("service") or STATE_JOB
