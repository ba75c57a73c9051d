"""Lines for the other backends: Prometheus metrics and alerts, Jaeger traces, as plain text."""

from collections.abc import Sequence
from typing import Any

from aoi.access.transport import Backend
from aoi.agents.kubectl.columns import one_line, table
from aoi.agents.kubectl.command import ReadCommand
from aoi.agents.kubectl.reader import Obj, Reader, ServerSaid

MAX_SERIES = 60
"""Rows of one Prometheus answer."""
MAX_TRACES = 20
SHOWN_TRACES = 6
MAX_SPANS = 40
"""Of one trace."""

_POD = 'namespace="{namespace}",pod=~"{pods}-.*",container!=""'
METRICS: tuple[tuple[str, str], ...] = (
    ("requests_per_s", 'sum(rate(http_requests_total{{service="{component}"}}[1m]))'),
    ("requests_per_s_15m_ago", 'sum(rate(http_requests_total{{service="{component}"}}[1m] offset 15m))'),
    ("errors_per_s", 'sum(rate(http_requests_total{{service="{component}",code=~"5.."}}[1m]))'),
    (
        "latency_p99_s",
        'histogram_quantile(0.99,sum(rate(http_request_duration_seconds_bucket{{service="{component}"}}[1m]))by(le))',
    ),
    ("cpu_cores", f"sum(rate(container_cpu_usage_seconds_total{{{{{_POD}}}}}[1m]))"),
    ("cpu_throttled_s_per_s", f"sum(rate(container_cpu_cfs_throttled_seconds_total{{{{{_POD}}}}}[1m]))"),
    ("memory_bytes", f"sum(container_memory_working_set_bytes{{{{{_POD}}}}})"),
    ("memory_bytes_15m_ago", f"sum(container_memory_working_set_bytes{{{{{_POD}}}}} offset 15m)"),
    ("memory_limit_bytes", f"sum(container_spec_memory_limit_bytes{{{{{_POD}}}}})"),
)
"""Name of a row -> PromQL, with the component, what its pods are called by, and the namespace to be filled in."""


def render_query(command: ReadCommand, reader: Reader) -> str:
    """Series of one PromQL expression, one a line. Raises: ServerSaid."""
    data = reader.telemetry(Backend.PROMETHEUS, "/api/v1/query", {"query": command.expression})
    rows = [(_series(sample.get("metric") or {}), _value(sample)) for sample in _samples(data)]
    if not rows:
        return "No series.\n"
    more = f"{len(rows) - MAX_SERIES} more series\n" if len(rows) > MAX_SERIES else ""
    return "".join(f"{name} {value}\n" for name, value in rows[:MAX_SERIES]) + more


def render_metrics(command: ReadCommand, reader: Reader) -> str:
    """What is measured of one component, a row a metric. Raises: ServerSaid."""
    rows = [["METRIC", "VALUE"]]
    for name, expression in METRICS:
        pods = command.workload or command.component
        query = expression.format(component=command.component, pods=pods, namespace=command.namespace)
        samples = _samples(reader.telemetry(Backend.PROMETHEUS, "/api/v1/query", {"query": query}))
        if samples:
            rows.append([name, _value(samples[0])])
    if len(rows) == 1:
        return f"No metrics of {command.component}.\n"
    return table(rows)


def render_alerts(command: ReadCommand, reader: Reader) -> str:
    """Alerts that fire or are pending. Raises: ServerSaid."""
    data = reader.telemetry(Backend.PROMETHEUS, "/api/v1/alerts", {})
    alerts = data.get("alerts") or [] if isinstance(data, dict) else []
    if not alerts:
        return "No alerts.\n"
    rows = [["STATE", "ALERT", "LABELS", "VALUE"]]
    for alert in alerts[:MAX_SERIES]:
        labels = {key: value for key, value in (alert.get("labels") or {}).items() if key != "alertname"}
        name = (alert.get("labels") or {}).get("alertname", "")
        rows.append([str(alert.get("state", "")), str(name), _series(labels), str(alert.get("value", ""))])
    return table(rows)


def _samples(data: Any) -> list[Obj]:
    if not isinstance(data, dict):
        return []
    result = data.get("result")
    if data.get("resultType") in ("scalar", "string") and isinstance(result, list):
        return [{"metric": {}, "value": result}]
    return [sample for sample in result or [] if isinstance(sample, dict)]


def _value(sample: Obj) -> str:
    """The newest value of a sample, rounded to what can be told apart."""
    pair = sample.get("value") or (sample.get("values") or [[0, ""]])[-1]
    text = str(pair[1])
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def _series(labels: Obj) -> str:
    name = str(labels.get("__name__", ""))
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return one_line(f"{name}{{{pairs}}}" if pairs or not name else name)


def render_services(command: ReadCommand, reader: Reader) -> str:
    """Services that send spans. Raises: ServerSaid."""
    names = reader.telemetry(Backend.JAEGER, "/api/services", {})
    return "".join(f"{one_line(name)}\n" for name in sorted(map(str, names or []))) or "No services.\n"


def render_traces(command: ReadCommand, reader: Reader) -> str:
    """Traces that touch one component: failed ones first, then the slowest, as trees. Raises: ServerSaid."""
    query = {"service": command.component, "limit": str(MAX_TRACES)}
    traces = reader.telemetry(Backend.JAEGER, "/api/traces", query)
    if not isinstance(traces, list):
        raise ServerSaid(502, "BadAnswer", "/api/traces answered no list")
    if not traces:
        return f"No traces of {command.component}.\n"
    ranked = sorted(traces, key=lambda trace: (-_errors(trace), -_duration_us(trace), str(trace.get("traceID"))))
    head = f"{len(traces)} traces, {sum(1 for trace in traces if _errors(trace))} with errors\n"
    return head + "".join(_trace(trace) for trace in ranked[:SHOWN_TRACES])


def _spans(trace: Obj) -> Sequence[Obj]:
    return [span for span in trace.get("spans") or [] if isinstance(span, dict)]


def _tags(span: Obj) -> dict[str, Any]:
    return {str(tag.get("key")): tag.get("value") for tag in span.get("tags") or []}


def _is_error(span: Obj) -> bool:
    tags = _tags(span)
    return tags.get("error") in (True, "true") or tags.get("otel.status_code") == "ERROR"


def _errors(trace: Obj) -> int:
    return sum(1 for span in _spans(trace) if _is_error(span))


def _duration_us(trace: Obj) -> int:
    return max((int(span.get("duration") or 0) for span in _spans(trace)), default=0)


def _trace(trace: Obj) -> str:
    spans = sorted(_spans(trace), key=lambda span: (int(span.get("startTime") or 0), str(span.get("spanID"))))
    known = {span.get("spanID") for span in spans}
    children: dict[Any, list[Obj]] = {}
    for span in spans:
        parents = [ref.get("spanID") for ref in span.get("references") or [] if ref.get("refType") == "CHILD_OF"]
        parent = parents[0] if parents and parents[0] in known and parents[0] != span.get("spanID") else None
        children.setdefault(parent, []).append(span)
    lines = [
        f"trace {one_line(str(trace.get('traceID')))} {_ms(_duration_us(trace))}"
        f" {len(spans)} spans {_errors(trace)} errors"
    ]
    stack = [(span, 1) for span in reversed(children.get(None, []))]
    while stack and len(lines) <= MAX_SPANS:
        span, depth = stack.pop()
        lines.append("  " * depth + _span(span, trace.get("processes") or {}))
        stack += [(child, depth + 1) for child in reversed(children.get(span.get("spanID"), []))]
    return "\n".join(lines) + "\n"


def _span(span: Obj, processes: Obj) -> str:
    service = (processes.get(str(span.get("processID"))) or {}).get("serviceName", "?")
    tags = _tags(span)
    text = f"{service} {span.get('operationName', '')} {_ms(int(span.get('duration') or 0))}"
    notes = {key: tags[key] for key in ("peer.service", "http.status_code", "rpc.grpc.status_code") if key in tags}
    if _is_error(span):
        reason = tags.get("error.message") or tags.get("otel.status_description") or _logged(span) or "true"
        notes["error"] = reason
    return one_line(" ".join([text, *(f"{key}={value}" for key, value in notes.items())]))


def _logged(span: Obj) -> str:
    for log in span.get("logs") or []:
        fields = {str(entry.get("key")): entry.get("value") for entry in log.get("fields") or []}
        for key in ("error.object", "exception.message", "message", "event"):
            if fields.get(key):
                return str(fields[key])
    return ""


def _ms(duration_us: int) -> str:
    return f"{duration_us / 1000:.1f}ms"
