"""Jaeger's query API as its UI uses it: services, operations, traces, dependencies; also below `/jaeger/ui`.

Source: https://www.jaegertracing.io/docs/1.57/apis/#http-json-internal
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from aoi.access.transport import Response
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.traffic import Traffic
from aoi.worlds.endpoints.prometheus_api import READS, Query, json_response, only_read
from aoi.worlds.runtime import applications_of
from aoi.worlds.telemetry import promql, traces
from aoi.worlds.telemetry.history import History
from kubeworld.machine.world import World

PREFIX = "/jaeger/ui"
DEFAULT_LIMIT, MAX_LIMIT = 100, 1500
DAY_MS = 86_400_000


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = json_response(status, _body(None, [{"code": status, "msg": message}]))


def jaeger(world: World, path: str, query: Query, method: str = "GET", *, namespace: str = "") -> Response:
    """Answer one request: of all applications, or of that in a namespace."""
    if method not in READS:
        return only_read(method, "Jaeger")
    traced = [one for one in applications_of(world) if namespace in ("", *one.namespaces)]
    path = path.removeprefix(PREFIX) or "/"
    if path in ("/", "/search"):
        return Response(200, b"<!doctype html><title>Jaeger UI</title>\n", "text/html")
    try:
        data = _data(world, traced, path, query)
    except _Refused as error:
        return error.response
    except promql.PromqlError as error:
        return _Refused(400, f"unable to parse a duration: {error}").response
    return json_response(200, _body(data, None))


def _data(world: World, traced: Sequence[Application], path: str, query: Query) -> list[Any]:
    match path.strip("/").split("/"):
        case ["api", "services"]:
            return sorted({name for application in traced for name in application.depth})
        case ["api", "services", service, "operations"]:
            return [operation["name"] for operation in _operations(traced, service)]
        case ["api", "operations"]:
            return _operations(traced, _needed(dict(reversed(query)), "service"))
        case ["api", "traces"]:
            return _traces(world, traced, query)
        case ["api", "traces", trace_id]:
            return _trace(world, traced, trace_id)
        case ["api", "dependencies"]:
            return _dependencies(world, traced, dict(reversed(query)))
    raise _Refused(404, f"not found: {path}")


def _needed(parameters: dict[str, str], name: str) -> str:
    if not parameters.get(name):
        raise _Refused(400, f"unable to parse param '{name}': parameter '{name}' is required")
    return parameters[name]


def _operations(traced: Sequence[Application], service: str) -> list[dict[str, str]]:
    found = [
        {"name": operation.name, "spanKind": "server"}
        for application in traced
        if service in application.depth
        for operation in application.by_name[service].operations
    ]
    if not found and not any(service in application.depth for application in traced):
        raise _Refused(404, f"not found: service {service}")
    return found


def _traces(world: World, traced: Sequence[Application], query: Query) -> list[dict[str, Any]]:
    parameters = dict(reversed(query))
    service = _needed(parameters, "service")
    end = min(_milliseconds(world, parameters, "end", world.clock.now_ms), world.clock.now_ms)
    back = promql.duration_ms(parameters["lookback"]) if "lookback" in parameters else traces.LOOKBACK_MS
    start = _milliseconds(world, parameters, "start", end - back)
    text = parameters.get("limit", str(DEFAULT_LIMIT))
    if not text.isdigit():
        raise _Refused(400, f"unable to parse param 'limit': strconv.ParseInt: parsing {text!r}: invalid syntax")
    limit = min(int(text), MAX_LIMIT)
    wanted = _tags(parameters.get("tags", "{}")) | dict(_tag(value) for key, value in query if key == "tag")
    shortest = promql.duration_ms(parameters["minDuration"]) if parameters.get("minDuration") else 0
    longest = promql.duration_ms(parameters["maxDuration"]) if parameters.get("maxDuration") else None
    # The limit is of traces that fit: whoever asks for five with an error gets five if there are so many.
    is_choosing = bool(wanted or shortest or longest is not None or parameters.get("operation"))
    looked = MAX_LIMIT if is_choosing and limit else limit
    found: list[dict[str, Any]] = []
    for application in traced:
        matching = traces.traces(world, application, service=service, limit=looked, start_ms=start, end_ms=end)
        for spans in matching:
            own = [span for span in spans if span.service == service]
            if operation := parameters.get("operation"):
                own = [span for span in own if span.operation == operation]
            own = [span for span in own if all(_told(span.tags.get(key)) == value for key, value in wanted.items())]
            if longest is not None:
                own = [span for span in own if span.duration_ms <= longest]
            if len(found) < limit and any(span.duration_ms >= shortest for span in own):
                found.append(traces.to_json(world, spans))
    return found


def _tags(text: str) -> dict[str, str]:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        raise _Refused(400, f"unable to parse param 'tags': malformed 'tags' parameter, expected JSON: {text[:80]!r}")
    return {str(key): _told(value) for key, value in read.items()}


def _tag(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon:
        why = f"malformed 'tag' parameter, expected key:value, received: {text[:80]}"
        raise _Refused(400, f"unable to parse param 'tag': {why}")
    return key, value


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trace(world: World, traced: Sequence[Application], trace_id: str) -> list[dict[str, Any]]:
    at_ms = traces.started_ms(world, trace_id)
    if at_ms is not None and 0 <= at_ms <= world.clock.now_ms:
        for application in traced:
            earliest = at_ms - application.trace_interval_ms
            for spans in traces.traces(world, application, service="", limit=1, start_ms=earliest, end_ms=at_ms):
                found = traces.to_json(world, spans)
                if found["traceID"] == trace_id:
                    return [found]
    raise _Refused(404, "trace not found")


def _milliseconds(world: World, parameters: dict[str, str], name: str, default_ms: int) -> int:
    """A parameter in Unix microseconds as world time."""
    text = parameters.get(name)
    if not text:
        return default_ms
    try:
        return int(float(text) / 1000) - world.clock.epoch_ms
    except (ValueError, OverflowError):
        raise _Refused(
            400, f"unable to parse param '{name}': strconv.ParseInt: parsing {text!r}: invalid syntax"
        ) from None


def _dependencies(world: World, traced: Sequence[Application], parameters: dict[str, str]) -> list[dict[str, Any]]:
    """Calls from one to another in the time that ends at `endTs` and is `lookback` long: both in milliseconds."""
    epoch_ms, now_ms = world.clock.epoch_ms, world.clock.now_ms
    until = _whole(parameters.get("endTs") or str(epoch_ms + now_ms), "endTs") - epoch_ms
    end, start = min(until, now_ms), max(0, until - _whole(parameters.get("lookback") or str(DAY_MS), "lookback"))
    found = []
    for application in traced if start < end else ():
        history = History(world, application)
        for caller, callee in application.edges:
            count = int(history.integral(_rate_between(caller, callee), start, end))
            if count:
                found.append({"parent": caller, "child": callee, "callCount": count})
    return found


def _rate_between(caller: str, callee: str) -> Callable[[Traffic], float]:
    return lambda traffic: traffic.flows[caller, callee].rate


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        why = f"strconv.ParseInt: parsing {text!r:.80}: invalid syntax"
        raise _Refused(400, f"unable to parse param '{name}': {why}") from None


def _body(data: list[Any] | None, errors: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {"data": data, "total": len(data or ()), "limit": 0, "offset": 0, "errors": errors}
