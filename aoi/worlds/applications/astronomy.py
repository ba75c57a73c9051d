"""The OpenTelemetry demo, Astronomy Shop, as its chart 0.38.6 installs it, as data.

25 workloads: fifteen programs in eleven languages, Kafka, PostgreSQL, Valkey, flagd, the load generator, and the
telemetry backends of the chart's sub-charts. AIOpsLab takes the chart unpinned; this is its last series in which every
flag that AIOpsLab sets exists with the variants that it sets. Traffic is what the load generator's tasks ask for;
users, replicas of what may have several, and start-up times vary by seed.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from aoi.worlds.applications.astronomy_backends import BACKENDS, CONFIG_MAPS, SERVICES, backend
from aoi.worlds.applications.astronomy_calls import MIX, OPERATIONS
from aoi.worlds.applications.astronomy_flags import SERVICE as FLAG_SERVICE
from aoi.worlds.applications.installation import (
    Attendant,
    Installed,
    Mount,
    Resources,
    Revision,
    ServicePort,
    ServiceSpec,
)
from aoi.worlds.applications.spec import (
    MIB,
    Application,
    Component,
    Database,
    DatabaseUser,
    Demand,
    Image,
    Kind,
    Login,
    Protocol,
    Setting,
    Workload,
)

NAMESPACE = "astronomy-shop"
RELEASE = "astronomy-shop"
REPOSITORY = "ghcr.io/open-telemetry/demo"
VERSION, EARLIER = "2.1.3", "2.1.2"
REQUESTS = 40 / 29
"""Requests of one task of the load generator, on average over its tasks, which have 29 weights."""
USER_PAUSE_S = 5.5
"""Mean pause between two tasks of one user."""


@dataclass(frozen=True, slots=True)
class _Program:
    """What the chart's values say of one component, and what its program needs."""

    dialect: str
    limit_mib: int
    steady_mib: int
    port: int = 8080
    protocol: Protocol = "grpc"
    kind: Kind = "service"
    cpu_ms: float = 0.6
    env: tuple[tuple[str, str], ...] = ()
    asks_flags: bool = True
    waits_for: Literal["", "kafka", "valkey-cart"] = ""
    extra_ports: tuple[int, ...] = ()


_KAFKA = (("KAFKA_ADDR", "kafka:9092"),)
_BROKER = (
    ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"),
    ("KAFKA_HEAP_OPTS", "-Xmx400M -Xms400M"),
    ("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@kafka:9093"),
)
_PROGRAMS: Mapping[str, _Program] = {
    "accounting": _Program(
        "dotnet", 120, 78, port=0, waits_for="kafka", asks_flags=False,
        env=(*_KAFKA, ("DB_CONNECTION_STRING", "Host=postgresql;Username=otelu;Password=otelp;Database=otel")),
    ),
    "ad": _Program("log4j", 300, 178, env=(("AD_PORT", "8080"),), cpu_ms=1.2),
    "cart": _Program("dotnet", 160, 84, env=(("CART_PORT", "8080"), ("ASPNETCORE_URLS", "http://*:$(CART_PORT)"),
                                             ("VALKEY_ADDR", "valkey-cart:6379")), waits_for="valkey-cart"),
    "checkout": _Program(
        "slog", 20, 11, waits_for="kafka",
        env=(("CHECKOUT_PORT", "8080"), ("CART_ADDR", "cart:8080"), ("CURRENCY_ADDR", "currency:8080"),
             ("EMAIL_ADDR", "http://email:8080"), ("PAYMENT_ADDR", "payment:8080"),
             ("PRODUCT_CATALOG_ADDR", "product-catalog:8080"), ("SHIPPING_ADDR", "http://shipping:8080"), *_KAFKA,
             ("GOMEMLIMIT", "16MiB")),
    ),
    "currency": _Program("stream", 20, 8, env=(("CURRENCY_PORT", "8080"), ("VERSION", VERSION)), asks_flags=False),
    "email": _Program("sinatra", 100, 62, protocol="http", env=(("EMAIL_PORT", "8080"), ("APP_ENV", "production"))),
    "fraud-detection": _Program("log4j_consumer", 300, 190, port=0, waits_for="kafka", env=_KAFKA),
    "frontend": _Program(
        "pino", 250, 128, protocol="http", kind="gateway", cpu_ms=2.5,
        env=(("FRONTEND_PORT", "8080"), ("PORT", "$(FRONTEND_PORT)"), ("FRONTEND_ADDR", ":8080"),
             ("AD_ADDR", "ad:8080"), ("CART_ADDR", "cart:8080"), ("CHECKOUT_ADDR", "checkout:8080"),
             ("CURRENCY_ADDR", "currency:8080"), ("PRODUCT_CATALOG_ADDR", "product-catalog:8080"),
             ("RECOMMENDATION_ADDR", "recommendation:8080"), ("SHIPPING_ADDR", "http://shipping:8080"),
             ("ENV_PLATFORM", "kubernetes"), ("WEB_OTEL_SERVICE_NAME", "frontend-web")),
    ),
    "frontend-proxy": _Program(
        "envoy", 65, 34, protocol="http", kind="gateway", cpu_ms=0.4,
        env=(("ENVOY_PORT", "8080"), ("ENVOY_ADMIN_PORT", "10000"), ("FLAGD_UI_HOST", "flagd"),
             ("FLAGD_UI_PORT", "4000"), ("FRONTEND_HOST", "frontend"), ("FRONTEND_PORT", "8080"),
             ("GRAFANA_HOST", "grafana"), ("GRAFANA_PORT", "80"), ("IMAGE_PROVIDER_HOST", "image-provider"),
             ("IMAGE_PROVIDER_PORT", "8081"), ("JAEGER_HOST", "jaeger-query"), ("JAEGER_UI_PORT", "16686"),
             ("LOCUST_WEB_HOST", "load-generator"), ("LOCUST_WEB_PORT", "8089")),
    ),
    "image-provider": _Program("static", 50, 12, port=8081, protocol="http", cpu_ms=0.2,
                               env=(("IMAGE_PROVIDER_PORT", "8081"),), asks_flags=False),
    "payment": _Program("pino", 120, 74, env=(("PAYMENT_PORT", "8080"),)),
    "product-catalog": _Program("slog", 20, 10, env=(("PRODUCT_CATALOG_PORT", "8080"),
                                                     ("PRODUCT_CATALOG_RELOAD_INTERVAL", "10"),
                                                     ("GOMEMLIMIT", "16MiB"))),
    "quote": _Program("monolog", 40, 22, protocol="http", env=(("QUOTE_PORT", "8080"),
                                                              ("OTEL_PHP_AUTOLOAD_ENABLED", "true")),
                      asks_flags=False),
    "recommendation": _Program("grpc_python", 500, 66, env=(("RECOMMENDATION_PORT", "8080"),
                                                            ("PRODUCT_CATALOG_ADDR", "product-catalog:8080"))),
    "shipping": _Program("tracing", 20, 7, protocol="http", env=(("SHIPPING_PORT", "8080"),
                                                                ("QUOTE_ADDR", "http://quote:8080")),
                         asks_flags=False),
    "kafka": _Program("kafka", 600, 470, port=9092, extra_ports=(9093,), protocol="kafka", kind="infrastructure",
                      env=_BROKER, asks_flags=False),
    "load-generator": _Program(
        "locust", 1500, 420, port=8089, protocol="http", kind="infrastructure",
        env=(("LOCUST_WEB_HOST", "0.0.0.0"), ("LOCUST_WEB_PORT", "8089"), ("LOCUST_USERS", ""),
             ("LOCUST_SPAWN_RATE", "1"), ("LOCUST_HOST", "http://frontend-proxy:8080"), ("LOCUST_HEADLESS", "false"),
             ("LOCUST_AUTOSTART", "true"), ("LOCUST_BROWSER_TRAFFIC_ENABLED", "true"), ("FLAGD_OFREP_PORT", "8016")),
    ),
    "postgresql": _Program("postgres", 100, 48, port=5432, protocol="postgres", kind="database", asks_flags=False,
                           env=(("POSTGRES_USER", "root"), ("POSTGRES_PASSWORD", "otel"), ("POSTGRES_DB", "otel"))),
}  # fmt: skip
_MAY_BE_SEVERAL = ("frontend", "cart", "currency", "product-catalog", "image-provider", "quote")
PRODUCTS = (
    ("0PUK6V6EV0", 175), ("1YMWWN1N4O", 129), ("2ZYFJ3GM2N", 209), ("66VCHSJNUP", 349), ("6E92ZMYYFZ", 69),
    ("9SIQT8TOJO", 3599), ("HQTGWGPNH4", 21), ("L9ECAV7KIM", 21), ("LS4PSXUNUM", 57), ("OLJCESPC7Z", 101),
)  # fmt: skip
"""(id, price in US dollars)."""


def installed(name: str, workload: str = "") -> Installed:
    """How the chart labels its own components."""
    selector = (("opentelemetry.io/name", name),)
    own = (*selector, ("app.kubernetes.io/component", name), ("app.kubernetes.io/name", name))
    return Installed(name, workload or name, own, selector)


def _telemetry_env(tail: str) -> Iterator[Setting]:
    """What the chart gives to every component of its own."""
    path = "metadata.labels['app.kubernetes.io/component']"
    attributes = f"service.name=$(OTEL_SERVICE_NAME),service.namespace=opentelemetry-demo,service.version={VERSION}"
    yield Setting("OTEL_SERVICE_NAME", "", ".*", "field", key=path, essential=False)
    yield _plain("OTEL_COLLECTOR_NAME", "otel-collector")
    yield _plain("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative")
    if tail:
        yield _plain("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://$(OTEL_COLLECTOR_NAME):{tail}")
    yield _plain("OTEL_RESOURCE_ATTRIBUTES", attributes)


def _plain(name: str, value: str) -> Setting:
    return Setting(name, value, r"[\s\S]*", essential=False, fallback=value)


def _setting(name: str, value: str, callees: Mapping[str, str]) -> Setting:
    """A variable of the chart: the address of a callee, a port to listen on, or anything else."""
    host = value.partition("://")[2] or value.partition("Host=")[2].partition(";")[0] or value
    callee = callees.get(host.partition(":")[0])
    is_address = callee is not None and (name.endswith(("_ADDR", "_HOST")) or name == "DB_CONNECTION_STRING")
    if is_address:
        return Setting(name, value, r"\S+", callee=callee)
    if name.endswith("_PORT") and name.removesuffix("_PORT").lower().replace("_", "-") in callees:
        callee = callees[name.removesuffix("_PORT").lower().replace("_", "-")]
        return Setting(name, value, r"\d{2,5}", callee=callee)
    return _plain(name, value)


def _settings(name: str, program: _Program, users: int) -> tuple[Setting, ...]:
    callees = {
        callee: callee for operation in OPERATIONS[name] for call in operation.calls for callee in (call.callee,)
    }
    env = [*program.env, *((("FLAGD_HOST", "flagd"), ("FLAGD_PORT", "8013")) if program.asks_flags else ())]
    given = [(key, str(users) if key == "LOCUST_USERS" else value) for key, value in env]
    telemetry = list(_telemetry_env("" if name in ("image-provider", "postgresql") else "4317"))
    return (*telemetry[:-1], *(_setting(key, value, callees) for key, value in given), telemetry[-1])


def _wait_for(name: str, port: int) -> Attendant:
    line = f"until nc -z -v -w30 {name} {port}; do echo waiting for {name}; sleep 2; done;"
    return Attendant(f"wait-for-{name}", "busybox", "latest", ("sh", "-c", line), runs_ms=600)


def _component(name: str, users: int, rng: random.Random) -> Component:
    program, port = _PROGRAMS[name], _PROGRAMS[name].port
    steady, limit = program.steady_mib * MIB, program.limit_mib * MIB
    accounts = (
        DatabaseUser("root", "otel", (("admin", "root"),)),
        DatabaseUser("otelu", "otelp", (("otel", "readWrite"),)),
    )
    waits = {"kafka": 9092, "valkey-cart": 6379}
    return Component(
        name=name,
        kind=program.kind,
        protocol=program.protocol,
        dialect=program.dialect,
        container=name,
        image=REPOSITORY,
        tag=f"{VERSION}-{name}",
        command=(),
        args=(),
        port=port or 8080,
        extra_ports=program.extra_ports,
        declares_port=bool(port),
        start_ms=rng.choice((700, 1100, 1600)),
        replicas=rng.choice((1, 1, 1, 2)) if name in _MAY_BE_SEVERAL else 1,
        resources=Resources(0, 0, limit, limit),
        demand=Demand(3.0, program.cpu_ms, steady, min(steady + (limit - steady) // 2, steady * 3 // 2)),
        operations=OPERATIONS[name],
        settings=_settings(name, program, users),
        mounts=(Mount("product-catalog-products", "configmap", "/usr/src/app/products"),)
        if name == "product-catalog"
        else (),
        logins=(Login("postgresql", "otelu", "otel", at_start=False),) if name == "accounting" else (),
        database=Database(True, accounts) if name == "postgresql" else None,
        history=(Revision(f"{EARLIER}-{name}"),) if program.kind == "service" and rng.random() < 0.5 else (),
        chatter_s=20.0 if program.kind in ("infrastructure", "database") else 8.0,
        installed=installed(name),
        service_account=RELEASE,
        inits=(_wait_for(program.waits_for, waits[program.waits_for]),) if program.waits_for else (),
    )


def _flagd() -> Component:
    """It serves a copy of the ConfigMap that an init container makes: a change shows when its pod is replaced."""
    copy = "cp /config-ro/demo.flagd.json /config-rw/demo.flagd.json && cat /config-rw/demo.flagd.json"
    mounts = (("config-ro", "/config-ro"), ("config-rw", "/config-rw"))
    env = (("FLAGD_METRICS_EXPORTER", "otel"), ("FLAGD_OTEL_COLLECTOR_URI", "$(OTEL_COLLECTOR_NAME):4317"))
    start = ("/flagd-build", "start", "--port", "8013", "--ofrep-port", "8016")
    return Component(
        name="flagd",
        kind="infrastructure",
        protocol="grpc",
        dialect="flagd",
        container="flagd",
        image="ghcr.io/open-feature/flagd",
        tag="v0.12.8",
        command=(*start, "--uri", "file:./etc/flagd/demo.flagd.json"),
        args=(),
        port=8013,
        extra_ports=(8016,),
        start_ms=500,
        resources=Resources(0, 0, 75 * MIB, 75 * MIB),
        demand=Demand(4.0, 0.05, 31 * MIB, 46 * MIB),
        operations=OPERATIONS["flagd"],
        settings=tuple(
            [*_telemetry_env("")][:-1] + [_plain(key, value) for key, value in env] + [*_telemetry_env("")][-1:]
        ),
        mounts=(Mount("config-rw", "empty", "/etc/flagd"), Mount("config-ro", "configmap", "", holder="flagd-config")),
        chatter_s=30.0,
        installed=installed("flagd"),
        service_account=RELEASE,
        sidecars=(
            Attendant(
                "flagd-ui", REPOSITORY, f"{VERSION}-flagd-ui", port=4000, mounts=(("config-rw", "/app/data"),),
                log=("Running FlagdUiWeb.Endpoint with Bandit at :::4000 (http)", "GET /feature Sent 200 in 2ms"),
            ),
        ),
        inits=(Attendant("init-config", "busybox", "latest", ("sh", "-c", copy), runs_ms=600, mounts=mounts),),
    )  # fmt: skip


def _valkey() -> Component:
    return Component(
        name="valkey-cart",
        kind="cache",
        protocol="redis",
        dialect="valkey",
        container="valkey-cart",
        image="valkey/valkey",
        tag="8.1.3-alpine",
        command=(),
        args=(),
        port=6379,
        start_ms=300,
        resources=Resources(0, 0, 20 * MIB, 20 * MIB),
        demand=Demand(1.5, 0.05, 7 * MIB, 14 * MIB),
        operations=OPERATIONS["valkey-cart"],
        settings=tuple(_telemetry_env("")),
        chatter_s=60.0,
        installed=installed("valkey-cart"),
        service_account=RELEASE,
    )


def _services(components: tuple[Component, ...]) -> Iterator[ServiceSpec]:
    """A Service for every component that somebody calls; those of the sub-charts have names of their own."""
    for component in components:
        if component.name in BACKENDS or not component.declares_port:
            continue
        match component.name:
            case "kafka":
                ports = (ServicePort("plaintext", 9092, 9092), ServicePort("controller", 9093, 9093))
            case "flagd":
                ports = (
                    ServicePort("rpc", 8013, 8013),
                    ServicePort("ofrep", 8016, 8016),
                    ServicePort("tcp-service-0", 4000, 4000),
                )
            case "valkey-cart":
                ports = (ServicePort("valkey-cart", 6379, 6379),)
            case _:
                ports = (ServicePort("tcp-service", component.port, component.port),)
        yield ServiceSpec(component.name, component.name, ports)
    yield from SERVICES


def _images(components: tuple[Component, ...]) -> tuple[Image, ...]:
    own = [c.name for c in components if c.image == REPOSITORY]
    by_tag = tuple((f"{version}-{name}", name) for version in (EARLIER, VERSION) for name in own)
    # A release candidate of the next version that was published, and does not survive its start.
    buggy = tuple((f"2.2.0-rc1-{name}", name) for name in own if _PROGRAMS[name].kind in ("service", "gateway"))
    tags = tuple(tag for tag, _ in by_tag)
    return (
        Image(REPOSITORY, tags, tuple(tag for tag, _ in buggy), (), ("sh", "ls", "cat"), (*by_tag, *buggy)),
        Image("ghcr.io/open-feature/flagd", ("v0.12.7", "v0.12.8"), (), (("/flagd-build", "flagd"),)),
        Image("valkey/valkey", ("8.1.2-alpine", "8.1.3-alpine"), (), (("valkey-server", ""),), ("valkey-cli", "sh")),
        *(
            Image(c.image, (c.tag,), (), ((c.command[0] if c.command else c.role, c.name),), ("sh", "ls", "cat"))
            for c in components
            if c.name in BACKENDS
        ),
    )


def _products() -> str:
    listed = [{"id": name, "priceUsd": {"currencyCode": "USD", "units": price}} for name, price in PRODUCTS]
    return orjson.dumps({"products": listed}, option=orjson.OPT_INDENT_2).decode()


def astronomy_shop(seed: int) -> Application:
    """Astronomy Shop in `astronomy-shop`; the seed varies users, replicas and earlier releases."""
    rng = random.Random(f"astronomy_shop/{seed}")
    users = rng.choice((10, 20, 30, 50))
    rps = round(users / USER_PAUSE_S * REQUESTS, 3)
    components = (
        *(_component(name, users, rng) for name in _PROGRAMS),
        _flagd(),
        _valkey(),
        *(backend(name) for name in BACKENDS),
    )
    orders = rps * dict(MIX)["POST /api/checkout"]
    return Application(
        key="astronomy_shop",
        seed=seed,
        namespace=NAMESPACE,
        label_key="app.kubernetes.io/name",
        components=components,
        services=tuple(_services(components)),
        images=_images(components),
        workload=Workload(
            "frontend-proxy", rps, MIX, (("accounting", "orders", orders), ("fraud-detection", "orders", orders))
        ),
        extra_config_maps=(
            ("flagd-config", ((FLAG_SERVICE.key, FLAG_SERVICE.text()),)),
            ("product-catalog-products", (("products.json", _products()),)),
            *CONFIG_MAPS,
        ),
        release_labels=(
            ("helm.sh/chart", "opentelemetry-demo-0.38.6"),
            ("app.kubernetes.io/version", VERSION),
            ("app.kubernetes.io/part-of", "opentelemetry-demo"),
            ("app.kubernetes.io/managed-by", "Helm"),
        ),
        flags=FLAG_SERVICE,
    )
