"""Which command line a program takes: an option that it does not know ends it, in its parser's own words.

A program knows the options that its manifest gives it, and an engine those of its own below. Frameworks that take
any option as configuration (Spring's `--key=value`, .NET's host) never complain.
"""

from collections.abc import Mapping, Sequence

from aoi.worlds.applications.spec import Component

EXIT_CODES: Mapping[str, int] = {
    "zap": 2,
    "zerolog": 2,
    "zerolog-console": 2,
    "python": 2,
    "tracing": 2,
    "pino": 1,
    "boost": 134,
    "mongod": 2,
    "postgres": 1,
    "redis": 1,
}
"""Dialect of a program that refuses what it does not know -> what it exits with then."""
_ENGINES: Mapping[str, frozenset[str]] = {
    "mongod": frozenset(
        (
            *("auth", "bind_ip", "bind_ip_all", "config", "dbpath", "f", "keyFile", "logpath", "maxConns", "noauth"),
            *("oplogSize", "port", "quiet", "replSet", "setParameter", "shardsvr", "configsvr", "slowms", "verbose"),
            *("tlsMode", "tlsCertificateKeyFile", "tlsCAFile", "wiredTigerCacheSizeGB"),
        )
    ),
    "postgres": frozenset(("c", "D", "p", "h", "k", "N", "B", "F", "S", "config-file")),
    "redis": frozenset(
        (
            *("port", "bind", "appendonly", "save", "maxmemory", "maxmemory-policy", "maxclients", "requirepass"),
            *("loglevel", "dir", "timeout", "protected-mode", "tcp-keepalive", "databases", "replicaof", "tls-port"),
        )
    ),
}


def unknown_option(component: Component, args: Sequence[str]) -> str:
    """The first option of a command line that the program does not know, without its dashes and value; else empty."""
    if component.dialect not in EXIT_CODES:
        return ""
    known = {_name(word) for word in (*component.args, *component.command) if word.startswith("-")}
    known |= _ENGINES.get(component.dialect, frozenset())
    for word in args:
        if word.startswith("-") and word != "-" and (name := _name(word)) and name not in known:
            return name
    return ""


def _name(word: str) -> str:
    return word.lstrip("-").partition("=")[0]
