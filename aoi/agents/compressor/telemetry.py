"""Metrics and traces of one component, as `prom metrics` and `jaeger traces` print them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from aoi.agents.compressor import logs
from aoi.agents.compressor.observation import Finding, Line, Observation, finding, rows
from aoi.agents.topology import Topology

SLOW_S = 1.5
"""A 99th percentile above this is no busy minute: applications answer within tens of milliseconds."""
ERROR_SHARE = 0.05
FLOOD = 3.0
"""Requests against a quarter of an hour before."""
THROTTLED = 0.3
"""Seconds a second that containers are held back."""
GROWTH, SEVERAL = 1.5, 2.5
NEAR_LIMIT = 0.75
WAIT_MS = 400.0
WAIT_SHARE = 0.6
"""Of a span's time spent in one callee."""

_SPAN = re.compile(r"(\S+) (.*?) ?(\d+(?:\.\d+)?)ms(?: (.*))?$")
_COUNT = re.compile(r"(\d+) traces")
MANY = 5
"""Traces among which a single failed one is a stray."""
_PEER = re.compile(r"peer\.service=(\S+)")


def metrics(observation: Observation, subject: str) -> Iterator[Finding]:
    """Signals of request rate, error share and latency."""
    seen: dict[str, tuple[Line, float]] = {}
    for line, row in rows(observation):
        try:
            seen[row["METRIC"]] = (line, float(row["VALUE"]))
        except (KeyError, ValueError):
            continue
    rate = seen["requests_per_s"][1] if "requests_per_s" in seen else 0.0
    if "latency_p99_s" in seen and seen["latency_p99_s"][1] >= SLOW_S:
        yield finding("delay", subject, observation, seen["latency_p99_s"][0])
    if "errors_per_s" in seen and rate and seen["errors_per_s"][1] / rate >= ERROR_SHARE:
        yield finding("exception", subject, observation, seen["errors_per_s"][0])
    if "cpu_throttled_s_per_s" in seen and seen["cpu_throttled_s_per_s"][1] >= THROTTLED:
        yield finding("throttled", subject, observation, seen["cpu_throttled_s_per_s"][0])
    yield from _memory(observation, subject, seen)
    before = seen.get("requests_per_s_15m_ago")
    if before and before[1] > 1 and rate >= FLOOD * before[1]:
        yield finding("flood", subject, observation, seen["requests_per_s"][0])


def _memory(observation: Observation, subject: str, seen: dict[str, tuple[Line, float]]) -> Iterator[Finding]:
    """Memory that has grown several times in a quarter of an hour, or by half and comes near its limit."""
    if {"memory_bytes", "memory_limit_bytes"} <= seen.keys():
        now, limit = seen["memory_bytes"][1], seen["memory_limit_bytes"][1]
        is_near = limit > 0 and now >= NEAR_LIMIT * limit
        if is_near and "memory_bytes_15m_ago" not in seen:  # its pods are younger, and came there since
            yield finding("leak", subject, observation, seen["memory_bytes"][0])
            return
        before = seen["memory_bytes_15m_ago"][1] if "memory_bytes_15m_ago" in seen else 0.0
        if before > 0 and (now >= SEVERAL * before or (now >= GROWTH * before and is_near)):
            yield finding("leak", subject, observation, seen["memory_bytes"][0])


@dataclass
class _Span:
    """One line of a printed trace."""

    line: Line
    service: str
    duration_ms: float
    notes: str
    children: list["_Span"] = field(default_factory=list)


def traces(observation: Observation, subject: str, topology: Topology) -> Iterator[Finding]:
    """Signals of a component's spans: the callee that it waits for, or whose answers fail.

    Among many traces one that failed is a stray, not a state.
    """
    told: list[Finding] = []
    spans = list(_spans(observation))
    for span in spans:
        if topology.host(span.service) == subject:
            told += _of_span(observation, span, subject, topology)
    told = told or list(_beyond(observation, spans, subject, topology))
    counted = _COUNT.match(observation.text)
    is_busy = counted is not None and int(counted[1]) >= MANY
    for said in told:
        if not is_busy or sum(f.word == said.word and f.other == said.other for f in told) > 1:
            yield said


def _beyond(observation: Observation, spans: list[_Span], subject: str, topology: Topology) -> Iterator[Finding]:
    """Of traces in which nothing of the component's own fails: who fails behind it, and is served around."""
    for span in spans:
        other = topology.host(span.service)
        is_told_below = any(
            _error_word(child.notes) for child in span.children if topology.host(child.service) != other
        )
        if other not in (None, subject) and _error_word(span.notes) and not is_told_below:
            yield finding("unavailable", subject, observation, span.line, other=other)


def _of_span(observation: Observation, span: _Span, subject: str, topology: Topology) -> Iterator[Finding]:
    has_failed_callee = False
    for child in span.children:
        other = _peer(child, subject, topology)
        if other is None:
            continue
        word = _error_word(child.notes)
        if word:
            has_failed_callee = True
            yield finding(
                word if word in logs.TO_CALLEE else "unavailable", subject, observation, child.line, other=other
            )
        if child.duration_ms >= WAIT_MS and child.duration_ms >= WAIT_SHARE * span.duration_ms:
            yield finding("waits", subject, observation, child.line, other=other)
    if not has_failed_callee and (word := _error_word(span.notes)):
        other = logs.callee(span.notes, subject, topology) if word in logs.TO_CALLEE else None
        yield finding(
            word if other or word not in logs.TO_CALLEE else "exception", subject, observation, span.line, other=other
        )


def _peer(span: _Span, subject: str, topology: Topology) -> str | None:
    match = _PEER.search(span.notes)
    named = topology.host(match[1].partition(":")[0]) if match else None
    other = named or topology.host(span.service)
    return other if other != subject else None


def _error_word(notes: str) -> str | None:
    _, has_error, text = notes.partition("error=")
    return (logs.classify(text) or "exception") if has_error else None


def _spans(observation: Observation) -> Iterator[_Span]:
    """Every span after its children are known: traces are trees by indentation."""
    spans: list[_Span] = []
    stack: list[tuple[int, _Span]] = []
    for line in observation.lines:
        match = _SPAN.match(line.text) if line.indent else None
        if match is None:
            stack = []
            continue
        span = _Span(line, match[1], float(match[3]), match[4] or "")
        while stack and stack[-1][0] >= line.indent:
            stack.pop()
        if stack:
            stack[-1][1].children.append(span)
        stack.append((line.indent, span))
        spans.append(span)
    yield from spans
