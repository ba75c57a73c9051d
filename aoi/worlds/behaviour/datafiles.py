"""Databases and the files that an earlier release wrote: which releases open them, and which refuse.

The files are as the installed release wrote them, on a claim that outlives every pod. MongoDB opens what the release
before it wrote (its feature compatibility version) and nothing older or newer; PostgreSQL only what its own major
release wrote.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from aoi.worlds.applications.spec import Component

EXIT_CODES: Mapping[str, int] = {"mongod": 62, "postgres": 1}
"""Dialect of an engine that refuses files -> what it exits with: 62 is EXIT_NEED_UPGRADE of MongoDB."""
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")
_MONGO = ("4.0", "4.2", "4.4", "5.0", "6.0", "7.0", "8.0")
"""Releases in the order in which one opens the files of the one before.

Source: https://www.mongodb.com/docs/manual/release-notes/
"""


class Refusal(NamedTuple):
    """What an engine says when it does not open its files."""

    written_by: str
    """Release that wrote them."""
    wanted: str
    """Release that is running."""


def refusal(component: Component, tag: str) -> Refusal | None:
    """Whether the engine at image tag `tag` refuses the files that the installed release wrote."""
    if component.dialect not in EXIT_CODES or not any(mount.source == "claim" for mount in component.mounts):
        return None
    old, new = _release(component.dialect, component.tag), _release(component.dialect, tag)
    if not old or not new or old == new:
        return None
    if component.dialect == "mongod" and old in _MONGO and new in _MONGO:
        opens = (0, 1)
        return None if _MONGO.index(new) - _MONGO.index(old) in opens else Refusal(old, new)
    return Refusal(old, tag if component.dialect == "postgres" else new)


def _release(dialect: str, tag: str) -> str:
    """`4.4` of MongoDB's 4.4.29, `14` of PostgreSQL's 14.11; empty for a tag that says no version."""
    match = _VERSION.match(tag)
    if match is None:
        return ""
    return match[1] if dialect == "postgres" else f"{match[1]}.{match[2] or 0}"
