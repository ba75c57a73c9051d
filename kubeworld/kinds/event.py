"""Events: of the core group as they are stored, and of events.k8s.io, which renames their fields.

Controllers write them through `kubeworld.kinds.events`.
"""

from dataclasses import replace
from typing import Any

from kubeworld.kinds.kind import METADATA_FIELDS, Conversion, Kind
from kubeworld.kinds.shared.columns import Printer, age, columns
from kubeworld.machine.store import Obj

_RENAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


def event_seen(obj: Obj) -> tuple[str | None, str | None]:
    """(first, last) time of an event, from whichever fields it has."""
    moment = obj.get("eventTime")
    first = obj.get("firstTimestamp") or moment
    series = (obj.get("series") or {}).get("lastObservedTime")
    return first, series or obj.get("lastTimestamp") or moment


def _cells(obj: Obj, now: int) -> list[Any]:
    first, last = event_seen(obj)
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent", "")
    host = source.get("host") or ""
    count = (obj.get("series") or {}).get("count") or obj.get("count") or 1
    return [
        age(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        obj.get("message", "").strip(),
        age(first, now),
        count,
        obj["metadata"]["name"],
    ]


_RENAMED_BACK = {new: old for old, new in _RENAMES.items()}


def _from_storage(obj: Obj) -> Obj:
    return {_RENAMES.get(key, key): value for key, value in obj.items()}


def _to_storage(obj: Obj) -> Obj:
    new = {_RENAMED_BACK.get(key, key): value for key, value in obj.items()}
    return {**new, "apiVersion": EVENT.api_version, "kind": EVENT.kind}


_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS = METADATA_FIELDS | {"reason", "reportingComponent", "source", "type"}

EVENT = Kind(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    short=("ev",),
    fields=_FIELDS | {f"involvedObject.{field}" for field in _REFERENCE},
    package="io.k8s.api.core.v1",
    has_generation=False,
    printer=Printer(
        columns(
            "Last Seen, Type, Reason, Object, Subobject/1, Source/1, Message, First Seen/1, Count:integer/1, Name/1"
        ),
        _cells,
    ),
)

NEW_EVENT = replace(
    EVENT,
    group="events.k8s.io",
    package="io.k8s.api.events.v1",
    fields=_FIELDS | {"reportingController"} | {f"regarding.{field}" for field in _REFERENCE},
    conversion=Conversion(EVENT.table, _from_storage, _to_storage),
)
