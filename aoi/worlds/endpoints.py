"""The HTTP faces of Prometheus and Jaeger over a world: pure functions from (path, query) to a response.

Paths are those that the read allow-list knows. Errors answer as the real servers do: 400 `bad_data` for an
expression that is not understood, 404 for anything else.
"""

import math
from collections.abc import Callable
from typing import Any

import orjson

from aoi.access.transport import Response
from aoi.worlds.applications.spec import Application
from aoi.worlds.runtime import application_of, traffic
from aoi.worlds.telemetry import alerts, promql, traces
from aoi.worlds.telemetry.promql_evaluation import evaluate
from aoi.worlds.telemetry.series import Catalogue
from kubeworld.machine.world import World

Query = tuple[tuple[str, str], ...]
MAX_POINTS = 11_000
"""Per series of a range query, as Prometheus limits it."""


def prometheus(world: World, path: str, query: Query) -> Response:
    """`/api/v1/query`, `query_range`, `alerts`, `labels`, `label/<name>/values`, `rules`, `targets`, `metadata`."""
    application = application_of(world)
    if application is None:
        return _json(503, {"status": "error", "errorType": "unavailable", "error": "no application is monitored"})
    parameters = dict(query)
    try:
        data = _prometheus(world, application, path, parameters)
    except promql.PromqlError as error:
        return _json(400, {"status": "error", "errorType": "bad_data", "error": f"invalid parameter: {error}"})
    if data is None:
        return _json(404, {"status": "error", "errorType": "not_found", "error": f"no such path {path}"})
    return _json(200, {"status": "success", "data": data})


def _prometheus(  # noqa: PLR0911 - one answer per path
    world: World, application: Application, path: str, parameters: dict[str, str]
) -> Any:
    match path.split("/")[3:]:
        case ["query"]:
            return _query(world, application, parameters)
        case ["query_range"]:
            return _query_range(world, application, parameters)
        case ["alerts"]:
            return {"alerts": [_alert(world, application, alert) for alert in alerts.firing(world, application)]}
        case ["labels"]:
            return sorted({label for labels in _all_labels(world, application) for label in labels} | {"__name__"})
        case ["label", "__name__", "values"]:
            return Catalogue(world, application).names
        case ["label", name, "values"]:
            return sorted({labels[name] for labels in _all_labels(world, application) if name in labels})
        case ["rules"]:
            rules = [{"name": name, "type": "alerting", "health": "ok"} for name in alerts.NAMES]
            return {"groups": [{"name": application.namespace, "rules": rules}]}
        case ["targets"]:
            return {"activeTargets": [_target(series) for series in Catalogue(world, application).series("up")]}
        case ["metadata"]:
            kinds = Catalogue(world, application).names
            return {name: [{"type": "counter" if name.endswith("_total") else "gauge"}] for name in kinds}
    return None


def _query(world: World, application: Application, parameters: dict[str, str]) -> Any:
    catalogue = Catalogue(world, application)
    node = promql.parse(parameters.get("query", ""))
    at_ms = _moment(world, parameters.get("time"))
    value = evaluate(node, catalogue.series, at_ms)
    stamp = _stamp(world, at_ms)
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [stamp, _number(value)]}
    result = [{"metric": labels, "value": [stamp, _number(sample)]} for labels, sample in value]
    return {"resultType": "vector", "result": result}


def _query_range(world: World, application: Application, parameters: dict[str, str]) -> Any:
    catalogue = Catalogue(world, application)
    node = promql.parse(parameters.get("query", ""))
    start = _moment(world, parameters.get("start"))
    end = _moment(world, parameters.get("end"))
    step = promql.duration_ms(parameters.get("step", "15s"))
    if step <= 0 or end < start or (end - start) / step > MAX_POINTS:
        raise promql.PromqlError(
            f"exceeded maximum resolution of {MAX_POINTS} points per timeseries, or an empty range"
        )
    rows: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
    for at_ms in range(start, end + 1, step):
        value = evaluate(node, catalogue.series, at_ms)
        samples: list[promql.Sample] = [({}, value)] if isinstance(value, float) else value
        for labels, sample in samples:
            rows.setdefault(tuple(sorted(labels.items())), []).append([_stamp(world, at_ms), _number(sample)])
    return {"resultType": "matrix", "result": [{"metric": dict(key), "values": row} for key, row in rows.items()]}


def _alert(world: World, application: Application, alert: alerts.Alert) -> dict[str, Any]:
    labels = {
        "alertname": alert.name,
        "namespace": application.namespace,
        "service": alert.service,
        "severity": alert.severity,
    }
    return {
        "labels": labels,
        "annotations": {"summary": f"{alert.service}: {alert.summary}"},
        "state": "firing",
        "activeAt": world.clock.rfc3339(alert.active_ms),
        "value": f"{alert.value:g}",
    }


def _all_labels(world: World, application: Application) -> list[promql.Labels]:
    catalogue = Catalogue(world, application)
    return [series.labels for name in catalogue.names for series in catalogue.series(name)]


def _target(series: promql.Series) -> dict[str, Any]:
    return {"labels": series.labels, "health": "up" if series.at(0) is not None else "unknown"}


def _moment(world: World, text: str | None) -> int:
    """A Unix time in seconds as world time; now if it is not given, or lies in the future."""
    if text is None:
        return world.clock.now_ms
    try:
        seconds = float(text)
    except ValueError as error:
        raise promql.PromqlError(f"cannot parse {text!r} to a valid timestamp") from error
    return min(int(seconds * 1000) - world.clock.epoch_ms, world.clock.now_ms)


def _stamp(world: World, at_ms: int) -> float:
    return (world.clock.epoch_ms + at_ms) / 1000


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.9g}"


def jaeger(world: World, path: str, query: Query) -> Response:
    """`/api/services`, `/api/services/<name>/operations`, `/api/traces`, `/api/dependencies`."""
    application = application_of(world)
    if application is None:
        return _json(503, {"data": None, "errors": [{"code": 503, "msg": "no application is traced"}]})
    parameters = dict(query)
    answers: dict[str, Callable[[], Any]] = {
        "/api/services": lambda: _services(application),
        "/api/traces": lambda: _traces(world, application, parameters),
        "/api/dependencies": lambda: _dependencies(world, application),
    }
    answer = answers.get(path)
    parts = path.split("/")
    if answer is not None:
        data = answer()
    elif len(parts) == 5 and parts[2] == "services" and parts[4] == "operations" and parts[3] in application.by_name:
        data = [operation.name for operation in application.by_name[parts[3]].operations]
    else:
        return _json(404, {"data": None, "errors": [{"code": 404, "msg": f"not found: {path}"}]})
    return _json(200, {"data": data, "total": len(data), "limit": 0, "offset": 0, "errors": None})


def _services(application: Application) -> list[str]:
    return sorted(name for name in application.depth)


def _traces(world: World, application: Application, parameters: dict[str, str]) -> list[dict[str, Any]]:
    end = _microseconds(world, parameters.get("end"), world.clock.now_ms)
    back = promql.duration_ms(parameters["lookback"]) if "lookback" in parameters else traces.LOOKBACK_MS
    start = _microseconds(world, parameters.get("start"), end - back)
    limit = int(parameters.get("limit", "20"))
    slowest = parameters.get("minDuration")
    matching = traces.traces(
        world, application, service=parameters.get("service", ""), limit=limit, start_ms=start, end_ms=end
    )
    if operation := parameters.get("operation"):
        matching = [spans for spans in matching if any(span.operation == operation for span in spans)]
    if slowest is not None:
        matching = [spans for spans in matching if spans[0].duration_ms >= promql.duration_ms(slowest)]
    return [traces.to_json(world, spans) for spans in matching]


def _microseconds(world: World, text: str | None, default_ms: int) -> int:
    return int(float(text) / 1000) - world.clock.epoch_ms if text else default_ms


def _dependencies(world: World, application: Application) -> list[dict[str, Any]]:
    flows = traffic(world).flows
    return [
        {"parent": caller, "child": callee, "callCount": int(flows[caller, callee].rate * 3600)}
        for caller, callee in application.edges
    ]


def _json(status: int, body: Any) -> Response:
    return Response(status, orjson.dumps(body))
