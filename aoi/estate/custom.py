"""Owners of pods that somebody's operator defines: read as themselves, where the identity may.

What a kind is called in a path is asked of the API's discovery. Of such an object nothing is known but what the API
conventions say of its status.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from collections.abc import Iterable

import orjson

from aoi.access.reading import Readable, discovery_path
from aoi.access.transport import ReadRequest
from aoi.errors import ClusterUnavailable, CommandRefused
from aoi.estate.components import Component, Identity
from aoi.estate.objects import Obj, text
from aoi.estate.reading import Reader

MAX_OWNERS = 20
"""Objects that are read one by one."""


def read_custom(reader: Reader, components: Iterable[Component]) -> dict[Identity, Obj]:
    """The owners of which no more than a reference was known. What could not be read is told as a gap."""
    unread = [component for component in components if component.obj is None and component.reference]
    if len(unread) > MAX_OWNERS:
        reader.skip("custom resources", "", f"{len(unread) - MAX_OWNERS} owners of pods: {MAX_OWNERS} were read")
    plurals: dict[tuple[str, str], str] = {}
    owners: dict[Identity, Obj] = {}
    for component in unread[:MAX_OWNERS]:
        version, kind = text(component.reference, "apiVersion"), component.kind
        obj, why = None, "its kind is of no group that may be read"
        try:
            if (version, kind) not in plurals:
                plurals[version, kind] = _plural(reader, version, kind)
            if plural := plurals[version, kind]:
                group, _, name_of_version = version.partition("/")
                readable = Readable(plural, kind, group, name_of_version)
                obj, status = reader.get(readable, component.namespace, component.name)
                why = f"HTTP {status}"
        except (ClusterUnavailable, CommandRefused) as error:
            why = str(error)
        if obj is not None:
            owners[component.identity] = obj
        else:
            reader.skip(str(component.identity), component.namespace, f"the owner of its pods was not read: {why}")
    return owners


def _plural(reader: Reader, version: str, kind: str) -> str:
    """What a kind is called in a path; empty if the API does not say."""
    group, _, name_of_version = version.partition("/")
    response = reader.ask(ReadRequest(discovery_path(group, name_of_version)))
    if response.status != 200:
        return ""
    try:
        resources = orjson.loads(response.body).get("resources") or []
    except (orjson.JSONDecodeError, AttributeError):
        return ""
    named = (str(entry.get("name")) for entry in resources if isinstance(entry, dict) and entry.get("kind") == kind)
    return next((plural for plural in named if "/" not in plural), "")
