"""How a program runs, where it was built or told otherwise than its specification assumes.

A specification's times and needs are those of a healthy installation. What departs from it is read here from what
people really change: the image's tag, variables of the runtime, limits in the command, arguments and configuration
files of database engines, and the settings that the application's own programs read. Pure, and part of `Launch`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from aoi.worlds.applications.spec import MIB, Component

Flaw = Literal["", "leak", "hot"]

HOT_MS = 640.0
"""CPU that a request costs on top in a build that backtracks through a regular expression."""
LEAK_S = 60
"""A leaking build holds as much again as its steady working set every so many seconds."""
LIVE_SHARE = 0.55
"""Of the steady working set, what a garbage collector cannot free."""
ROOMY = 1.6
"""A heap of so many times the live objects costs a collector next to nothing."""
PAUSE_MS_PER_MIB = 2.0
"""A full collection copies or marks every live object."""
CACHED_BYTES = 8 * MIB
"""Working set of a cache's keys: with less memory it must evict, or refuse to store."""
RETRIES_VARIABLE = "RPC_MAX_ATTEMPTS"
"""Attempts in all that a program's client makes of a call before it gives up; once, unless it is told."""

_HEAPS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "spring": ("JAVA_TOOL_OPTIONS", re.compile(r"-Xmx(?P<size>\d+)(?P<unit>[kmgKMG])")),
    "pino": ("NODE_OPTIONS", re.compile(r"--max-old-space-size=(?P<size>\d+)(?P<unit>)")),
    "dotnet": ("DOTNET_GCHeapHardLimit", re.compile(r"(?:0x)?(?P<hex>[0-9a-fA-F]+)")),
}
"""Dialect -> the variable that its runtime reads, and where the limit of the heap stands in it."""
_UNITS = {"k": 1024, "m": MIB, "g": 1024 * MIB, "": MIB}
_PLAIN_LINE = re.compile(r"(?:exec\s+)?([^\s;&|<>$`\"'()#*?][^;&|<>$`\"'()#*?]*)")
_ULIMIT = re.compile(r"ulimit\s+(?:-[HS]*n)\s+(\d+)\s*(?:&&|;)\s*exec\s+(.+)")
_DURATION = re.compile(r"(\d+)(ms|s|m)")
_DURATION_MS = {"ms": 1, "s": 1000, "m": 60_000}
_ENGINE_CLIENTS = re.compile(
    r"--maxConns[ =](\d+)|maxIncomingConnections:\s*(\d+)|max_connections\s*=\s*(\d+)|"
    r"maxclients[ =](\d+)|(?:--conn-limit[ =]|(?:^|\s)-c ?)(\d+)"
)
_REQUIRES_TLS = re.compile(r"--tlsMode[ =]requireTLS|tls:\s+mode:\s*requireTLS|mode:\s*requireTLS")
_READ_ONLY = re.compile(r"default_transaction_read_only\s*=\s*(?:on|true|1)\b")
_REDIS_MEMORY = re.compile(r"maxmemory[ =](\d+)\s*([kmg]?)b?\b", re.IGNORECASE)
_MEMCACHED_MEMORY = re.compile(r"(?:^|\s)(?:-m|--memory-limit=?)\s*(\d+)")
_NO_EVICTION = re.compile(r"maxmemory-policy[ =]noeviction")


@dataclass(frozen=True, slots=True)
class Tuning:
    """What one program does otherwise. All zero: as its specification says."""

    extra_cpu_ms: float = 0.0
    """CPU of each request on top of what its specification says."""
    gc_share: float = 0.0
    """Share of the time in which the garbage collector holds the program, in [0, 1)."""
    gc_pause_ms: float = 0.0
    leak_bytes_per_s: float = 0.0
    open_files: int = 0
    """Limit of descriptors; 0: as many as it wants."""
    timeout_ms: int = 0
    """Longest wait for any answer; 0: each call's own."""
    attempts: int = 1
    """Of a call that fails, in all."""
    max_clients: int = 0
    """Connections that it accepts; 0: as many as come."""
    requires_tls: bool = False
    is_read_only: bool = False
    missing_share: float = 0.0
    """Of look-ups that a cache with enough memory would answer."""
    refuses_writes: bool = False
    """A cache that is full and may not evict."""


PLAIN = Tuning()


def unwrapped(command: list[str], programs: Collection[str] = ()) -> tuple[list[str], int]:
    """(command without a shell around it, the limit that it sets with `ulimit -n` or 0).

    A shell that sets no limit is taken away where all that it runs is one of the `programs`, with plain words.
    """
    if len(command) == 3 and command[0].rpartition("/")[2] in ("sh", "bash") and command[1] == "-c":
        line = command[2].strip()
        if match := _ULIMIT.fullmatch(line):
            return match[2].split(), int(match[1])
        if (match := _PLAIN_LINE.fullmatch(line)) and match[1].split()[0] in programs:
            return match[1].split(), 0
    return command, 0


def tuned(
    component: Component,
    flaw: Flaw,
    environment: Mapping[str, str],
    read: Iterable[tuple[str, str, str]],
    open_files: int,
) -> Tuning:
    """How a program of an application runs. `read` is (name, text, healthy text) of each setting that it read."""
    tuning = replace(_of_heap(component, environment), open_files=open_files)
    if flaw == "hot":
        tuning = replace(tuning, extra_cpu_ms=HOT_MS)
    elif flaw == "leak":
        tuning = replace(tuning, leak_bytes_per_s=component.demand.memory_bytes / LEAK_S)
    if (told := environment.get(RETRIES_VARIABLE, "")).isdigit():
        tuning = replace(tuning, attempts=max(1, int(told)))
    for name, text, healthy in read:
        if text == healthy:
            continue  # the specification's times are those that it has with this
        plain = name.upper().replace(".", "_")
        if plain.endswith("REQUEST_TIMEOUT") and (match := _DURATION.fullmatch(text)):
            tuning = replace(tuning, timeout_ms=max(1, int(match[1]) * _DURATION_MS[match[2]]))
        elif plain.endswith("MAX_CONNECTIONS") and text.isdigit():
            tuning = replace(tuning, max_clients=max(1, int(text)))
    return PLAIN if tuning == PLAIN else tuning


def _of_heap(component: Component, environment: Mapping[str, str]) -> Tuning:
    variable, pattern = _HEAPS.get(component.dialect, ("", None))
    match = pattern.search(environment.get(variable, "")) if pattern is not None else None
    if match is None:
        return PLAIN
    groups = match.groupdict()
    size = int(groups["hex"], 16) if "hex" in groups else int(groups["size"]) * _UNITS[groups["unit"].lower()]
    live = LIVE_SHARE * component.demand.memory_bytes
    share = min(0.98, max(0.0, 1.0 - (size / live - 1.0) / (ROOMY - 1.0)))
    if share < 0.05:
        return PLAIN
    return Tuning(gc_share=round(share, 4), gc_pause_ms=round(live / MIB * PAUSE_MS_PER_MIB, 1))


def engine_tuned(component: Component, words: list[str], files: Iterable[str]) -> Tuning:
    """How a database or a cache runs: by its command line, and by the configuration files that are mounted."""
    text = "\n".join((" ".join(words), *files))
    found = _ENGINE_CLIENTS.search(text)
    clients = int(next(group for group in found.groups() if group)) if found else 0
    memory, is_kept = _cache_memory(component, text)
    missing = 0.0 if memory is None else round(max(0.0, 1.0 - memory / CACHED_BYTES), 4)
    tuning = Tuning(
        max_clients=clients,
        requires_tls=component.protocol == "mongo" and bool(_REQUIRES_TLS.search(text)),
        is_read_only=component.protocol == "postgres" and bool(_READ_ONLY.search(text)),
        missing_share=missing,
        refuses_writes=missing > 0 and is_kept,
    )
    return PLAIN if tuning == PLAIN else tuning


def _cache_memory(component: Component, text: str) -> tuple[int | None, bool]:
    """(bytes for keys, whether a full one refuses instead of evicting). Redis refuses unless it is told to evict."""
    if component.protocol == "redis" and (match := _REDIS_MEMORY.search(text)):
        scale = {"k": 1024, "m": MIB, "g": 1024 * MIB, "": 1}[match[2].lower()]
        is_policy_other = "maxmemory-policy" in text and not _NO_EVICTION.search(text)
        return int(match[1]) * scale, not is_policy_other
    if component.protocol == "memcached" and (match := _MEMCACHED_MEMORY.search(text)):
        return int(match[1]) * MIB, False
    return None, False
