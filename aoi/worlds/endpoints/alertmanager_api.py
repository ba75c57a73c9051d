"""Alertmanager's HTTP API, version 2, to read: alerts that fire, in groups, status, receivers, no silences.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import re
from typing import Any

from aoi.access.transport import Response
from aoi.worlds.endpoints import rules
from aoi.worlds.endpoints.prometheus_api import READS, Query, json_response, only_read
from aoi.worlds.telemetry.promql import Matcher
from kubeworld.admission.cel.patterns import PatternError, check, is_match
from kubeworld.machine.world import World

VERSION = "0.26.0"
"""The release that is answered like."""
_FLAGS = ("active", "silenced", "inhibited", "unprocessed", "muted")
_GROUP_BY = ("alertname", "namespace")
_FILTER = re.compile(r"""\s*(?P<label>[A-Za-z_]\w*)\s*(?P<operator>=~|!~|!=|=)\s*"?(?P<value>[^"]*)"?\s*""")


def alertmanager(  # noqa: PLR0911 - one answer per path
    world: World, path: str, query: Query, method: str = "GET"
) -> Response:
    """Answer one request."""
    if method not in READS:
        return only_read(method, "Alertmanager")
    if path in ("/-/healthy", "/-/ready", "/"):
        return Response(200, b"OK", "text/plain")
    match path.removeprefix("/api/v2/").rstrip("/") if path.startswith("/api/v2/") else "":
        case "status":
            return json_response(200, _status(world))
        case "receivers":
            return json_response(200, [{"name": rules.RECEIVER}])
        case "silences":
            return json_response(200, [])
        case "alerts" | "alerts/groups" as wanted:
            return _alerts(world, query, grouped=wanted != "alerts")
    return json_response(404, {"code": 404, "message": f"path {path} was not found"})


def _alerts(world: World, query: Query, *, grouped: bool) -> Response:
    given = dict(reversed(query))
    for name in _FLAGS:
        if (given.get(name) or "true").lower() not in ("true", "false"):
            return json_response(400, f'{name} in query must be of type boolean: "{given[name]}"')
    receiver = given.get("receiver") or ".*"
    if not _is_regular(receiver):
        return json_response(400, f"failed to parse receiver param: {receiver}")
    matchers = []
    for text in (value for key, value in query if key == "filter"):
        found = _FILTER.fullmatch(text)
        if found is None or not (_is_regular(found["value"]) or found["operator"] in ("=", "!=")):
            return json_response(400, f"bad matcher format: {text}")
        matchers.append(Matcher(found["label"], found["operator"], found["value"]))
    is_wanted = (given.get("active") or "true").lower() == "true" and is_match(receiver, rules.RECEIVER)
    every = rules.notifications(world) if is_wanted else []
    kept = [alert for alert in every if all(matcher.accepts(alert["labels"]) for matcher in matchers)]
    return json_response(200, _groups(kept) if grouped else kept)


def _is_regular(text: str) -> bool:
    try:
        check(text)
    except PatternError:
        return False
    return True


def _groups(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for alert in alerts:
        groups.setdefault(tuple(alert["labels"][name] for name in _GROUP_BY), []).append(alert)
    return [
        {"labels": dict(zip(_GROUP_BY, key, strict=True)), "receiver": {"name": rules.RECEIVER}, "alerts": group}
        for key, group in sorted(groups.items())
    ]


def _status(world: World) -> dict[str, Any]:
    route = f"route:\n  receiver: {rules.RECEIVER}\n  group_by: [{', '.join(_GROUP_BY)}]\n"
    config = f"{route}receivers:\n- name: {rules.RECEIVER}\n"
    return {
        "cluster": {"status": "ready", "name": "", "peers": []},
        "config": {"original": config},
        "uptime": world.clock.rfc3339(0),
        "versionInfo": {
            "version": VERSION,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
    }
