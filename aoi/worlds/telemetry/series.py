"""The time series of an application: its traffic at any time of the past, computed when asked for.

Names follow what exporters use: `http_requests_total{service,code}` and `http_request_duration_seconds_bucket` at the
server, `http_client_requests_total{service,peer,outcome}` and `http_client_request_duration_seconds_bucket` at the
caller, `slo_requests_per_second` and `slo_latency_p99_seconds` for what its owners know to be usual, `ALERTS`, replicas
of its Deployments over time, and `up`. Rates carry a slow wave and seeded noise. What containers use
is in `containers.py`, what objects say in `objects.py`; `monitored.py` puts all of it together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import bursts
from aoi.worlds.behaviour.conditions import Instances
from aoi.worlds.behaviour.traffic import Flow, Load, Traffic, evaluate
from aoi.worlds.telemetry import alerts, scrapes
from aoi.worlds.telemetry.history import Counter, Errors, Gauge, History, ready_at, share_below
from aoi.worlds.telemetry.promql import Labels, Matcher, Series
from aoi.worlds.telemetry.runtimes import Runtimes
from kubeworld.machine.world import World

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)


class Catalogue:
    """Series of an application's traffic by metric name."""

    def __init__(self, world: World, application: Application) -> None:
        self.world = world
        self.application = application
        self.history = History(world, application)
        self._makers: dict[str, Callable[[], Iterator[Series]]] = {
            "up": self._up,
            "http_requests_total": self._requests,
            "http_request_duration_seconds_bucket": self._durations,
            "http_request_duration_seconds_count": self._duration_counts,
            "http_client_requests_total": self._client_requests,
            "http_client_request_duration_seconds_bucket": self._client_durations,
            "slo_requests_per_second": self._usual_rates,
            "slo_latency_p99_seconds": self._usual_latencies,
            "ALERTS": self._alerts,
            "kube_deployment_spec_replicas": self._replicas,
            "kube_deployment_status_replicas_available": self._available,
            **Runtimes(application, self.history).makers,
        }

    @property
    def names(self) -> list[str]:
        """Metric names."""
        return sorted(self._makers)

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> list[Series]:
        """Series of one metric that fit the matchers; none for a name that is not exported."""
        maker = self._makers.get(name)
        if maker is None:
            return []
        return [series for series in maker() if all(matcher.accepts(series.labels) for matcher in matchers)]

    # Traffic, at the server and at the caller. Databases and caches have no HTTP metrics of their own.

    def _programs(self) -> Iterator[tuple[str, Labels]]:
        for component in self.application.components:
            if component.kind in ("gateway", "service"):
                yield component.name, {"namespace": self.application.namespace, "service": component.name}

    def _up(self) -> Iterator[Series]:
        for name, labels in self._programs():
            yield Gauge({**labels, "job": "services"}, self._is_up(name))

    def _is_up(self, name: str) -> Callable[[int], float | None]:
        def value(at_ms: int) -> float | None:
            is_missed = any(
                burst.what == "down" and burst.service == name and burst.start_ms <= at_ms < burst.end_ms
                for hour in (at_ms // bursts.HOUR_MS, at_ms // bursts.HOUR_MS + 1)
                for burst in bursts.of_hour(self.world.seed, self.application.programs, hour)
            )
            answers = scrapes.is_up(self.world.seed, name, at_ms) and not is_missed
            return 1.0 if answers and ready_at(self.history.at(at_ms), name) else 0.0

        return value

    def _requests(self) -> Iterator[Series]:
        for name, labels in self._programs():
            yield Counter(
                {**labels, "code": "200"}, _of(name, lambda load: load.rate * (1 - load.errors)), self.history
            )
            yield Errors({**labels, "code": "500"}, _of(name, lambda load: load.rate * load.errors), self.history, 0.1)

    def _durations(self) -> Iterator[Series]:
        for name, labels in self._programs():
            for bound in BUCKETS_S:
                yield Counter({**labels, "le": _bound(bound)}, _of(name, _below(bound)), self.history)

    def _duration_counts(self) -> Iterator[Series]:
        for name, labels in self._programs():
            yield Counter(labels, _of(name, lambda load: load.rate), self.history)

    def _client_requests(self) -> Iterator[Series]:
        outcomes = sorted({word for _, _, t in self.history.parts for f in t.flows.values() for word, _ in f.outcomes})
        for caller, callee in self.application.edges:
            labels = {"namespace": self.application.namespace, "service": caller, "peer": callee}
            for word in outcomes:
                rate = _of_flow(caller, callee, _share(word))
                if word == "ok" or any(rate(traffic) for _, _, traffic in self.history.parts):
                    yield Counter({**labels, "outcome": word}, rate, self.history)

    def _client_durations(self) -> Iterator[Series]:
        for caller, callee in self.application.edges:
            labels = {"namespace": self.application.namespace, "service": caller, "peer": callee}
            for bound in BUCKETS_S:
                below = _of_flow(caller, callee, _flow_below(bound))
                yield Counter({**labels, "le": _bound(bound)}, below, self.history)

    # What is usual, as rules compare with it, and what they fire.

    def _usual_rates(self) -> Iterator[Series]:
        yield from self._usual(lambda load: load.rate)

    def _usual_latencies(self) -> Iterator[Series]:
        yield from self._usual(lambda load: load.p99_ms / 1000)

    def _usual(self, part: Callable[[Load], float]) -> Iterator[Series]:
        usual = evaluate(self.application, alerts.healthy(self.application))
        for name, labels in self._programs():
            yield Gauge(labels, partial(_constant, part(usual.components[name])))

    def _alerts(self) -> Iterator[Series]:
        """Those that fire now, since when they do: what fired once and was let go is not remembered."""
        for alert in alerts.firing(self.world, self.application):
            labels = alerts.labels_of(self.application, alert)
            yield Gauge({**labels, "alertstate": "firing"}, partial(_since, alert.active_ms + alerts.FOR_MS))

    # Workloads.

    def _replicas(self) -> Iterator[Series]:
        yield from self._instances(lambda instances: instances.desired)

    def _available(self) -> Iterator[Series]:
        yield from self._instances(lambda instances: instances.ready)

    def _instances(self, count: Callable[[Instances], int]) -> Iterator[Series]:
        for component in self.application.components:
            if component.workload_kind != "Deployment":
                continue
            labels = {"namespace": self.application.namespace_of(component), "deployment": component.workload}
            yield Gauge(labels, self._instance(component.name, count))

    def _instance(self, name: str, count: Callable[[Instances], int]) -> Callable[[int], float | None]:
        def value(at_ms: int) -> float | None:
            for entry in self.history.at(at_ms).conditions.instances:
                if entry.component == name:
                    return float(count(entry))
            return None

        return value


def _constant(value: float, _at_ms: int) -> float:
    return value


def _since(start_ms: int, at_ms: int) -> float | None:
    return 1.0 if at_ms >= start_ms else None


def _of(name: str, part: Callable[[Load], float]) -> Callable[[Traffic], float]:
    return lambda traffic: part(traffic.components[name])


def _of_flow(caller: str, callee: str, part: Callable[[Flow], float]) -> Callable[[Traffic], float]:
    return lambda traffic: part(traffic.flows[caller, callee])


def _share(word: str) -> Callable[[Flow], float]:
    return lambda flow: flow.rate * flow.share(word)


def _below(bound: float) -> Callable[[Load], float]:
    return lambda load: load.rate * share_below(load.p50_ms, load.p99_ms, bound)


def _flow_below(bound: float) -> Callable[[Flow], float]:
    return lambda flow: flow.rate * share_below(flow.p50_ms, flow.p99_ms, bound)


def _bound(bound: float) -> str:
    return "+Inf" if bound == math.inf else f"{bound:g}"
