"""What Prometheus is told: requests, queue, diagnoses that run and have ended. No label is made of what is sent."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

Counts = Callable[[], tuple[int, Mapping[str, int]]]
"""How many wait, and how many run by cluster."""
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"})


class Metrics:
    """A registry of its own: another library's metrics are not ours."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "aoi_http_requests", "Requests by route and status.", ("method", "route", "status"), registry=self._registry
        )
        self._request_s = Histogram(
            "aoi_http_request_seconds", "Time of requests.", ("route",), buckets=BUCKETS_S, registry=self._registry
        )
        self._ended = Counter(
            "aoi_diagnoses", "Diagnoses that are over, by state.", ("cluster", "state"), registry=self._registry
        )
        self._seconds = Histogram(
            "aoi_diagnosis_seconds", "Time of diagnoses.", ("cluster",), buckets=BUCKETS_S, registry=self._registry
        )

    def watch(self, counts: Counts) -> None:
        """Ask for queue and running diagnoses at every scrape."""
        self._registry.register(_Present(counts))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request is over; 0 for one whose sender left before there was an answer."""
        known = method if method in METHODS else "(other)"
        self._requests.labels(known, route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def ended(self, state: str, cluster: str, seconds: float) -> None:
        """A diagnosis is over."""
        self._ended.labels(cluster, state).inc()
        self._seconds.labels(cluster).observe(seconds)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class _Present(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    @override
    def collect(self) -> Iterable[Metric]:
        waiting, running = self._counts()
        yield GaugeMetricFamily("aoi_queue_length", "Diagnoses that wait.", value=waiting)
        family = GaugeMetricFamily("aoi_running", "Diagnoses that run.", labels=["cluster"])
        for cluster, count in running.items():
            family.add_metric([cluster], count)
        yield family
