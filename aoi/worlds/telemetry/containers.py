"""cAdvisor's series of every container in a cluster, with the labels that a kubelet's scrape gives them.

What an application's containers use follows from its traffic, now and in the past; of other containers it is what
their runtime says. Network series are those of a pod, as cAdvisor has them: of its interface, without a container.
"""

from collections.abc import Callable, Iterator, Sequence

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.configuration import values_at
from aoi.worlds.behaviour.launch import launch
from aoi.worlds.behaviour.network import container_status, started_ms
from aoi.worlds.behaviour.noise import digest
from aoi.worlds.behaviour.traffic import Traffic
from aoi.worlds.behaviour.usage import usage_at
from aoi.worlds.telemetry.history import Counter, Cpu, Gauge, History, ready_at
from aoi.worlds.telemetry.promql import Labels, Matcher, Series
from kubeworld.behaviours import DescribedRuntime
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

MIB = 1024 * 1024
PERIOD_US = 100_000.0
"""Of the CPU scheduler's quota: 100 ms."""
REQUEST_BYTES, ANSWER_BYTES, PACKET_BYTES = 620.0, 2_300.0, 1_100.0
"""Of a typical call and a typical packet."""
THREADS = {
    "zerolog": 14,
    "zerolog-console": 14,
    "zap": 12,
    "mongod": 31,
    "redis": 5,
    "memcached": 10,
    "consul": 16,
    "jaeger": 17,
}
"""By dialect: what runtimes of these languages and engines start."""
_GONE = ("Succeeded", "Failed")
Use = Callable[[int], float | None]


class Containers:
    """Series by metric name."""

    def __init__(self, world: World, applications: Sequence[Application], histories: Sequence[History]) -> None:
        self.world = world
        self._owners = {
            namespace: (application, history)
            for application, history in zip(applications, histories, strict=True)
            for namespace in application.namespaces
        }
        self._makers: dict[str, Callable[[Obj, Obj, Labels], Iterator[Series]]] = {
            "container_cpu_usage_seconds_total": self._cpu(1.0),
            "container_cpu_user_seconds_total": self._cpu(0.78),
            "container_cpu_system_seconds_total": self._cpu(0.22),
            "container_cpu_cfs_periods_total": self._periods(throttled=False),
            "container_cpu_cfs_throttled_periods_total": self._periods(throttled=True),
            "container_cpu_cfs_throttled_seconds_total": self._throttled_seconds,
            "container_cpu_load_average_10s": self._running_constant(0.0),
            "container_memory_working_set_bytes": self._memory(1.0),
            "container_memory_usage_bytes": self._memory(1.08),
            "container_memory_rss": self._memory(0.86),
            "container_memory_cache": self._memory(0.14),
            "container_memory_mapped_file": self._memory(0.05),
            "container_memory_max_usage_bytes": self._memory(1.12),
            "container_memory_failcnt": self._running_constant(0.0),
            "container_fs_usage_bytes": self._running_constant(49_152.0),
            "container_fs_reads_bytes_total": self._running_constant(8.2e6),
            "container_fs_writes_bytes_total": self._running_constant(1.3e6),
            "container_threads": self._threads,
            "container_threads_max": self._running_constant(0.0),
            "container_processes": self._running_constant(1.0),
            "container_start_time_seconds": self._start_time,
            "container_last_seen": self._last_seen,
            "container_spec_cpu_period": self._running_constant(PERIOD_US),
            "container_spec_cpu_quota": self._limit("cpu", PERIOD_US / 1000),
            "container_spec_cpu_shares": self._shares,
            "container_spec_memory_limit_bytes": self._limit("memory", 1.0),
        }
        self._interfaces: dict[str, Callable[[Traffic, Application, str], float]] = {}
        for way, moved in (("receive", _received), ("transmit", _sent)):
            self._interfaces[f"container_network_{way}_bytes_total"] = moved
            self._interfaces[f"container_network_{way}_packets_total"] = _packets(moved)
            self._interfaces[f"container_network_{way}_errors_total"] = _none
            self._interfaces[f"container_network_{way}_packets_dropped_total"] = _lost if way == "transmit" else _none

    @property
    def names(self) -> list[str]:
        """Metric names."""
        return sorted((*self._makers, *self._interfaces))

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> Iterator[Series]:
        """Of pods whose namespace and name fit; other matchers are left to the caller."""
        wanted = [matcher for matcher in matchers if matcher.label in ("namespace", "pod")]
        for pod in self.world.store.objects("pods"):
            meta = pod["metadata"]
            named = {"namespace": meta["namespace"], "pod": meta["name"]}
            if not pod["spec"].get("nodeName") or not all(matcher.accepts(named) for matcher in wanted):
                continue
            if name in self._interfaces:
                yield from self._interface(pod, named, self._interfaces[name])
            elif name in self._makers:
                for container in pod["spec"]["containers"]:
                    yield from self._makers[name](pod, container, _labels(self.world, pod, container))

    # One maker for each kind of series.

    def _started(self, pod: Obj, container: Obj) -> int | None:
        return started_ms(self.world, pod, container["name"])

    def _cpu(self, share: float) -> Callable[[Obj, Obj, Labels], Iterator[Series]]:
        def make(pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
            started = self._started(pod, container)
            if started is not None:
                use = self._use(pod, container, started, "cpu")
                yield self._sum(pod, labels, _scaled(use, share), started)

        return make

    def _memory(self, share: float) -> Callable[[Obj, Obj, Labels], Iterator[Series]]:
        def make(pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
            started = self._started(pod, container)
            if started is not None:
                yield Gauge(labels, _scaled(self._use(pod, container, started, "memory"), share))

        return make

    def _periods(self, *, throttled: bool) -> Callable[[Obj, Obj, Labels], Iterator[Series]]:
        def make(pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
            started, limit = self._started(pod, container), _limits(container).get("cpu", 0)
            if started is not None and limit:
                busy = _above(self._use(pod, container, started, "cpu"), 0.98 * limit / 1000)
                each_second = 1e6 / PERIOD_US
                every = _since(started, each_second)
                share = _while(busy, each_second) if throttled else every
                yield self._sum(pod, labels, share, started)

        return make

    def _throttled_seconds(self, pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
        started = self._started(pod, container)
        if started is not None:
            limit = _limits(container).get("cpu", 0)
            used = self._use(pod, container, started, "cpu")
            use = _held_back(used, limit / 1000)
            yield self._sum(pod, labels, use, started)

    def _running_constant(self, value: float) -> Callable[[Obj, Obj, Labels], Iterator[Series]]:
        def make(pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
            started = self._started(pod, container)
            if started is not None:
                yield Gauge(labels, _since(started, value))

        return make

    def _threads(self, pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
        started = self._started(pod, container)
        if started is not None:
            owner = self._owners.get(pod["metadata"]["namespace"])
            component = owner[0].component_of(pod) if owner else None
            yield Gauge(labels, _since(started, float(THREADS.get(component.dialect, 9) if component else 4)))

    def _start_time(self, pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
        started = self._started(pod, container)
        if started is not None:
            yield Gauge(labels, _since(started, (self.world.clock.epoch_ms + started) / 1000))

    def _last_seen(self, pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
        started = self._started(pod, container)
        if started is not None:
            epoch = self.world.clock.epoch_ms
            yield Gauge(labels, lambda at: (epoch + at) // 1000 if at >= started else None)

    def _shares(self, pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
        started = self._started(pod, container)
        if started is not None:
            asked = quantities.amounts((container.get("resources") or {}).get("requests")).get("cpu", 0)
            yield Gauge(labels, _since(started, float(max(2, asked * 1024 // 1000))))

    def _limit(self, resource: str, scale: float) -> Callable[[Obj, Obj, Labels], Iterator[Series]]:
        def make(pod: Obj, container: Obj, labels: Labels) -> Iterator[Series]:
            limit = _limits(container).get(resource)
            # Of what has ended for good, nothing is left on its node.
            if limit and pod.get("status", {}).get("phase") not in _GONE:
                yield Gauge(labels, _since(_born(self.world, pod), limit * scale))

        return make

    def _interface(
        self, pod: Obj, named: Labels, moved: Callable[[Traffic, Application, str], float]
    ) -> Iterator[Series]:
        owner = self._owners.get(named["namespace"])
        component = owner[0].component_of(pod) if owner else None
        labels = {**_sandbox(self.world, pod), **named, "interface": "eth0"}
        if owner is None or component is None:
            if pod.get("status", {}).get("phase") not in _GONE:
                born = _born(self.world, pod)
                yield self._sum(pod, labels, _since(born, 0.0), born)
            return
        application, history = owner

        def rate(traffic: Traffic) -> float:
            return moved(traffic, application, component.name) / max(1, ready_at(traffic, component.name))

        yield Counter(labels, rate, history, since_ms=max(0, _born(self.world, pod)))

    # What a container uses.

    def _sum(self, pod: Obj, labels: Labels, use: Use, started: int) -> Cpu:
        """What a counter of a use makes of it."""
        owner = self._owners.get(pod["metadata"]["namespace"])
        cuts = tuple(start for start, _, _ in owner[1].parts) if owner else ()
        return Cpu(labels, use, started, cuts, self.world.clock.now_ms)

    def _use(self, pod: Obj, container: Obj, started: int, what: str) -> Use:
        """Cores, or bytes, at a time; None before the container started."""
        owner = self._owners.get(pod["metadata"]["namespace"])
        runtime = self.world.runtime
        is_described = isinstance(runtime, DescribedRuntime) and runtime.current.of(pod, container) is not None
        if owner is not None and not is_described:
            program = launch(owner[0], pod, container, values_at(self.world, started + 999))
            if program.component is not None:

                def value(at_ms: int) -> float | None:
                    if at_ms < started:
                        return None
                    usage = usage_at(self.world, owner[0], pod, program, at_ms)
                    return usage.cpu_millicores / 1000 if what == "cpu" else float(usage.memory_bytes)

                return value
        usage = runtime.usage(self.world, pod, container)
        return _since(started, usage.cpu_millicores / 1000 if what == "cpu" else float(usage.memory_bytes))


def _labels(world: World, pod: Obj, container: Obj) -> Labels:
    """As the kubelet's cAdvisor writes them and Prometheus adds to them."""
    status = container_status(pod, container["name"]) or {}
    meta = pod["metadata"]
    running = (status.get("containerID") or "").rpartition("/")[2]
    return {
        "container": container["name"],
        "id": f"{_cgroup(pod)}/cri-containerd-{running}.scope",
        "image": status.get("image") or container.get("image", ""),
        "instance": pod["spec"]["nodeName"],
        "job": "kubernetes-nodes-cadvisor",
        "name": running,
        "namespace": meta["namespace"],
        "pod": meta["name"],
    }


def _sandbox(world: World, pod: Obj) -> Labels:
    """Of the pod's own container, which holds its network."""
    name = digest(world.seed, pod["metadata"].get("uid", ""), "sandbox").hex()
    return {
        "id": f"{_cgroup(pod)}/cri-containerd-{name}.scope",
        "image": "registry.k8s.io/pause:3.10",
        "instance": pod["spec"]["nodeName"],
        "job": "kubernetes-nodes-cadvisor",
        "name": name,
    }


def _cgroup(pod: Obj) -> str:
    quality = (pod.get("status") or {}).get("qosClass", "BestEffort").lower()
    uid = pod["metadata"].get("uid", "").replace("-", "_")
    if quality == "guaranteed":
        return f"/kubepods.slice/kubepods-pod{uid}.slice"
    return f"/kubepods.slice/kubepods-{quality}.slice/kubepods-{quality}-pod{uid}.slice"


def _limits(container: Obj) -> dict[str, int]:
    return quantities.amounts((container.get("resources") or {}).get("limits"))


def _born(world: World, pod: Obj) -> int:
    return world.clock.at_ms(pod["metadata"]["creationTimestamp"])


def _since(start_ms: int, value: float) -> Use:
    return lambda at: value if at >= start_ms else None


def _while(busy: Use, value: float) -> Use:
    return lambda at: value if busy(at) else 0.0


def _scaled(use: Use, factor: float) -> Use:
    def value(at_ms: int) -> float | None:
        used = use(at_ms)
        return None if used is None else used * factor

    return value


def _above(use: Use, limit: float) -> Use:
    def value(at_ms: int) -> float | None:
        used = use(at_ms)
        return None if used is None else (0.4 * used if used >= limit else 0.0)

    return value


def _held_back(use: Use, limit_cores: float) -> Use:
    """Seconds in a second that a container at its quota waits for the next period; a small quota is soon used up."""

    def value(at_ms: int) -> float | None:
        used = use(at_ms)
        if used is None:
            return None
        return max(0.35, 0.95 - limit_cores) if limit_cores and used >= 0.9 * limit_cores else 0.0

    return value


# Bytes and packets a second of a component, from the calls that it gets and makes.


def _received(traffic: Traffic, application: Application, name: str) -> float:
    asked = traffic.components[name].rate
    return asked * REQUEST_BYTES + _calls(traffic, application, name) * ANSWER_BYTES


def _sent(traffic: Traffic, application: Application, name: str) -> float:
    asked = traffic.components[name].rate
    return asked * ANSWER_BYTES + _calls(traffic, application, name) * REQUEST_BYTES


def _calls(traffic: Traffic, application: Application, name: str) -> float:
    return sum(traffic.flows[name, callee].rate for callee in application.by_name[name].callees)


def _packets(moved: Callable[[Traffic, Application, str], float]) -> Callable[[Traffic, Application, str], float]:
    return lambda traffic, application, name: moved(traffic, application, name) / PACKET_BYTES


def _lost(traffic: Traffic, application: Application, name: str) -> float:
    """Packets that a lossy interface drops on their way out: those of calls, in and out, that time out."""
    pairs = [(caller, name) for caller in application.callers[name]]
    pairs += [(name, callee) for callee in application.by_name[name].callees]
    return sum(traffic.flows[pair].rate * traffic.flows[pair].share("timeout") for pair in pairs)


def _none(traffic: Traffic, application: Application, name: str) -> float:
    return 0.0
