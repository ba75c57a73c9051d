"""The telemetry backends that Astronomy Shop's chart brings in sub-charts, with labels and Services of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from aoi.worlds.applications.installation import (
    Installed,
    Pairs,
    ProbeSpec,
    Resources,
    ServicePort,
    ServiceSpec,
    WorkloadKind,
)
from aoi.worlds.applications.spec import MIB, Component, Demand, Operation

_INSTANCE = ("app.kubernetes.io/instance", "astronomy-shop")


@dataclass(frozen=True, slots=True)
class _Backend:
    workload: str
    container: str
    dialect: str
    image: str
    tag: str
    port: int
    limit_mib: int
    steady_mib: int
    selector: Pairs
    args: tuple[str, ...] = ()
    extra_ports: tuple[int, ...] = ()
    probes: tuple[ProbeSpec, ...] = ()
    kind: WorkloadKind = "Deployment"
    service_account: str = ""


def _probes(path: str, port: int = 0, *, delay_s: int = 5) -> tuple[ProbeSpec, ...]:
    return (
        ProbeSpec("livenessProbe", "http", path, initial_delay_s=delay_s, port=port),
        ProbeSpec("readinessProbe", "http", path, initial_delay_s=0, period_s=5, port=port),
    )


_NAME = "app.kubernetes.io/name"
BACKENDS: Mapping[str, _Backend] = {
    "jaeger-query": _Backend(
        "jaeger", "jaeger", "jaeger", "jaegertracing/all-in-one", "1.53.0", 16686, 400, 180,
        ((_NAME, "jaeger"), _INSTANCE, ("app.kubernetes.io/component", "all-in-one")),
        ("--memory.max-traces=5000", "--query.base-path=/jaeger/ui", "--prometheus.server-url=http://prometheus:9090",
         "--prometheus.query.normalize-calls=true", "--prometheus.query.normalize-duration=true"),
        extra_ports=(5775, 6831, 6832, 5778, 16685, 9411, 4317, 4318, 14269), probes=_probes("/", 14269),
        service_account="jaeger",
    ),
    "prometheus": _Backend(
        "prometheus", "prometheus-server", "prometheus", "quay.io/prometheus/prometheus", "v3.6.0", 9090, 300, 140,
        (("app.kubernetes.io/component", "server"), (_NAME, "prometheus"), _INSTANCE),
        ("--storage.tsdb.retention.time=15d", "--config.file=/etc/config/prometheus.yml", "--storage.tsdb.path=/data",
         "--web.enable-otlp-receiver"),
        probes=(ProbeSpec("livenessProbe", "http", "/", initial_delay_s=30, period_s=15),
                ProbeSpec("readinessProbe", "http", "/", initial_delay_s=30, period_s=5)),
        service_account="prometheus",
    ),
    "otel-collector": _Backend(
        "otel-collector", "opentelemetry-collector", "collector", "otel/opentelemetry-collector-contrib", "0.135.0",
        4317, 200, 110,
        ((_NAME, "opentelemetry-collector"), _INSTANCE, ("component", "standalone-collector")),
        ("--config=/conf/relay.yaml",), extra_ports=(6831, 14250, 14268, 8888, 4318, 9411, 13133),
        probes=_probes("/", 13133), service_account="otel-collector",
    ),
    "grafana": _Backend(
        "grafana", "grafana", "grafana", "grafana/grafana", "12.2.0", 3000, 150, 92,
        ((_NAME, "grafana"), _INSTANCE), extra_ports=(9094, 6060),
        probes=(ProbeSpec("livenessProbe", "http", "/api/health", initial_delay_s=60, failure_threshold=10),
                ProbeSpec("readinessProbe", "http", "/api/health", initial_delay_s=0)),
        service_account="grafana",
    ),
    "opensearch": _Backend(
        "opensearch", "opensearch", "opensearch", "opensearchproject/opensearch", "3.2.0", 9200, 1100, 760,
        ((_NAME, "opensearch"), _INSTANCE), extra_ports=(9300, 9600),
        probes=(ProbeSpec("readinessProbe", "tcp", initial_delay_s=0, period_s=5),), kind="StatefulSet",
    ),
}  # fmt: skip


def backend(name: str) -> Component:
    """One of them as a component: nobody's request passes through it."""
    held = BACKENDS[name]
    steady, limit = held.steady_mib * MIB, held.limit_mib * MIB
    return Component(
        name=name,
        kind="infrastructure",
        protocol="http",
        dialect=held.dialect,
        container=held.container,
        image=held.image,
        tag=held.tag,
        command=(),
        args=held.args,
        port=held.port,
        extra_ports=held.extra_ports,
        start_ms=2_500 if held.kind == "StatefulSet" else 1_200,
        resources=Resources(
            1000 if name == "opensearch" else 0, 0, limit if name != "opensearch" else 100 * MIB, limit
        ),
        demand=Demand(12.0, 0.1, steady, steady + (limit - steady) // 2),
        operations=(Operation("/", 3.0),),
        probes=held.probes,
        health_path="/api/health" if name == "grafana" else "/",
        workload_kind=held.kind,
        chatter_s=45.0,
        installed=Installed(held.workload, held.workload, held.selector, held.selector),
        service_account=held.service_account,
    )


def _ports(*ports: tuple[str, int]) -> tuple[ServicePort, ...]:
    return tuple(ServicePort(name, port, port) for name, port in ports)


_OPENSEARCH = _ports(("http", 9200), ("transport", 9300), ("metrics", 9600))
SERVICES = (
    ServiceSpec("jaeger-query", "jaeger-query", _ports(("http-query", 16686), ("grpc-query", 16685)), "Headless"),
    ServiceSpec(
        "jaeger-agent",
        "jaeger-query",
        _ports(("zk-compact-trft", 5775), ("config-rest", 5778), ("jg-compact-trft", 6831), ("jg-binary-trft", 6832)),
        "Headless",
    ),
    ServiceSpec(
        "jaeger-collector",
        "jaeger-query",
        _ports(("http-zipkin", 9411), ("otlp-grpc", 4317), ("otlp-http", 4318)),
        "Headless",
    ),
    ServiceSpec("prometheus", "prometheus", _ports(("http", 9090))),
    ServiceSpec(
        "otel-collector",
        "otel-collector",
        _ports(
            ("jaeger-compact", 6831),
            ("jaeger-grpc", 14250),
            ("jaeger-thrift", 14268),
            ("metrics", 8888),
            ("otlp", 4317),
            ("otlp-http", 4318),
            ("zipkin", 9411),
        ),
    ),
    ServiceSpec("grafana", "grafana", (ServicePort("service", 80, 3000),)),
    ServiceSpec("opensearch", "opensearch", _OPENSEARCH),
    ServiceSpec("opensearch-headless", "opensearch", _OPENSEARCH, "Headless"),
)
CONFIG_MAPS = (
    ("otel-collector", (("relay", "receivers: {otlp: {protocols: {grpc: {}, http: {}}}}\n"),)),
    ("prometheus", (("prometheus.yml", "otlp: {}\nscrape_configs: []\n"), ("rules", "{}\n"), ("alerts", "{}\n"))),
    ("grafana", (("grafana.ini", "[server]\nroot_url = %(protocol)s://%(domain)s:%(http_port)s/grafana\n"),)),
    ("grafana-config-dashboards", (("provider.yaml", "apiVersion: 1\n"),)),
    ("opensearch-config", (("opensearch.yml", "cluster.name: demo-cluster\nnetwork.host: 0.0.0.0\n"),)),
)
"""Shortened: nothing here depends on what dashboards and pipelines say."""
