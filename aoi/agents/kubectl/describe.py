"""`kubectl describe`: one page an object, its events at the end."""

from collections.abc import Callable, Mapping
from typing import Any

from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.describe_network import (
    describe_claim,
    describe_config_map,
    describe_limit_range,
    describe_network_policy,
    describe_node,
    describe_quota,
    describe_service,
)
from aoi.agents.kubectl.describe_pods import describe_pod
from aoi.agents.kubectl.describe_workloads import (
    describe_daemon_set,
    describe_deployment,
    describe_job,
    describe_replica_set,
    describe_stateful_set,
)
from aoi.agents.kubectl.page import Obj, Page, last_seen
from aoi.agents.kubectl.reader import Reader, ServerSaid

MAX_OBJECTS = 12
"""Pages of one answer; more are named, not described."""

Describer = Callable[[Page, Obj, Reader], None]

_DESCRIBERS: Mapping[str, Describer] = {
    "pods": lambda page, obj, _: describe_pod(page, obj),
    "services": describe_service,
    "configmaps": describe_config_map,
    "nodes": describe_node,
    "persistentvolumeclaims": describe_claim,
    "resourcequotas": describe_quota,
    "limitranges": describe_limit_range,
    "deployments.apps": describe_deployment,
    "replicasets.apps": describe_replica_set,
    "statefulsets.apps": describe_stateful_set,
    "daemonsets.apps": describe_daemon_set,
    "jobs.batch": describe_job,
    "networkpolicies.networking.k8s.io": describe_network_policy,
}


def render_describe(command: ReadCommand, reader: Reader) -> str:
    """What `kubectl describe` prints. Raises: ServerSaid if there is nothing to describe."""
    objects: list[tuple[Target, Obj]] = []
    for target in command.targets:
        objects += [(target, obj) for obj in _objects(target, command, reader)]
    if not objects:
        where = f" in {command.namespace} namespace" if command.targets[0].readable.namespaced else ""
        return f"No resources found{where}.\n"
    pages = [_page(target, obj, command, reader) for target, obj in objects[:MAX_OBJECTS]]
    text = "\n\n".join(pages)
    if len(objects) > MAX_OBJECTS:
        names = ", ".join(obj["metadata"]["name"] for _, obj in objects[MAX_OBJECTS:])
        text += f"\n\n{len(objects) - MAX_OBJECTS} more not described: {names}\n"
    return text


def _objects(target: Target, command: ReadCommand, reader: Reader) -> list[Obj]:
    if target.name is None:
        return reader.list(target.readable, labels=command.labels)
    try:
        return [reader.get(target.readable, target.name)]
    except ServerSaid as error:
        # kubectl then describes every object whose name starts so.
        matches = (
            [obj for obj in reader.list(target.readable) if obj["metadata"]["name"].startswith(target.name)]
            if error.status == 404
            else []
        )
        if not matches:
            raise
        return matches


def _page(target: Target, obj: Obj, command: ReadCommand, reader: Reader) -> str:
    page = Page(reader.now)
    _DESCRIBERS.get(target.readable.key, _describe_generic)(page, obj, reader)
    with_events = command.show_events and target.readable.key not in _WITHOUT_EVENTS
    page.events(events_of(reader, obj) if with_events else None)
    return page.text()


_WITHOUT_EVENTS = frozenset({"networkpolicies.networking.k8s.io", "resourcequotas", "limitranges", "events"})


def events_of(reader: Reader, obj: Obj) -> list[Obj] | None:
    """Events about one object, oldest first; None if they may not be read. A node's live in `default`."""
    kind, name = obj["kind"], obj["metadata"]["name"]
    namespace = obj["metadata"].get("namespace") or "default"
    fields = f"involvedObject.kind={kind},involvedObject.name={name}"
    try:
        events = reader.list("events", fields=fields, namespace=namespace)
    except ServerSaid as error:
        if error.status == 403:
            return None
        raise
    # An older object of the same name is not this one. A node's events carry its name for a uid.
    uids = {obj["metadata"].get("uid"), name, "", None}
    mine = [event for event in events if (event.get("involvedObject") or {}).get("uid") in uids]
    return sorted(mine, key=last_seen)


def _describe_generic(page: Page, obj: Obj, reader: Reader) -> None:
    """Any object: its head, then its fields as an indented tree."""
    page.head(obj)
    page.field(0, "API Version", obj.get("apiVersion", ""))
    page.field(0, "Kind", obj.get("kind", ""))
    for key in sorted(obj):
        if key not in ("metadata", "apiVersion", "kind"):
            _tree(page, 0, _title(key), obj[key])


def _tree(page: Page, level: int, key: str, value: Any) -> None:
    if isinstance(value, dict):
        page.line(level, f"{key}:")
        for name in sorted(value):
            _tree(page, level + 1, _title(name), value[name])
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        page.line(level, f"{key}:")
        for item in value:
            entries = sorted(item.items()) if isinstance(item, dict) else [("Item", item)]
            for name, inner in entries:
                _tree(page, level + 1, _title(name), inner)
    elif isinstance(value, list):
        page.line(level, f"{key}:")
        for item in value:
            page.line(level + 1, str(item))
    else:
        page.field(level, key, "<nil>" if value is None else value)


def _title(name: str) -> str:
    """`gracePeriodSeconds` -> `Grace Period Seconds`; names that are not camel case stay."""
    if not name.isalnum() or name.isupper():
        return name
    text = "".join(f" {char}" if char.isupper() and i else char for i, char in enumerate(name))
    return text[:1].upper() + text[1:]
