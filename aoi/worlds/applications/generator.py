"""Generated applications: a number fixes what an application *is*, a seed how this installation of it runs.

By number: names (from the word list of its split), topology, protocol, languages and so log dialects, ports,
images and how they are packed, where configuration lives, which databases there are. By seed: replicas, resources,
recorded releases, traffic level. Numbers 0-99 are for training, 100-199 for development, 200-299 for test.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from aoi.worlds.applications import engines, graphs
from aoi.worlds.applications.delivery import delivered
from aoi.worlds.applications.furniture import furnished
from aoi.worlds.applications.installation import ProbeSpec, Resources, Revision, ServicePort, ServiceSpec
from aoi.worlds.applications.naming import restyled, style_of
from aoi.worlds.applications.shapes import shaped
from aoi.worlds.applications.spec import (
    MIB,
    Application,
    Component,
    Demand,
    Image,
    Login,
    Operation,
    Protocol,
    Setting,
    Source,
    Workload,
)
from aoi.worlds.applications.words import words_of

LABEL_KEYS = ("app", "app.kubernetes.io/name", "k8s-app", "service", "component")
LANGUAGES: dict[str, tuple[str, ...]] = {
    "http": ("zap", "spring", "python", "pino", "dotnet"),
    "grpc": ("zap", "zerolog", "spring", "python", "tracing"),
    "thrift": ("boost", "spring", "zap"),
}
COMMANDS = {
    "zap": "/app/{}",
    "zerolog": "{}",
    "tracing": "/usr/local/bin/{}",
    "boost": "{}-server",
    "spring": "/opt/{}/bin/start",
    "python": "/venv/bin/{}",
    "pino": "/srv/{}/server",
    "dotnet": "/app/{}.dll",
}
VERSION = "3"
SIZED = 0.5
"""Share of its CPU limit that a component uses under its usual traffic, at most."""
ADDRESS = r"[A-Za-z0-9.-]+:\d{2,5}"


def generate(number: int, seed: int) -> Application:
    """Application `number` as installation `seed`. The same pair gives the same application in any process."""
    plan = _dressed(number)
    rng = random.Random(f"generated/{number}/seed/{seed}")
    components = tuple(_install(component, rng) for component in plan.components)
    workload = replace(plan.workload, rps=round(rng.uniform(20, 160), 1))
    return furnished(_sized(replace(plan, seed=seed, components=components, workload=workload)))


def _sized(application: Application) -> Application:
    """With the CPU limits that its owners set once they saw its traffic: nobody is at home at more than half."""
    components = []
    for component in application.components:
        demand = component.demand
        need_m = demand.cpu_idle_m + application.rates[component.name] * demand.cpu_ms_per_request / component.replicas
        limit = component.resources.cpu_limit_m
        while limit and need_m > SIZED * limit:
            limit += 500
        components.append(replace(component, resources=replace(component.resources, cpu_limit_m=limit)))
    return replace(application, components=tuple(components))


@lru_cache(maxsize=512)
def _dressed(number: int) -> Application:
    """What the number fixes, in the shapes and under the names of its style."""
    plan = replace(_plan(number), version=VERSION, style=style_of(number))
    return restyled(delivered(shaped(plan, number), number), number)


def _install(component: Component, rng: random.Random) -> Component:
    """What varies from one installation to the next."""
    if component.kind in ("database", "cache"):
        return component
    memory = round(component.demand.peak_bytes * rng.choice((1.5, 2.0, 2.5, 3.0)) / MIB) * MIB
    resources = replace(
        component.resources,
        cpu_request_m=rng.choice((50, 100, 150)),
        cpu_limit_m=rng.choice((500, 1000, 1500)),
        memory_request_bytes=memory // 2 // MIB * MIB,
        memory_limit_bytes=memory,
    )
    count = rng.choice((0, 1, 1, 2))
    return replace(
        component,
        replicas=rng.choice((1, 1, 2, 2, 3)) if component.kind == "gateway" else rng.choice((1, 1, 1, 2, 2, 3)),
        resources=resources,
        history=component.history[:count],
    )


class _Draft:
    """Choices shared by all components of one application while it is drawn."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rng = random.Random(f"generated/{number}")
        self.protocol: Protocol = self.rng.choice(("http", "grpc", "grpc", "thrift"))
        languages = LANGUAGES[self.protocol]
        self.languages = self.rng.sample(languages, min(len(languages), self.rng.choice((1, 2, 2, 3))))
        words = list(words_of(number))
        self.rng.shuffle(words)
        self.words = words
        self.product = words.pop()
        self.suffix = self.rng.choice(("", "", "-service", "-svc", "-api"))
        self.prefix = self.rng.choice(("", "", "", f"{self.product}-"))
        self.packing = ("monorepo", "own", "grouped", "monorepo")[number % 4]
        self.config: Source = self.rng.choice(("config_env", "config_env", "config_file"))
        self.shared_config = self.rng.random() < 0.25
        self.registry = self.rng.choice(("registry.example.com", "ghcr.io/example", "quay.io/example", "example"))
        self.base_port = self.rng.choice((3000, 5000, 7000, 8080, 9000, 50051))
        self.port_step = self.rng.choice((0, 1, 10))
        self.version = f"{self.rng.randint(1, 3)}.{self.rng.randint(2, 14)}"
        self.tag_style = self.rng.choice(("v{}.{}", "{}.{}", "release-{}.{}"))
        self.health_path = self.rng.choice(("/healthz", "/health", "/ready", "/actuator/health", "/-/healthy"))
        self.probes = self.rng.choice(("none", "some", "most", "most"))

    def word(self) -> str:
        return self.words.pop()

    def tag(self, patch: int) -> str:
        return self.tag_style.format(self.version, patch)


@lru_cache(maxsize=512)
def _plan(number: int) -> Application:
    """Everything that the number fixes, with one replica of each component."""
    draft = _Draft(number)
    rng = draft.rng
    gateways = 1 + (rng.random() < 0.3)
    services = rng.randint(5, 8)
    names = [f"{draft.prefix}{draft.word()}{draft.suffix}" for _ in range(services)]
    gateway_words = rng.sample(("gateway", "edge", "web", "bff", "ingress-api", "frontdoor"), gateways)
    gateway_names = [f"{draft.product}-{word}" for word in gateway_words]
    owners = _draw_data(draft, names)
    data = [component for component, _ in owners]
    layers = graphs.layers_of(gateway_names, names, rng)
    graph = graphs.draw_graph(layers, owners, rng)
    operations = graphs.draw_operations(draft.protocol, graph, {component.name: component for component in data}, rng)
    languages = {name: rng.choice(draft.languages) for name in (*gateway_names, *names)}
    own = [
        _service(draft, index, name, operations, languages[name], data, is_gateway=name in gateway_names)
        for index, name in enumerate((*gateway_names, *names))
    ]
    own, images = _pack(draft, own)
    addresses = {component.name: component.port for component in (*own, *data)}
    own = [_configure(draft, component, addresses, {item.name: item for item in data}) for component in own]
    components = (*own, *data)
    entry = gateway_names[0]
    entry_operations = [operation.name for operation in operations[entry]]
    shares = [rng.uniform(0.2, 1.0) for _ in entry_operations]
    mix = tuple((name, share / sum(shares)) for name, share in zip(entry_operations, shares, strict=True))
    label_key = rng.choice(LABEL_KEYS)
    common = (("app.kubernetes.io/part-of", draft.product),) if rng.random() < 0.6 else ()
    return Application(
        key=f"gen{number:03d}",
        seed=0,
        namespace=rng.choice((draft.product, f"{draft.product}-prod", f"prod-{draft.product}")),
        label_key=label_key,
        components=components,
        services=tuple(_service_object(component, rng) for component in components),
        images=(*images, *engines.images(data)),
        workload=Workload(entry, 50.0, mix),
        config_folder=rng.choice(("/etc/config", "/etc/app", f"/etc/{draft.product}", "/config")),
        extra_config_maps=engines.init_scripts(data),
        common_labels=common,
    )


def _draw_data(draft: _Draft, names: Sequence[str]) -> list[tuple[Component, str]]:
    """(database or cache, its owner). At least one database checks who connects."""
    rng = draft.rng
    owners = rng.sample(list(names), min(len(names), rng.randint(2, 4)))
    engine: Protocol = rng.choice(("mongo", "mongo", "postgres"))
    style = rng.choice(("{}-db", "db-{}", "{}-{}", "{}-store"))
    data = []
    for index, owner in enumerate(owners):
        short = owner.removesuffix(draft.suffix) if draft.suffix else owner
        user = rng.choice((short.replace("-", "_"), "app", "svc", "admin"))
        auth = index == 0 or rng.random() < 0.6
        data.append((engines.database(engine, style.format(short, engine), short, user if auth else "", rng), owner))
    if rng.random() < 0.75:
        cache_engine: Protocol = rng.choice(("redis", "memcached"))
        for owner in rng.sample(list(names), rng.choice((1, 1, 2))):
            short = owner.removesuffix(draft.suffix) if draft.suffix else owner
            name = f"{short}-{rng.choice(('cache', cache_engine))}"
            data.append((engines.cache(cache_engine, name, short, rng), owner))
    return data


def _service(
    draft: _Draft,
    index: int,
    name: str,
    operations: dict[str, tuple[Operation, ...]],
    language: str,
    data: Sequence[Component],
    *,
    is_gateway: bool,
) -> Component:
    rng = draft.rng
    steady = rng.randint(*{"spring": (180, 340), "dotnet": (120, 220)}.get(language, (36, 120))) * MIB
    used = {call.callee for operation in operations[name] for call in operation.calls}
    logins = tuple(
        Login(item.name, item.database.users[-1].name if item.database.auth else "", engines.database_name(item))
        for item in data
        if item.name in used and item.database is not None
    )
    return Component(
        name=name,
        kind="gateway" if is_gateway else "service",
        protocol="http" if is_gateway else draft.protocol,
        dialect=language,
        container=rng.choice((name, "app", "server", name)),
        image="",
        tag=draft.tag(5),
        command=(COMMANDS[language].format(name),),
        args=rng.choice(((), ("--config", "/etc/config"), ("serve",), ())),
        port=draft.base_port + draft.port_step * index,
        start_ms=rng.choice((2500, 4000)) if language == "spring" else rng.choice((400, 900, 1600)),
        resources=Resources(100, 1000, steady, steady * 3),
        demand=Demand(rng.uniform(1, 6), rng.uniform(0.4, 3.5), steady, round(steady * 1.35)),
        operations=operations[name],
        probes=_probes(draft, is_gateway=is_gateway),
        health_path=draft.health_path,
        logins=logins,
        history=tuple(Revision(draft.tag(patch), env) for patch, env in ((3, (("LOG_LEVEL", "debug"),)), (4, ()))),
        chatter_s=rng.choice((3.0, 5.0, 8.0)),
    )


def _probes(draft: _Draft, *, is_gateway: bool) -> tuple[ProbeSpec, ...]:
    rng = draft.rng
    share = {"none": 0.0, "some": 0.5, "most": 0.9}[draft.probes]
    by_protocol: dict[str, Sequence[Literal["http", "tcp", "grpc"]]] = {
        "http": ("http", "http", "tcp"),
        "grpc": ("tcp", "grpc"),
        "thrift": ("tcp",),
    }
    handler = rng.choice(by_protocol["http" if is_gateway else draft.protocol])
    probes = []
    if rng.random() < share:
        probes.append(ProbeSpec("readinessProbe", handler, draft.health_path, period_s=rng.choice((5, 10))))
    if rng.random() < share * 0.7:
        probes.append(ProbeSpec("livenessProbe", handler, draft.health_path, initial_delay_s=15, period_s=10))
    return tuple(probes)


def _pack(draft: _Draft, components: list[Component]) -> tuple[list[Component], list[Image]]:
    """Which programs share an image: all, those of one language, or none."""
    groups: dict[str, list[Component]] = {}
    for component in components:
        group = {
            "monorepo": f"{draft.product}-services",
            "grouped": f"{draft.product}-{component.dialect}",
            "own": component.name,
        }[draft.packing]
        groups.setdefault(f"{draft.registry}/{group}", []).append(component)
    tags = tuple(draft.tag(patch) for patch in (2, 3, 4, 5))
    buggy = (draft.tag(6), draft.tag(7) + "-rc1")
    slow: tuple[tuple[str, Literal["leak", "hot"]], ...] = ((draft.tag(8), "leak"), (draft.tag(9), "hot"))
    packed: list[Component] = []
    images: list[Image] = []
    for repository, members in groups.items():
        binaries = tuple((member.command[0], member.name) for member in members)
        images.append(Image(repository, tags, buggy, binaries, ("sh", "ls", "cat"), slow=slow))
        packed += [replace(member, image=repository) for member in members]
    return packed, images


def _configure(draft: _Draft, component: Component, ports: dict[str, int], data: dict[str, Component]) -> Component:
    """Addresses of callees in a ConfigMap or the environment (or compiled in), passwords in a Secret."""
    rng = random.Random(f"generated/{draft.number}/configure/{component.name}")
    holder = f"{draft.product}-config" if draft.shared_config else f"{component.name}-config"
    prefix = f"{component.name}." if draft.shared_config else ""
    settings = [
        Setting("PORT", str(component.port), r"\d{2,5}"),
        Setting("LOG_LEVEL", "info", r"[a-z]+", essential=False, fallback="info"),
    ]
    for callee in component.callees:
        short = callee.removeprefix(draft.prefix) if draft.prefix else callee
        name = f"{short.replace('-', '_').upper()}_ADDR"
        value = f"{callee}:{ports[callee]}"
        where = rng.choices(("config", "env", "compiled"), (6, 2, 2))[0]
        if callee in data and data[callee].kind == "database":
            where = "config"
        if where == "config":
            key = f"{prefix}{name}" if draft.config == "config_env" else f"{prefix}{short}.addr"
            setting_name = name if draft.config == "config_env" else key
            settings.append(Setting(setting_name, value, ADDRESS, draft.config, holder, key, callee))
        elif where == "env":
            settings.append(Setting(name, value, ADDRESS, callee=callee))
    settings += _own_settings(draft, component, holder, prefix, rng)
    for login in component.logins:
        database = data[login.database_component].database
        assert database is not None
        if database.auth:
            name = f"{component.name.replace('-', '_').upper()}_DB_PASSWORD"
            password, secret = database.users[-1].password, f"{component.name}-db"
            settings.append(Setting(name, password, r".+", "secret_env", secret, "password"))
            break  # one password; `engines` gives a service one database at most
    return replace(component, settings=tuple(settings))


def _own_settings(draft: _Draft, component: Component, holder: str, prefix: str, rng: random.Random) -> list[Setting]:
    """One or two values that only the program itself understands."""
    choices = (
        ("MAX_CONNECTIONS", str(rng.choice((50, 100, 200))), r"\d{1,4}"),
        ("CACHE_TTL", f"{rng.choice((30, 60, 300))}s", r"\d+(ms|s|m)"),
        ("FEATURE_SET", rng.choice(("standard", "extended")), r"standard|extended"),
        ("REQUEST_TIMEOUT", f"{rng.choice((500, 800, 2000))}ms", r"\d+(ms|s)"),
    )
    picked = rng.sample(choices, rng.choice((1, 1, 2)))
    if draft.config == "config_env":
        return [Setting(name, value, pattern, "config_env", holder, prefix + name) for name, value, pattern in picked]
    files = [(prefix + name.lower().replace("_", "."), value, pattern) for name, value, pattern in picked]
    return [Setting(name, value, pattern, "config_file", holder, name) for name, value, pattern in files]


def _service_object(component: Component, rng: random.Random) -> ServiceSpec:
    """A Service whose port equals the container's, since addresses name it; the target may be by number only."""
    name = {"http": "http", "grpc": "grpc", "thrift": "thrift"}.get(component.protocol, component.protocol)
    kind: Literal["ClusterIP", "NodePort"] = (
        "NodePort" if component.kind == "gateway" and rng.random() < 0.5 else "ClusterIP"
    )
    return ServiceSpec(component.name, component.name, (ServicePort(name, component.port, component.port),), kind)
