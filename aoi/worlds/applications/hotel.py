"""DeathStarBench's HotelReservation as AIOpsLab deploys it, as data.

19 Deployments, 20 Services, 6 claims with their volumes; Go services that find one another through Consul and
their databases and caches through Services. MongoDB of geo and rate runs with authentication. Names, ports,
labels, graph and workload mix are those of AIOpsLab's manifests; replicas, traffic level and resources of the
stateless services vary by seed.
"""

import random

from aoi.worlds.applications.installation import Mount, Resources, Revision, ServicePort, ServiceSpec
from aoi.worlds.applications.spec import (
    DATA_KINDS,
    MIB,
    Application,
    Call,
    Component,
    Database,
    DatabaseUser,
    Demand,
    Image,
    Login,
    Operation,
    Setting,
    Workload,
)

NAMESPACE = "test-hotel-reservation"
REPOSITORY = "yinfangchen/hotelreservation"
BUGGY_TAG = "app3"
"""AIOpsLab's faulty build, which dials MongoDB on port 27777."""

_PORTS = {
    "frontend": 5000,
    "geo": 8083,
    "profile": 8081,
    "rate": 8084,
    "recommendation": 8085,
    "reservation": 8087,
    "search": 8082,
    "user": 8086,
}
_MONGO = ("geo", "profile", "rate", "recommendation", "reservation", "user")
_CACHE = {"profile": "memcached-profile", "rate": "memcached-rate", "reservation": "memcached-reserve"}
_DATABASE_NAME = {name: f"{name}-db" for name in _MONGO}
_WITH_AUTH = ("geo", "rate")
_ADDRESS = r"[A-Za-z0-9.-]+:\d{2,5}"
_KOMPOSE = (("kompose.cmd", "kompose convert"), ("kompose.version", "1.22.0 (955b78124)"))
_MESH = (
    (
        "sidecar.istio.io/statsInclusionPrefixes",
        "cluster.outbound,cluster_manager,listener_manager,http_mixer_filter,tcp_mixer_filter,server,cluster.xds-grp,"
        "listener,connection_manager",
    ),
    ("sidecar.istio.io/statsInclusionRegexps", "http.*"),
)


def _operations(name: str) -> tuple[Operation, ...]:
    """Operations of each Go service, as its source calls them."""
    mongo = Call(f"mongodb-{name}", "find", timeout_ms=1000)
    cache = Call(_CACHE.get(name, ""), "get", timeout_ms=500, critical=False)
    table: dict[str, tuple[Operation, ...]] = {
        "frontend": (
            Operation(
                "/hotels",
                2.5,
                (
                    Call("search", "search.Search/Nearby", timeout_ms=3000),
                    Call("reservation", "reservation.Reservation/CheckAvailability", timeout_ms=3000),
                    Call("profile", "profile.Profile/GetProfiles", timeout_ms=3000),
                ),
            ),
            Operation(
                "/recommendations",
                2.0,
                (
                    Call("recommendation", "recommendation.Recommendation/GetRecommendations", timeout_ms=3000),
                    Call("profile", "profile.Profile/GetProfiles", timeout_ms=3000),
                ),
            ),
            Operation("/user", 1.5, (Call("user", "user.User/CheckUser", timeout_ms=3000),)),
            Operation(
                "/reservation",
                2.0,
                (
                    Call("user", "user.User/CheckUser", timeout_ms=3000),
                    Call("reservation", "reservation.Reservation/MakeReservation", timeout_ms=3000),
                ),
            ),
        ),
        "search": (
            Operation(
                "search.Search/Nearby",
                1.5,
                (
                    Call("geo", "geo.Geo/Nearby", timeout_ms=2000),
                    Call("rate", "rate.Rate/GetRates", timeout_ms=2000),
                ),
            ),
        ),
        "geo": (Operation("geo.Geo/Nearby", 1.2, (Call("mongodb-geo", "find", 0.3, timeout_ms=1000),)),),
        "rate": (Operation("rate.Rate/GetRates", 1.4, (cache, Call("mongodb-rate", "find", 0.4, timeout_ms=1000))),),
        "profile": (
            Operation("profile.Profile/GetProfiles", 1.4, (cache, Call("mongodb-profile", "find", 0.4, 1000))),
        ),
        "recommendation": (Operation("recommendation.Recommendation/GetRecommendations", 1.8, (mongo,)),),
        "user": (Operation("user.User/CheckUser", 1.0, (mongo,)),),
        "reservation": (
            Operation("reservation.Reservation/CheckAvailability", 1.8, (cache, mongo)),
            Operation("reservation.Reservation/MakeReservation", 2.6, (cache, mongo)),
        ),
    }
    return table[name]


def _settings(name: str) -> tuple[Setting, ...]:
    """Addresses of a service's database and cache, kept in its ConfigMap, and the usual environment."""
    holder = f"{name}-config"
    settings = [
        Setting("JAEGER_SAMPLE_RATIO", "1", r"[01](\.\d+)?", essential=False, fallback="0.01"),
        Setting("LOG_LEVEL", "INFO", r"[A-Z]+", essential=False, fallback="INFO"),
    ]
    title = name.capitalize()
    if name in _MONGO:
        address = f"mongodb-{name}:27017"
        key = f"{title}MongoAddress"
        settings.append(
            Setting(
                f"{name.upper()}_MONGO_ADDRESS", address, _ADDRESS, "config_env", holder, key, callee=f"mongodb-{name}"
            )
        )
    if name in _CACHE:
        address = f"{_CACHE[name]}:11211"
        key = f"{title}MemcAddress"
        settings.append(
            Setting(f"{name.upper()}_MEMC_ADDRESS", address, _ADDRESS, "config_env", holder, key, callee=_CACHE[name])
        )
    if name in ("frontend", "search"):
        settings.append(Setting("KNATIVE_DOMAIN_NAME", "", r".*", "config_env", holder, "KnativeDomainName"))
    return tuple(settings)


def _go_service(name: str, rng: random.Random) -> Component:
    return Component(
        name=name,
        kind="gateway" if name == "frontend" else "service",
        protocol="http" if name == "frontend" else "grpc",
        dialect="zerolog-console",
        container=f"hotel-reserv-{name}",
        image=REPOSITORY,
        tag="latest",
        command=(name,),
        args=(),
        port=_PORTS[name],
        start_ms=rng.choice((600, 800, 1100)),
        replicas=rng.choice((1, 1, 1, 2)),
        resources=Resources(100, 1000, 0, rng.choice((192, 256, 320)) * MIB),
        demand=Demand(2.0, 0.6 if name == "frontend" else 0.45, rng.randint(28, 44) * MIB, 64 * MIB),
        operations=_operations(name),
        settings=_settings(name),
        logins=(
            (Login(f"mongodb-{name}", "admin", _DATABASE_NAME[name]),)
            if name in _WITH_AUTH
            else (Login(f"mongodb-{name}", "", _DATABASE_NAME[name]),)
            if name in _MONGO
            else ()
        ),
        history=tuple(Revision(tag) for tag in rng.choice(((), ("0.2.1",), ("0.2.1", "0.2.4")))),
    )


def _mongo(owner: str, rng: random.Random) -> Component:
    auth = owner in _WITH_AUTH
    mounts = [Mount(f"{owner}", "claim", "/data/db")]
    if auth:
        mounts.append(Mount("init-script", "configmap", "/docker-entrypoint-initdb.d", f"mongo-{owner}-script"))
        mounts.append(Mount("failure-script", "configmap", "/scripts", f"failure-admin-{owner}"))
    users = (
        DatabaseUser("root", "root", (("admin", "root"),)),
        DatabaseUser("admin", "admin", ((f"{owner}-db", "readWrite"),)),
    )
    return Component(
        name=f"mongodb-{owner}",
        kind="database",
        protocol="mongo",
        dialect="mongod",
        container=f"hotel-reserv-{owner}-mongo",
        image="mongo",
        tag="4.4.6",
        command=(),
        args=("--auth",) if auth else (),
        port=27017,
        start_ms=1500,
        resources=Resources(100, 1000, 128 * MIB, 512 * MIB),
        demand=Demand(6.0, 0.35, rng.randint(88, 130) * MIB, 190 * MIB),
        operations=(Operation("find", 0.9),),
        mounts=tuple(mounts),
        database=Database(auth, users if auth else ()),
        chatter_s=20.0,
    )


def _memcached(name: str) -> Component:
    owner = {"reserve": "reservation"}.get(name, name)
    return Component(
        name=f"memcached-{name}",
        kind="cache",
        protocol="memcached",
        dialect="memcached",
        container=f"hotel-reserv-{owner}-mmc",
        image="memcached",
        tag="1.6.29",
        command=(),
        args=("-m", "64"),
        port=11211,
        start_ms=300,
        resources=Resources(50, 1000, 32 * MIB, 128 * MIB),
        demand=Demand(1.0, 0.05, 18 * MIB, 72 * MIB),
        operations=(Operation("get", 0.2),),
        chatter_s=60.0,
    )


def _infrastructure() -> tuple[Component, ...]:
    consul = Component(
        name="consul",
        kind="infrastructure",
        protocol="http",
        dialect="consul",
        container="consul",
        image="hashicorp/consul",
        tag="1.15.4",
        command=(),
        args=(),
        port=8500,
        extra_ports=(8300, 8400, 8600),
        udp_ports=(8600,),
        start_ms=900,
        resources=Resources(100, 1000, 64 * MIB, 256 * MIB),
        demand=Demand(8.0, 0.02, 52 * MIB, 90 * MIB),
        operations=(Operation("/v1/health/service", 0.6),),
        chatter_s=30.0,
    )
    jaeger = Component(
        name="jaeger",
        kind="infrastructure",
        protocol="http",
        dialect="jaeger",
        container="hotel-reserv-jaeger",
        image="jaegertracing/all-in-one",
        tag="1.57",
        command=(),
        args=(),
        port=16686,
        extra_ports=(14269, 5778, 14268, 14267, 6831, 6832, 5775),
        udp_ports=(6831, 6832, 5775),
        start_ms=900,
        resources=Resources(100, 1000, 128 * MIB, 1024 * MIB),
        demand=Demand(10.0, 0.1, 180 * MIB, 420 * MIB),
        operations=(Operation("/api/traces", 3.0),),
        chatter_s=60.0,
    )
    return consul, jaeger


def _services(components: tuple[Component, ...]) -> tuple[ServiceSpec, ...]:
    services = []
    for component in components:
        own = component.name if component.kind in DATA_KINDS else ""
        numbers = (component.port, *component.extra_ports)
        ports = tuple(ServicePort(own or str(port), port, port, component.protocol_of(port)) for port in numbers)
        services.append(ServiceSpec(component.name, component.name, ports))
    services.append(
        ServiceSpec("jaeger-out", "jaeger", (ServicePort("jaeger-out", 16686, 16686),), kind="NodePort"),
    )
    return tuple(services)


def _scripts() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Init scripts of the two databases with authentication, and the operators' user scripts beside them."""
    maps: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for owner in _WITH_AUTH:
        database = f"{owner}-db"
        create = f"db.createUser({{user: 'admin', pwd: 'admin', roles: [{{role: 'readWrite', db: '{database}'}}]}});"
        init = f'#!/bin/bash\nmongo admin --eval "{create}"\n'
        maps.append((f"mongo-{owner}-script", ((f"k8s-{owner}-mongo.sh", init),)))
        grant = f"db.grantRolesToUser('admin', [{{role: 'readWrite', db: '{database}'}}])"
        revoke = f"db.revokeRolesFromUser('admin', [{{role: 'readWrite', db: '{database}'}}])"
        shell = "mongo admin -u root -p root --authenticationDatabase admin --eval "
        scripts = (
            ("remove-admin-mongo.sh", f"#!/bin/bash\n{shell}\"db.dropUser('admin')\"\n"),
            (f"remove-mitigate-admin-{owner}-mongo.sh", f'#!/bin/bash\n{shell}"{create}"\n'),
            (f"revoke-admin-{owner}-mongo.sh", f'#!/bin/bash\n{shell}"{revoke}"\n'),
            (f"revoke-mitigate-admin-{owner}-mongo.sh", f'#!/bin/bash\n{shell}"{grant}"\n'),
        )
        maps.append((f"failure-admin-{owner}", scripts))
    return tuple(maps)


def hotel_reservation(seed: int) -> Application:
    """HotelReservation in `test-hotel-reservation`; the seed varies replicas, traffic level and resources."""
    rng = random.Random(f"hotel_reservation/{seed}")
    components = (
        *(_go_service(name, rng) for name in _PORTS),
        *(_mongo(owner, rng) for owner in _MONGO),
        *(_memcached(name) for name in ("profile", "rate", "reserve")),
        *_infrastructure(),
    )
    images = (
        Image(
            REPOSITORY,
            ("0.2.1", "0.2.4", "latest"),
            (BUGGY_TAG,),
            tuple((name, name) for name in _PORTS),
            ("sh", "ls", "cat"),
            slow=(("app4", "leak"), ("app5", "hot")),
        ),
        *(Image(f"yinfangchen/{name}", ("latest",), (BUGGY_TAG,), ((name, name),)) for name in _MONGO),
        Image("mongo", ("4.4.6", "5.0.14", "6.0.14"), (), (("mongod", ""),), ("mongo", "bash", "sh", "ls", "cat")),
        Image("memcached", ("1.6.12", "1.6.29"), (), (("memcached", ""),), ("sh",)),
        Image("hashicorp/consul", ("1.15.4",), (), (("consul", "consul"),), ("sh",)),
        Image("jaegertracing/all-in-one", ("1.57",), (), (("/go/bin/all-in-one-linux", "jaeger"),)),
    )
    mix = (("/hotels", 0.6), ("/recommendations", 0.39), ("/user", 0.005), ("/reservation", 0.005))
    return Application(
        key="hotel_reservation",
        seed=seed,
        namespace=NAMESPACE,
        label_key="io.kompose.service",
        components=components,
        services=_services(components),
        images=images,
        workload=Workload("frontend", float(rng.choice((40, 60, 80, 100, 140))), mix),
        discovery="registry",
        registry_component="consul",
        extra_config_maps=_scripts(),
        pod_annotations=(*_KOMPOSE, *_MESH),
        release_annotations=_KOMPOSE,
        names_ports=False,
    )
