"""How a database or a cache is run, and whom it lets in: arguments, configuration files, passwords, indexes."""

import base64
import math
import random
import re
from collections.abc import Callable
from typing import Any

from aoi.problems.faults.base import Action, Fault, Mark, Plan, Such, never
from aoi.problems.faults.runtimes import inbound
from aoi.problems.faults.templates import changed_container, restart
from aoi.problems.sites import NOTICED, Site, is_used
from aoi.problems.writes import Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component, Setting
from aoi.worlds.behaviour import databases
from kubeworld.machine.world import World


def _is_database(application: Application, component: Component) -> bool:
    is_called = bool(application.callers[component.name])
    return component.kind == "database" and is_called and is_used(application, component)


def _is_cache(application: Application, component: Component) -> bool:
    """Asked often, though nobody fails without it."""
    is_asked = application.rates[component.name] >= NOTICED * application.workload.rps
    return component.kind == "cache" and bool(application.callers[component.name]) and is_asked


def _engine_args(site: Site, words: list[str], speaker: str) -> Plan:
    """More words on an engine's command line."""
    plan = changed_container(
        site,
        {"args": [*(site.container.get("args") or ()), *words]},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("logs", speaker)),
    )
    return _shared_with(plan, speaker)


def _shared_with(plan: Plan, client: str) -> Plan:
    """What a client is told and what tells it are two ends of one thing."""
    return Plan(
        writes=plan.writes,
        repair=plan.repair,
        marks=plan.marks,
        actions=plan.actions,
        evidence=plan.evidence,
        accepted=(*plan.accepted, client),
    )


def _engine_file(component: Component) -> Setting | None:
    return next(
        (s for s in component.settings if s.source == "config_file" and s.name in ("mongod.conf", "redis.conf")), None
    )


def _wants_tls(application: Application, component: Component) -> bool:
    return _is_database(application, component) and component.protocol == "mongo"


def _requires_tls(site: Site, choices: random.Random) -> Plan:
    folder = choices.choice(("/etc/ssl", "/etc/mongodb/tls", "/data/certs"))
    setting = _engine_file(site.spec)
    if setting is None:
        words = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", f"{folder}/mongodb.pem"]
        return _engine_args(site, words, site.observer)
    text = f"net:\n  tls:\n    mode: requireTLS\n    certificateKeyFile: {folder}/mongodb.pem\n"
    key: Key = ("configmaps", site.namespace, setting.holder)
    return Plan(
        writes=(
            Patch(key, {"data": {setting.key: text}}),
            *(Delete(("pods", site.namespace, name)) for name in site.pods),
        ),
        repair=(Patch(key, {"data": {setting.key: setting.value}}), restart(site.key)),
        marks=(Mark(key, ("data", setting.key), text),),
        actions=(Action("set_config", site.name),),
        evidence=(("logs", site.name), ("logs", site.observer)),
        accepted=(site.name,),
    )


def _db_connections(site: Site, choices: random.Random) -> Plan:
    few = choices.choice((1, 2, 3))
    words = ["--maxConns", str(few)] if site.spec.protocol == "mongo" else ["-c", f"max_connections={few}"]
    return _too_few(site, _engine_args(site, words, site.observer))


def _is_postgres(application: Application, component: Component) -> bool:
    return _is_database(application, component) and component.protocol == "postgres"


def _read_only(site: Site, choices: random.Random) -> Plan:
    value = choices.choice(("on", "true", "1"))
    return _engine_args(site, ["-c", f"default_transaction_read_only={value}"], site.observer)


def _is_redis(application: Application, component: Component) -> bool:
    return _is_cache(application, component) and component.protocol == "redis"


def _cache_memory(site: Site, choices: random.Random) -> Plan:
    size = choices.choice(("512kb", "1mb", "2mb"))
    words = ["--maxmemory", size, "--maxmemory-policy", "noeviction"]
    return _engine_args(site, words, site.observer)


def _cache_connections(site: Site, choices: random.Random) -> Plan:
    few = choices.choice((1, 2, 3))
    words = ["--maxclients", str(few)] if site.spec.protocol == "redis" else [f"--conn-limit={few}"]
    return _too_few(site, _engine_args(site, words, site.observer))


_CONNECTIONS = re.compile(r"(?:--maxConns|--maxclients|--conn-limit|max_connections)[ =](\d+)")


def _too_few(site: Site, plan: Plan) -> Plan:
    """The same plan; the fault is there as long as fewer connections are allowed than are asked for."""
    wanted = inbound(site)
    return plan.marked_by(Such(lambda args: _allowed(args) < wanted))


def _allowed(args: Any) -> float:
    """Connections that a command line allows: the last word counts. As many as there are if it says nothing."""
    told = _CONNECTIONS.findall(" ".join(args or ()))
    return int(told[-1]) if told else math.inf


def _passwords(application: Application, component: Component) -> list[Setting]:
    checked = [
        login
        for login in component.logins
        if login.user and (base := application.by_name[login.database_component].database) is not None and base.auth
    ]
    return [setting for setting in component.settings if setting.source == "secret_env"] if checked else []


def _has_password(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_passwords(application, component))


def _wrong_password(site: Site, choices: random.Random) -> Plan:
    """The Secret was rotated, the database was not told."""
    setting = _passwords(site.application, site.spec)[0]
    wrong = "".join(choices.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(16))
    key: Key = ("secrets", site.namespace, setting.holder)
    new, old = (base64.b64encode(text.encode()).decode() for text in (wrong, setting.value))
    database = next(login.database_component for login in site.spec.logins if login.user)
    return Plan(
        writes=(
            Patch(key, {"data": {setting.key: new}}),
            *(Delete(("pods", site.namespace, name)) for name in site.pods),
        ),
        repair=(Patch(key, {"data": {setting.key: old}}), restart(site.key)),
        marks=(Mark(key, ("data", setting.key), new),),
        actions=(Action("repair_database", database),),
        evidence=(("logs", site.name), ("pods", site.name)),
        accepted=(site.name, database),
    )


def _slow_query(site: Site, choices: random.Random) -> Plan:
    """An index is gone: every look-up reads the whole table, which takes the database's CPU."""
    rate = max(0.1, site.application.rates[site.name])
    limit = site.spec.resources.cpu_limit_m or 1000
    scan_ms = round(min(900.0, max(90.0, limit * choices.uniform(1.1, 2.0) / rate)), 1)
    return Plan(
        writes=(),
        repair=(),
        marks=(),
        actions=(Action("repair_database", site.name),),
        evidence=(("logs", site.name), ("traces", site.observer)),
        accepted=(site.name,),
        state=_scanning(site.name, scan_ms),
        undo_state=_scanning(site.name, 0.0),
        state_holds=lambda world: databases.scan_ms(world, site.name) > 0,
    )


def _scanning(database: str, scan_ms: float) -> Callable[[World], None]:
    return lambda world: databases.set_scan(world, database, scan_ms)


DB_REQUIRES_TLS = Fault(
    key="db_requires_tls",
    version="1",
    family="credentials",
    causes=("tls",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_wants_tls,
    plan=_requires_tls,
)
DB_PASSWORD = Fault(
    key="db_password",
    version="1",
    family="credentials",
    causes=("authfailed",),
    level=SystemLevel.APPLICATION,
    type=FaultType.AUTHENTICATION,
    eligible=_has_password,
    plan=_wrong_password,
    mendable=never,
)
DB_CONNECTIONS = Fault(
    key="db_connections",
    version="1",
    family="database",
    causes=("connlimit",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_database,
    plan=_db_connections,
)
DB_READ_ONLY = Fault(
    key="db_read_only",
    version="1",
    family="database",
    causes=("readonly",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_postgres,
    plan=_read_only,
)
SLOW_QUERY = Fault(
    key="slow_query",
    version="1",
    family="database",
    causes=("slowquery",),
    level=SystemLevel.APPLICATION,
    type=FaultType.OPERATION,
    eligible=_is_database,
    plan=_slow_query,
    mendable=never,
    at_rolled=True,
    needs_control=True,
)
CACHE_MEMORY = Fault(
    key="cache_memory",
    version="1",
    family="cache",
    causes=("cachemiss",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_redis,
    plan=_cache_memory,
)
CACHE_CONNECTIONS = Fault(
    key="cache_connections",
    version="1",
    family="cache",
    causes=("connlimit",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_is_cache,
    plan=_cache_connections,
)

MECHANISMS = (
    DB_REQUIRES_TLS,
    DB_PASSWORD,
    DB_CONNECTIONS,
    DB_READ_ONLY,
    SLOW_QUERY,
    CACHE_MEMORY,
    CACHE_CONNECTIONS,
)
