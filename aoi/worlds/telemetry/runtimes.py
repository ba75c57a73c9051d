"""What runtimes, clients and engines export of themselves: collectors, retries, hits and misses, connections, lag.

Names follow the exporters: Micrometer, client_golang, prom-client, the .NET meter, redis_exporter, memcached_exporter,
mongodb_exporter, postgres_exporter and kafka_exporter. A healthy program has them as well; they agree with the
traffic, the logs and the ends of containers, since all come from the same conditions.
"""

from collections.abc import Callable, Iterator, Mapping

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.network import OWN_FILES, POOL
from aoi.worlds.behaviour.saturation import attempts_of
from aoi.worlds.behaviour.strains import Strain
from aoi.worlds.behaviour.traffic import Traffic
from aoi.worlds.telemetry.history import Counter, Gauge, History, ready_at
from aoi.worlds.telemetry.promql import Labels, Series

COLLECTORS: Mapping[str, str] = {
    "spring": "jvm_gc_pause_seconds_sum",
    "zap": "go_gc_duration_seconds_sum",
    "zerolog": "go_gc_duration_seconds_sum",
    "pino": "nodejs_gc_duration_seconds_sum",
    "dotnet": "dotnet_gc_pause_time_seconds_total",
}
"""Dialect -> the counter of seconds that its collector held the program."""
USUAL_GC_SHARE = 0.004
HIT_SHARE = 0.92
"""Of a healthy cache's look-ups."""
Rate = Callable[[Traffic], float]


class Runtimes:
    """Series by metric name."""

    def __init__(self, application: Application, history: History) -> None:
        self.application = application
        self.history = history
        self.makers: dict[str, Callable[[], Iterator[Series]]] = {
            **{metric: self._collected(metric) for metric in dict.fromkeys(COLLECTORS.values())},
            "process_open_fds": self._descriptors,
            "rpc_client_retries_total": self._retries,
            "redis_keyspace_hits_total": self._cache("redis", is_hit=True),
            "redis_keyspace_misses_total": self._cache("redis", is_hit=False),
            "memcached_commands_total": self._memcached,
            "redis_connected_clients": self._connections("redis", {}),
            "memcached_current_connections": self._connections("memcached", {}),
            "mongodb_ss_connections": self._connections("mongo", {"conn_type": "current"}),
            "pg_stat_activity_count": self._connections("postgres", {"state": "active"}),
            "kafka_consumergroup_lag": self._lag,
        }

    def _labels(self, component: Component) -> Labels:
        return {"namespace": self.application.namespace_of(component), "service": component.name}

    def _collected(self, metric: str) -> Callable[[], Iterator[Series]]:
        def make() -> Iterator[Series]:
            for component in self.application.components:
                if COLLECTORS.get(component.dialect) == metric:
                    share = _of_strain(component.name, lambda strain: max(USUAL_GC_SHARE, strain.gc_share))
                    yield Counter(self._labels(component), share, self.history, 0.1)

        return make

    def _descriptors(self) -> Iterator[Series]:
        for component in self.application.components:
            if component.kind in ("gateway", "service"):
                held = self._held(component.name)
                own = float(OWN_FILES + POOL * len(component.callees))
                yield Gauge(self._labels(component), lambda at, held=held, own=own: own + held(at))

    def _held(self, name: str) -> Callable[[int], float]:
        """Connections to each pod of a component, as far as they are let in."""

        def value(at_ms: int) -> float:
            traffic = self.history.at(at_ms)
            wanted = 0.0
            for caller in self.application.callers[name]:
                flow = traffic.flows[caller, name]
                wanted += POOL * ready_at(traffic, caller) * (1.0 - flow.share("connlimit") - flow.share("fds"))
            return wanted / max(1, ready_at(traffic, name))

        return value

    def _connections(self, protocol: str, more: Labels) -> Callable[[], Iterator[Series]]:
        def make() -> Iterator[Series]:
            for component in self.application.components:
                if component.protocol == protocol:
                    held = self._held(component.name)
                    yield Gauge({**self._labels(component), **more}, lambda at, held=held: round(held(at)))

        return make

    def _retries(self) -> Iterator[Series]:
        for caller, callee in self.application.edges:
            labels = {**self._labels(self.application.by_name[caller]), "peer": callee}
            yield Counter(labels, self._retried(caller, callee), self.history)

    def _retried(self, caller: str, callee: str) -> Rate:
        def rate(traffic: Traffic) -> float:
            flow, strain = traffic.flows[caller, callee], _strain(traffic, caller)
            made = attempts_of(flow.failing, strain.attempts)
            return flow.rate * (1.0 - 1.0 / made)

        return rate

    def _cache(self, protocol: str, *, is_hit: bool) -> Callable[[], Iterator[Series]]:
        def make() -> Iterator[Series]:
            for component in self.application.components:
                if component.kind == "cache" and component.protocol == protocol:
                    yield Counter(self._labels(component), _found(component.name, is_hit=is_hit), self.history)

        return make

    def _memcached(self) -> Iterator[Series]:
        for component in self.application.components:
            if component.kind == "cache" and component.protocol == "memcached":
                for is_hit, status in ((True, "hit"), (False, "miss")):
                    labels = {**self._labels(component), "command": "get", "status": status}
                    yield Counter(labels, _found(component.name, is_hit=is_hit), self.history)

    def _lag(self) -> Iterator[Series]:
        for worker, _, jobs in self.application.workload.queued:
            labels = {"namespace": self.application.namespace, "consumergroup": worker, "topic": "jobs"}
            yield Gauge(labels, self._backlog(worker, jobs))

    def _backlog(self, worker: str, jobs: float) -> Callable[[int], float | None]:
        """Jobs that wait: they come at their rate, and each ready pod does one after the other."""

        def value(at_ms: int) -> float:
            waiting = 0.0
            for start, end, traffic in self.history.parts:
                if start > at_ms:
                    break
                load, done = traffic.components[worker], 0.0
                if ready := ready_at(traffic, worker):
                    done = ready * 1000.0 / max(1.0, load.p50_ms) * (1.0 - load.errors)
                waiting = max(0.0, waiting + (jobs - done) * (min(end, at_ms) - start) / 1000)
            return float(int(waiting))

        return value


def _strain(traffic: Traffic, name: str) -> Strain:
    return next((s for s in traffic.conditions.strains if s.component == name), Strain(name))


def _of_strain(name: str, part: Callable[[Strain], float]) -> Rate:
    return lambda traffic: part(_strain(traffic, name))


def _found(name: str, *, is_hit: bool) -> Rate:
    def rate(traffic: Traffic) -> float:
        hits = HIT_SHARE * (1.0 - _strain(traffic, name).missing_share)
        return traffic.components[name].rate * (hits if is_hit else 1.0 - hits)

    return rate
