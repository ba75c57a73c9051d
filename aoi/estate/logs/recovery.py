"""Lines that say that a dependency was reached again, and which earlier failures they make history."""
# ruff: noqa: E501 - a pattern is one line for each of its groups

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aoi.estate.logs.blocks import Block
from aoi.estate.logs.hosts import host_name, hosts_of, is_address
from aoi.estate.logs.levels import Level
from aoi.estate.logs.lines import readable

_GOOD = re.compile(
    r"\b(?:re)?connected (?:to|with)\b|\bconnection (?:\S{1,200} ){0,4}(?:re-?established|established|restored|ok|successful|succeeded)\b|"
    r"\b(?:re-?)?established (?:a )?connection\b|\brecovered\b|\bsuccessfully (?:re)?connected\b|\bready to accept connections\b|"
    r"\bis (?:back|reachable|healthy) again\b|\bback online\b|\bis (?:available after|up\b)|- accepting connections\b|\bServer \S{1,200} is UP\b|\b(?:is|are) now (?:available|reachable|up)\b|"
    r"\b(?:retry|retrying|attempt)\b.{0,120}\b(?:ok|succeeded|success)\W{0,3}$",
    re.IGNORECASE,
)
_CALLED = re.compile(r"connect|established|restored|recovered|retry|attempt", re.IGNORECASE)
"""About a call of this program's; that it is up itself, or ready to be called, says nothing of whom it calls."""
_READY = re.compile(r"ready to accept connections|- accepting connections", re.IGNORECASE)
_BUT = re.compile(
    r"\b(?:not|never|cannot|can't|couldn't|failed|fails|failure|error|lost|until|when|once|waiting|disconnected|unless|if|said|says|wrote|trying|will)\b",
    re.IGNORECASE,
)
_LONGEST = 1_000
"""Characters of a line that says that all is well."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A line that says that something works now."""

    ordinal: int
    names: frozenset[str]
    """Hosts that it names, without domain and port; may be empty."""
    ports: frozenset[str]
    is_call: bool


def recoveries(blocks: Sequence[Block], first: int) -> list[Recovery]:
    """From the block `first` on, oldest first."""
    good: list[Recovery] = []
    for ordinal, block in enumerate(blocks[first:], start=first):
        said = block.head.said
        if said.level > Level.WARN or block.is_crash:
            continue
        text = readable(said.text)[:_LONGEST]
        match = _GOOD.search(text)
        if match and not _BUT.search(text, said.message_start):
            # Names alone: the address that a name resolved to may be another one by now.
            hosts = hosts_of(text) or hosts_of(said.beside)
            is_call = bool(_CALLED.search(match[0])) and not _READY.search(match[0])
            good.append(Recovery(ordinal, frozenset(map(host_name, hosts)), _ports(hosts), is_call))
    return good


def is_recovered(
    last: int, hosts: Sequence[str], calls: Sequence[tuple[int, tuple[str, ...]]], good: Sequence[Recovery]
) -> bool:
    """Whether a failure that was last seen at block `last` was followed by success with the same hosts.

    Success that names nobody, or a name where the failure gave an address and the port is the same, is believed only
    if the calls that failed before it went to one place.
    """
    names = {host_name(host) for host in hosts}
    later = [recovery for recovery in good if recovery.ordinal > last]
    if names and names <= {name for recovery in later for name in recovery.names}:
        return True
    places = {host_name(host) for _, others in calls for host in others}
    if len(places) > 1:
        return False
    for recovery in later:
        is_about_it = recovery.is_call or not names
        is_same = not recovery.names or (all(map(is_address, hosts)) and bool(recovery.ports & _ports(hosts)))
        if is_about_it and is_same and all(at < recovery.ordinal for at, _ in calls):
            return True
    return False


def _ports(hosts: Sequence[str]) -> frozenset[str]:
    return frozenset(host.rsplit(":", 1)[1] for host in hosts if host.count(":") == 1)
