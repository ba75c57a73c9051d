"""Prometheus' HTTP API, version 1: https://prometheus.io/docs/prometheus/latest/querying/api/.

`query`, `query_range`, `series`, `labels`, `label/<name>/values`, `alerts`, `rules`, `targets`, `metadata`,
`status/buildinfo`, `status/runtimeinfo`. What PromQL is understood, `promql.py` says; the rest is 400 or 422.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson

from aoi.access.transport import Response
from aoi.worlds.endpoints import rules
from aoi.worlds.runtime import applications_of
from aoi.worlds.telemetry import promql
from aoi.worlds.telemetry.monitored import Monitored
from aoi.worlds.telemetry.promql_evaluation import evaluate, matrix
from kubeworld.machine.world import World

Query = tuple[tuple[str, str], ...]
MAX_POINTS = 11_000
"""Per series of a range query, as Prometheus limits it."""
SCRAPE_INTERVAL = "15s"
VERSION = "2.47.2"
"""The release that is answered like."""
_TYPES = {"_total": "counter", "_bucket": "histogram"}
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RULE_TYPES = {"": "", "alert": "alerting", "record": "recording"}
_LATEST_S = 2**53
"""Of points in time: what a float still tells apart."""


READS = ("GET", "HEAD")
_FORMS = ("query", "query_range", "series", "labels")
"""What may be asked by a form as well, since expressions grow long."""


class _Refused(Exception):
    """An answer with an error."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.response = json_response(status, {"status": "error", "errorType": kind, "error": message})


def prometheus(  # noqa: PLR0911 - one answer per refusal
    world: World, path: str, query: Query, method: str = "GET"
) -> Response:
    """Answer one request."""
    if method not in READS and not (method == "POST" and path.removeprefix("/api/v1/") in _FORMS):
        return only_read(method, "Prometheus")
    warnings: dict[str, Any] = {}
    if path in ("/", "/graph", "/-/healthy", "/-/ready"):
        said = {"/-/healthy": "Prometheus Server is Healthy.\n", "/-/ready": "Prometheus Server is Ready.\n"}
        return Response(
            200, said.get(path, "Prometheus Time Series Collection and Processing Server\n").encode(), "text/plain"
        )
    try:
        data = _data(world, path, query)
        if isinstance(data, list) and 0 < (limit := _limit(query)) < len(data):
            data, warnings = data[:limit], {"warnings": ["results truncated due to limit"]}
    except promql.Unsupported as error:
        return _Refused(422, "execution", str(error)).response
    except RecursionError:
        return _Refused(422, "execution", "the expression is nested too deeply").response
    except promql.PromqlError as error:
        return _Refused(400, "bad_data", f'invalid parameter "query": {error}').response
    except _Refused as error:
        return error.response
    return json_response(200, {"status": "success", "data": data, **warnings})


def _data(world: World, path: str, query: Query) -> Any:
    answers: dict[str, Callable[[], Any]] = {
        "query": lambda: _instant(world, dict(reversed(query))),
        "query_range": lambda: _range(world, dict(reversed(query))),
        "series": lambda: _series(world, query),
        "labels": lambda: sorted({label for labels in _selected(world, query) for label in labels}),
        "alerts": lambda: {"alerts": rules.alerts(world)},
        "rules": lambda: {"groups": _rules(world, query)},
        "targets": lambda: _targets(world, dict(reversed(query))),
        "metadata": lambda: _metadata(world, dict(reversed(query))),
        "status/buildinfo": lambda: {"version": VERSION, "revision": "", "branch": "", "goVersion": ""},
        "status/runtimeinfo": lambda: {"startTime": world.clock.rfc3339(0), "storageRetention": "15d"},
    }
    wanted = path.removeprefix("/api/v1/").rstrip("/") if path.startswith("/api/v1/") else ""
    if wanted in answers:
        return answers[wanted]()
    match wanted.split("/"):
        case ["label", name, "values"]:
            if not _LABEL.fullmatch(name):
                raise _Refused(400, "bad_data", f'invalid label name: "{name}"')
            if name == "__name__" and not any(key == "match[]" for key, _ in query):
                return Monitored(world, applications_of(world)).names
            return sorted({labels[name] for labels in _selected(world, query) if name in labels})
    raise _Refused(404, "not_found", f"no such path {path}")


def _instant(world: World, parameters: dict[str, str]) -> Any:
    monitored = Monitored(world, applications_of(world))
    node = promql.parse(parameters.get("query", ""))
    at_ms = _moment(world, parameters, "time")
    if node.kind == "selector" and node.range_ms:
        found = matrix(node, monitored.series, at_ms, monitored.is_sampled)
        result = [
            {"metric": labels, "values": [_sample(world, *sample) for sample in samples]} for labels, samples in found
        ]
        return {"resultType": "matrix", "result": result}
    value = _evaluated(world, monitored, node, at_ms)
    if isinstance(value, float):
        return {"resultType": "scalar", "result": _sample(world, at_ms, value)}
    result = [{"metric": labels, "value": _sample(world, at_ms, sample)} for labels, sample in value]
    return {"resultType": "vector", "result": result}


def _evaluated(world: World, monitored: Monitored, node: promql.Node, at_ms: int) -> list[promql.Sample] | float:
    clock = world.clock
    sampled = monitored.is_sampled
    return evaluate(node, monitored.series, at_ms, clock.epoch_ms, sampled, newest_ms=clock.now_ms)


def _range(world: World, parameters: dict[str, str]) -> Any:
    monitored = Monitored(world, applications_of(world))
    node = promql.parse(parameters.get("query", ""))
    start, end = _moment(world, parameters, "start"), _moment(world, parameters, "end")
    if end < start:
        raise _bad("end", "end timestamp must not be before start time")
    step = _step(parameters.get("step", ""))
    if (end - start) / step > MAX_POINTS:
        why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution"
        raise _Refused(400, "bad_data", why)
    if node.kind == "selector" and node.range_ms:
        why = 'invalid expression type "range vector" for range query, must be Scalar or instant Vector'
        raise promql.PromqlError(why)
    rows: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
    for at_ms in range(start, end + 1, step):
        value = _evaluated(world, monitored, node, at_ms)
        samples: list[promql.Sample] = [({}, value)] if isinstance(value, float) else value
        for labels, sample in samples:
            rows.setdefault(tuple(sorted(labels.items())), []).append(_sample(world, at_ms, sample))
    return {"resultType": "matrix", "result": [{"metric": dict(key), "values": row} for key, row in rows.items()]}


def _series(world: World, query: Query) -> list[promql.Labels]:
    if not any(key == "match[]" for key, _ in query):
        raise _Refused(400, "bad_data", "no match[] parameter provided")
    return sorted(_selected(world, query), key=lambda labels: sorted(labels.items()))


def _selected(world: World, query: Query) -> list[promql.Labels]:
    """Label sets of the series that any of the matches picks; of all without one."""
    monitored = Monitored(world, applications_of(world))
    picked: dict[tuple[tuple[str, str], ...], promql.Labels] = {}
    nodes = [promql.parse(value) for key, value in query if key == "match[]"]
    if any(node.kind != "selector" or node.range_ms for node in nodes):
        raise _bad("match[]", "expected type instant vector selector")
    for node in nodes or [promql.Node("selector", name) for name in monitored.names]:
        for series in monitored.series(node.name, node.matchers):
            labels = {"__name__": node.name or getattr(series, "name", ""), **series.labels}
            picked[tuple(sorted(labels.items()))] = labels
    return list(picked.values())


def _limit(query: Query) -> int:
    """How many entries of a list are wanted; 0: all."""
    text = dict(reversed(query)).get("limit") or "0"
    try:
        limit = int(text)
    except ValueError:
        raise _bad("limit", f'strconv.Atoi: parsing "{text}": invalid syntax') from None
    if limit < 0:
        raise _bad("limit", "limit must be non-negative")
    return limit


def _rules(world: World, query: Query) -> list[dict[str, Any]]:
    """Groups with the rules that are asked for; without a group of which none is."""
    wanted = dict(reversed(query)).get("type", "").lower()
    if wanted not in _RULE_TYPES:
        raise _bad("type", f'not supported value "{wanted}"')
    names, groups, files = (
        {value for key, value in query if key == f"{what}[]"} for what in ("rule_name", "rule_group", "file")
    )
    found = []
    for group in rules.groups(world):
        kept = [
            rule
            for rule in group["rules"]
            if _RULE_TYPES[wanted] in ("", rule["type"]) and (not names or rule["name"] in names)
        ]
        if kept and (not groups or group["name"] in groups) and (not files or group["file"] in files):
            found.append({**group, "rules": kept})
    return found


def _targets(world: World, parameters: dict[str, str]) -> dict[str, Any]:
    """Those that are scraped: none is dropped."""
    if parameters.get("state", "").lower() not in ("", "any", "active"):
        return {"activeTargets": [], "droppedTargets": []}
    now = world.clock.now_ms
    active = []
    for series in Monitored(world, applications_of(world)).series("up"):
        labels = series.labels
        if parameters.get("scrapePool", labels["job"]) not in ("", labels["job"]):
            continue
        name = labels.get("service") or labels.get("instance", "")
        is_up = series.at(now) == 1.0
        active.append(
            {
                "discoveredLabels": labels,
                "labels": labels,
                "scrapePool": labels["job"],
                "scrapeUrl": f"http://{name}/metrics",
                "globalUrl": f"http://{name}/metrics",
                "lastError": "" if is_up else "context deadline exceeded",
                "lastScrape": world.clock.rfc3339(now // 15_000 * 15_000),
                "lastScrapeDuration": 0.012 if is_up else 10.0,
                "health": "up" if is_up else "down",
                "scrapeInterval": SCRAPE_INTERVAL,
                "scrapeTimeout": "10s",
            }
        )
    return {"activeTargets": active, "droppedTargets": []}


def _metadata(world: World, parameters: dict[str, str]) -> dict[str, Any]:
    names: Iterable[str] = Monitored(world, applications_of(world)).names
    if wanted := parameters.get("metric"):
        names = [name for name in names if name == wanted]
    limit = _limit(tuple(parameters.items()))
    kept = list(names)[:limit] if limit else names
    return {name: [{"type": _type(name), "help": "", "unit": ""}] for name in kept}


def _type(name: str) -> str:
    return next((kind for ending, kind in _TYPES.items() if name.endswith(ending)), "gauge")


def _moment(world: World, parameters: dict[str, str], name: str) -> int:
    """A parameter in Unix seconds or RFC 3339 as world time; now if no `time` is given."""
    text = parameters.get(name)
    if text is None:
        if name != "time":
            raise _bad(name, 'cannot parse "" to a valid timestamp')
        return world.clock.now_ms
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise _bad(name, f'cannot parse "{text}" to a valid timestamp') from None
    if not abs(seconds) < _LATEST_S:  # nor is it NaN
        raise _bad(name, f'cannot parse "{text}" to a valid timestamp')
    return int(seconds * 1000) - world.clock.epoch_ms


def _step(text: str) -> int:
    try:
        step = promql.duration_ms(text.removeprefix("-"))
    except promql.PromqlError as error:
        raise _bad("step", f'cannot parse "{text}" to a valid duration') from error
    if step <= 0 or text.startswith("-"):
        why = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise _bad("step", why)
    return step


def _bad(name: str, why: str) -> _Refused:
    return _Refused(400, "bad_data", f'invalid parameter "{name}": {why}')


def _sample(world: World, at_ms: int, value: float) -> list[Any]:
    return [(world.clock.epoch_ms + at_ms) / 1000, _number(value)]


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    # Nine digits hide what floats add to a sum; of a point in time they would hide the seconds.
    return f"{value:.9g}" if abs(value) < 1e6 else f"{value:.15g}"


def only_read(method: str, server: str) -> Response:
    """What a method that would write is told."""
    return json_response(
        405, {"code": 405, "message": f"method {method} is not allowed here: this {server} is only read"}
    )


def json_response(status: int, body: Any) -> Response:
    """`body` as JSON."""
    return Response(status, orjson.dumps(body))
