"""Databases and caches of generated applications: engines, accounts, images, init scripts."""

import random
from collections.abc import Sequence

from aoi.worlds.applications.installation import Mount, ProbeSpec, Resources
from aoi.worlds.applications.spec import MIB, Component, Database, DatabaseUser, Demand, Image, Operation, Protocol

PORTS = {"mongo": 27017, "postgres": 5432, "redis": 6379, "memcached": 11211}
DIALECTS = {"mongo": "mongod", "postgres": "postgres", "redis": "redis", "memcached": "memcached"}
TAGS = {
    "mongo": ("4.4.29", "5.0.26", "6.0.14"),
    "postgres": ("14.11", "15.6", "16.2"),
    "redis": ("6.2.14", "7.0.15", "7.2.4"),
    "memcached": ("1.6.21", "1.6.26"),
}
BINARIES = {"mongo": "mongod", "postgres": "postgres", "redis": "redis-server", "memcached": "memcached"}
TOOLS = {
    "mongo": ("mongo", "mongosh", "bash", "sh", "ls", "cat"),
    "postgres": ("psql", "pg_isready", "bash", "sh", "ls", "cat"),
    "redis": ("redis-cli", "sh", "ls", "cat"),
    "memcached": ("sh",),
}
PING = {"mongo": ("mongosh", "--eval", "db.adminCommand('ping')"), "redis": ("redis-cli", "ping")}


def database(engine: Protocol, name: str, owner: str, user: str, rng: random.Random) -> Component:
    """A database of service `owner`. An empty `user` means that anyone may connect."""
    auth = bool(user)
    schema = f"{owner.replace('-', '_')}_db"
    users = ()
    if auth:
        password = "".join(rng.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(12))
        users = (
            DatabaseUser("root", "root", (("admin", "root"),)),
            DatabaseUser(user, password, ((schema, "readWrite"),)),
        )
    mounts = [Mount(f"{name}-data", "claim", "/var/lib/data")]
    if auth:
        mounts.append(Mount(f"{name}-init", "configmap", "/docker-entrypoint-initdb.d"))
    probes = []
    if rng.random() < 0.5:
        probes.append(ProbeSpec("readinessProbe", "tcp"))
    elif engine in PING and rng.random() < 0.5:
        probes.append(ProbeSpec("readinessProbe", "exec", command=PING[engine]))
    steady = rng.randint(90, 170) * MIB
    return Component(
        name=name,
        kind="database",
        protocol=engine,
        dialect=DIALECTS[engine],
        container=rng.choice((engine, name)),
        image=engine,
        tag=rng.choice(TAGS[engine]),
        command=(),
        args=("--auth",) if auth and engine == "mongo" else (),
        port=PORTS[engine],
        start_ms=rng.choice((1200, 2000)),
        resources=Resources(100, rng.choice((1000, 2000)), steady, 4 * steady),
        demand=Demand(rng.uniform(4, 10), rng.uniform(0.2, 0.8), steady, round(steady * 1.4)),
        operations=(Operation("query" if engine == "postgres" else "find", round(rng.uniform(0.6, 2.5), 2)),),
        probes=tuple(probes),
        mounts=tuple(mounts),
        database=Database(auth, users),
        chatter_s=15.0,
    )


def cache(engine: Protocol, name: str, owner: str, rng: random.Random) -> Component:
    """A cache of service `owner`."""
    probes = (ProbeSpec("readinessProbe", "tcp"),) if rng.random() < 0.5 else ()
    steady = rng.randint(14, 40) * MIB
    return Component(
        name=name,
        kind="cache",
        protocol=engine,
        dialect=DIALECTS[engine],
        container=engine,
        image=engine,
        tag=rng.choice(TAGS[engine]),
        command=(),
        args=(),
        port=PORTS[engine],
        start_ms=300,
        resources=Resources(50, 500, steady, 5 * steady),
        demand=Demand(1.0, 0.05, steady, 2 * steady),
        operations=(Operation("get", 0.25),),
        probes=probes,
        mounts=(),
        chatter_s=45.0,
    )


def images(components: Sequence[Component]) -> tuple[Image, ...]:
    """One image per engine in use. Its command becomes whatever database its pod stands for."""
    used = dict.fromkeys(component.image for component in components)
    return tuple(Image(name, TAGS[name], (), ((BINARIES[name], ""),), TOOLS[name]) for name in used)


def database_name(component: Component) -> str:
    """The schema that the owner uses."""
    if component.database and component.database.users:
        return component.database.users[-1].grants[0][0]
    return "app_db"


def init_scripts(components: Sequence[Component]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """A ConfigMap per database with accounts: the script that makes them. Passwords come from the environment."""
    maps = []
    for component in components:
        if component.database is None or not component.database.auth:
            continue
        user = component.database.users[-1]
        schema = user.grants[0][0]
        if component.protocol == "mongo":
            text = (
                f"db = db.getSiblingDB('{schema}');\n"
                f"db.createUser({{user: '{user.name}', pwd: process.env.APP_PASSWORD, "
                f"roles: [{{role: 'readWrite', db: '{schema}'}}]}});\n"
            )
            maps.append((f"{component.name}-init", (("init.js", text),)))
        else:
            text = f"CREATE ROLE {user.name} LOGIN;\nGRANT ALL ON SCHEMA {schema} TO {user.name};\n"
            maps.append((f"{component.name}-init", (("init.sql", text),)))
    return tuple(maps)
