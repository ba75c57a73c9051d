"""DeathStarBench's SocialNetwork as AIOpsLab's local chart deploys it, as data.

27 Deployments, 27 Services, a ConfigMap each; Thrift services on port 9090 that call one another through Services.
No probes, no volumes. The graph is that of the mixed workload; `social-graph -> user`, which only following by user
name takes, is left out, since with `user -> social-graph` (registration) it would close a circle.
"""

import random
from dataclasses import replace

from aoi.worlds.applications.installation import Installed, Resources, Revision, ServicePort, ServiceSpec
from aoi.worlds.applications.spec import (
    MIB,
    Application,
    Call,
    Component,
    Database,
    Demand,
    Image,
    Kind,
    Login,
    Operation,
    Protocol,
    Setting,
    Workload,
)

NAMESPACE = "test-social-network"
REPOSITORY = "docker.io/deathstarbench/social-network-microservices"
THRIFT_PORT = 9090
_COLLECTOR_UDP, _COLLECTOR_TCP = (5775, 6831, 6832), (5778, 14268, 9411)
"""Where Jaeger takes spans and hands out sampling, beside its page."""
_ADDRESS = r"[A-Za-z0-9.-]+:\d{2,5}"
_ENGINES: dict[str, tuple[Protocol, Kind, int, str, str]] = {
    "mongodb": ("mongo", "database", 27017, "4.4.6", "find"),
    "redis": ("redis", "cache", 6379, "6.2.4", "get"),
    "memcached": ("memcached", "cache", 11211, "1.6.7", "get"),
}
_FOLDER = "/social-network-microservices/config"
_FILES = {
    "mongod.conf": "net:\n  tls:\n    mode: disabled\n",
    "redis.conf": "io-threads 8\nio-threads-do-reads yes\nport 6379\ntls-port 0\n",
    "service-config.json": '{"memcached": {"port": 11211, "connections": 512}}\n',
}
"""What the engines of stores are started with, a ConfigMap each."""
_ARGS = {"mongo": ("--config", f"{_FOLDER}/mongod.conf"), "redis": (f"{_FOLDER}/redis.conf",)}
_DATA = (
    "home-timeline-redis",
    "media-memcached",
    "media-mongodb",
    "post-storage-memcached",
    "post-storage-mongodb",
    "social-graph-mongodb",
    "social-graph-redis",
    "url-shorten-memcached",
    "url-shorten-mongodb",
    "user-memcached",
    "user-mongodb",
    "user-timeline-mongodb",
    "user-timeline-redis",
)
_BINARIES = {
    "compose-post-service": "ComposePostService",
    "home-timeline-service": "HomeTimelineService",
    "media-service": "MediaService",
    "post-storage-service": "PostStorageService",
    "social-graph-service": "SocialGraphService",
    "text-service": "TextService",
    "unique-id-service": "UniqueIdService",
    "url-shorten-service": "UrlShortenService",
    "user-mention-service": "UserMentionService",
    "user-service": "UserService",
    "user-timeline-service": "UserTimelineService",
}


def _mongo(owner: str, weight: float = 1.0) -> Call:
    return Call(f"{owner}-mongodb", "find", weight, 1000)


def _cache(name: str) -> Call:
    return Call(name, "get", 1.0, 500, critical=False)


def _call(service: str, operation: str, timeout_ms: int, weight: float = 1.0) -> Call:
    return Call(f"{service}-service", operation, weight, timeout_ms)


_OPERATIONS: dict[str, tuple[Operation, ...]] = {
    "nginx-thrift": (
        Operation("/wrk2-api/home-timeline/read", 1.5, (_call("home-timeline", "ReadHomeTimeline", 5000),)),
        Operation("/wrk2-api/user-timeline/read", 1.5, (_call("user-timeline", "ReadUserTimeline", 5000),)),
        Operation("/wrk2-api/post/compose", 2.5, (_call("compose-post", "ComposePost", 6000),)),
        Operation("/wrk2-api/user/register", 1.5, (_call("user", "RegisterUserWithId", 4000),)),
    ),
    "compose-post-service": (
        Operation(
            "ComposePost",
            2.0,
            (
                _call("unique-id", "ComposeUniqueId", 1000),
                _call("media", "ComposeMedia", 1000),
                _call("user", "ComposeCreatorWithUserId", 2000),
                _call("text", "ComposeText", 3000),
                _call("post-storage", "StorePost", 2000),
                _call("user-timeline", "WriteUserTimeline", 2000),
                _call("home-timeline", "WriteHomeTimeline", 3000),
            ),
        ),
    ),
    "home-timeline-service": (
        Operation(
            "ReadHomeTimeline",
            1.2,
            (Call("home-timeline-redis", "get", 1.0, 1000), _call("post-storage", "ReadPosts", 2000)),
        ),
        Operation(
            "WriteHomeTimeline",
            1.2,
            (_call("social-graph", "GetFollowers", 2000), Call("home-timeline-redis", "get", 1.0, 1000)),
        ),
    ),
    "user-timeline-service": (
        Operation(
            "ReadUserTimeline",
            1.3,
            (_cache("user-timeline-redis"), _mongo("user-timeline", 0.5), _call("post-storage", "ReadPosts", 2000)),
        ),
        Operation("WriteUserTimeline", 1.3, (_mongo("user-timeline"), _cache("user-timeline-redis"))),
    ),
    "post-storage-service": (
        Operation("ReadPosts", 1.4, (_cache("post-storage-memcached"), _mongo("post-storage", 0.6))),
        Operation("StorePost", 1.1, (_mongo("post-storage"),)),
    ),
    "text-service": (
        Operation(
            "ComposeText",
            1.5,
            (_call("url-shorten", "ComposeUrls", 2000), _call("user-mention", "ComposeUserMentions", 2000)),
        ),
    ),
    "url-shorten-service": (Operation("ComposeUrls", 1.0, (_cache("url-shorten-memcached"), _mongo("url-shorten"))),),
    "user-mention-service": (
        # It reads the user service's stores itself, as upstream does.
        Operation("ComposeUserMentions", 1.0, (_cache("user-memcached"), _mongo("user", 0.6))),
    ),
    "media-service": (Operation("ComposeMedia", 0.8, (_cache("media-memcached"), _mongo("media", 0.3))),),
    "social-graph-service": (
        Operation("GetFollowers", 1.2, (_cache("social-graph-redis"), _mongo("social-graph", 0.5))),
        Operation("InsertUser", 1.0, (_mongo("social-graph"),)),
    ),
    "unique-id-service": (Operation("ComposeUniqueId", 0.3),),
    "user-service": (
        Operation("ComposeCreatorWithUserId", 0.4),
        Operation("RegisterUserWithId", 1.8, (_mongo("user"), _call("social-graph", "InsertUser", 2000))),
    ),
}


def _port_of(name: str) -> int:
    for engine, (_, _, port, _, _) in _ENGINES.items():
        if name.endswith(f"-{engine}"):
            return port
    return {"nginx-thrift": 8080, "media-frontend": 8081, "jaeger": 16686}.get(name, THRIFT_PORT)


def _settings(name: str) -> tuple[Setting, ...]:
    """Addresses of all callees in the component's own ConfigMap, a file each."""
    callees = dict.fromkeys(call.callee for operation in _OPERATIONS.get(name, ()) for call in operation.calls)
    files = {f"{callee}.addr": callee for callee in callees}
    if not files:
        return (Setting("machine-id", "0x2f", r"0x[0-9a-f]{2}", "config_file", name, "machine-id"),)
    return tuple(
        Setting(file, f"{callee}:{_port_of(callee)}", _ADDRESS, "config_file", name, file, callee)
        for file, callee in files.items()
    )


def _installed(name: str) -> Installed:
    """The chart finds pods by `service`, and gives them `app` as well."""
    selector = (("service", name),)
    return Installed(name, name, (*selector, ("app", name)), selector)


def _program(name: str, rng: random.Random) -> Component:
    is_gateway = name == "nginx-thrift"
    owned = [call.callee for operation in _OPERATIONS[name] for call in operation.calls]
    return Component(
        name=name,
        kind="gateway" if is_gateway else "service",
        protocol="http" if is_gateway else "thrift",
        dialect="nginx" if is_gateway else "boost",
        container=name,
        image="docker.io/yg397/openresty-thrift" if is_gateway else REPOSITORY,
        tag="xenial" if is_gateway else "latest",
        command=() if is_gateway else (_BINARIES[name],),
        args=(),
        port=_port_of(name),
        start_ms=rng.choice((500, 700, 1000)),
        replicas=rng.choice((1, 1, 1, 2)),
        resources=Resources(100, 1000, 0, rng.choice((256, 320, 384)) * MIB),
        demand=Demand(2.0, rng.uniform(0.4, 1.2), rng.randint(30, 60) * MIB, 96 * MIB),
        operations=_OPERATIONS[name],
        settings=_settings(name),
        logins=tuple(
            Login(callee, "", callee.removesuffix("-mongodb"), at_start=False)
            for callee in dict.fromkeys(owned)
            if callee.endswith("-mongodb")
        ),
        history=() if is_gateway else tuple(Revision(tag) for tag in rng.choice(((), ("0.3.1",), ("0.3.0", "0.3.1")))),
    )


def _store(name: str) -> Component:
    engine = name.rpartition("-")[2]
    protocol, kind, port, tag, operation = _ENGINES[engine]
    file = {"mongo": "mongod.conf", "redis": "redis.conf"}.get(protocol, "service-config.json")
    is_database = kind == "database"
    return Component(
        name=name,
        kind=kind,
        protocol=protocol,
        dialect={"mongo": "mongod"}.get(protocol, protocol),
        container=name,
        image=f"docker.io/library/{protocol}",
        tag=tag,
        command=(),
        args=_ARGS.get(protocol, ()),
        port=port,
        start_ms=1500 if is_database else 300,
        resources=Resources(100, 1000, 64 * MIB, (512 if is_database else 192) * MIB),
        demand=Demand(4.0, 0.3 if is_database else 0.05, (95 if is_database else 20) * MIB, 160 * MIB),
        operations=(Operation(operation, 0.9 if is_database else 0.2),),
        settings=(Setting(file, _FILES[file], r"[\s\S]+", "config_file", name, file),),
        database=Database(False, ()) if is_database else None,
        chatter_s=20.0 if is_database else 60.0,
    )


def _aside(name: str, image: str, tag: str, dialect: str) -> Component:
    """Components that no request of the workload passes through."""
    return Component(
        name=name,
        kind="infrastructure",
        protocol="http",
        dialect=dialect,
        container=name,
        image=image,
        tag=tag,
        command=(),
        args=(),
        port=_port_of(name),
        extra_ports=(*_COLLECTOR_UDP, *_COLLECTOR_TCP) if name == "jaeger" else (),
        udp_ports=_COLLECTOR_UDP if name == "jaeger" else (),
        start_ms=900,
        resources=Resources(100, 1000, 64 * MIB, 1024 * MIB),
        demand=Demand(5.0, 0.1, 90 * MIB, 420 * MIB),
        operations=(Operation("/", 2.0),),
        settings=(Setting("server.conf", "default", r"[\s\S]+", "config_file", name, "server.conf"),),
        chatter_s=60.0,
    )


def _service_object(component: Component) -> ServiceSpec:
    numbers = (component.port, *component.extra_ports)
    ports = tuple(ServicePort(str(port), port, port, component.protocol_of(port)) for port in numbers)
    return ServiceSpec(component.name, component.name, ports)


def social_network(seed: int) -> Application:
    """SocialNetwork in `test-social-network`; the seed varies replicas, releases, traffic level and resources."""
    rng = random.Random(f"social_network/{seed}")
    described = (
        *(_program(name, rng) for name in _OPERATIONS),
        *(_store(name) for name in _DATA),
        _aside("media-frontend", "docker.io/yg397/media-frontend", "xenial", "nginx"),
        _aside("jaeger", "docker.io/jaegertracing/all-in-one", "1.57", "jaeger"),
    )
    components = tuple(replace(component, installed=_installed(component.name)) for component in described)
    images = (
        Image(REPOSITORY, ("0.3.0", "0.3.1", "latest"), ("0.4.0-rc1",), tuple((b, n) for n, b in _BINARIES.items())),
        Image("docker.io/yg397/openresty-thrift", ("xenial",), ("bionic",), (("nginx", "nginx-thrift"),), ("sh",)),
        Image("docker.io/yg397/media-frontend", ("xenial",), (), (("nginx", "media-frontend"),), ("sh",)),
        Image("docker.io/jaegertracing/all-in-one", ("1.57",), (), (("/go/bin/all-in-one-linux", "jaeger"),)),
        Image(
            "docker.io/library/mongo",
            ("4.4.6", "5.0.14", "6.0.14"),
            (),
            (("mongod", ""),),
            ("mongo", "bash", "sh", "ls", "cat"),
        ),
        Image("docker.io/library/redis", ("6.2.4", "7.0.15"), (), (("redis-server", ""),), ("redis-cli", "sh")),
        Image("docker.io/library/memcached", ("1.6.7", "1.6.29"), (), (("memcached", ""),), ("sh",)),
    )
    mix = (
        ("/wrk2-api/home-timeline/read", 0.595),
        ("/wrk2-api/user-timeline/read", 0.3),
        ("/wrk2-api/post/compose", 0.1),
        ("/wrk2-api/user/register", 0.005),
    )
    return Application(
        key="social_network",
        seed=seed,
        namespace=NAMESPACE,
        label_key="app",
        components=components,
        services=tuple(_service_object(component) for component in components),
        images=images,
        workload=Workload("nginx-thrift", float(rng.choice((60, 100, 160, 220))), mix),
        release_labels=(("app.kubernetes.io/managed-by", "Helm"),),
        release_annotations=(
            ("meta.helm.sh/release-name", "social-network"),
            ("meta.helm.sh/release-namespace", NAMESPACE),
        ),
        names_ports=False,
        config_folder=_FOLDER,
        trace_interval_ms=30_000,  # sampled at 1 %: traces are few
    )
