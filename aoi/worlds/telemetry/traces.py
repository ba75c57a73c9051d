"""Jaeger's view: sampled requests as trees of spans, consistent with the traffic of the time when they ran.

A trace is one execution of an operation of the entry: calls in order, each a client span at the caller and, if the
attempt got through, a server span below it. Which calls fail and how long they take is drawn by hash from the
outcome shares and latencies of traffic.py, so traces before a fault are healthy and traces after it are not.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aoi.worlds.applications.spec import Application, Call, Operation
from aoi.worlds.behaviour.clocks import skew_ms
from aoi.worlds.behaviour.conditions import USERS
from aoi.worlds.behaviour.network import is_ready
from aoi.worlds.behaviour.noise import digest, unit
from aoi.worlds.behaviour.traffic import FAILURE_MS, NETWORK_MS, TAIL, Traffic
from aoi.worlds.telemetry.history import Z99, History
from aoi.worlds.telemetry.phrases import spoken
from kubeworld.machine.world import World

LOOKBACK_MS = 3_600_000
MAX_SPANS = 200
STRAY_SHARE = 0.002
"""Calls that miss their deadline in a healthy application: it happens."""


@dataclass
class Span:
    """One span while its trace is built."""

    service: str
    operation: str
    start_ms: float
    duration_ms: float
    parent: int
    """Index of its parent, -1 for the root."""
    tags: dict[str, Any]
    warning: str = ""


def traces(
    world: World, application: Application, *, service: str, limit: int, start_ms: int, end_ms: int
) -> list[list[Span]]:
    """The newest traces that touch `service` (as caller, or called; empty: any) and begin within the time."""
    history = History(world, application)
    clocks = _Clocks(world, application)
    kept: list[list[Span]] = []
    interval = application.trace_interval_ms
    slot = end_ms // interval
    while slot * interval >= max(0, start_ms) and len(kept) < limit:
        at = slot * interval + digest(world.seed, "trace", slot)[0] * interval // 256
        slot -= 1
        if not start_ms <= at <= end_ms:
            continue
        spans = _Request(world, application, history.at(at), at).spans()
        if spans and (not service or any(span.service == service for span in spans)):
            clocks.tell(spans, slot)
            kept.append(spans)
    return kept


class _Clocks:
    """When spans say that they began: by the clock of the node that their program runs on, as it is today."""

    def __init__(self, world: World, application: Application) -> None:
        self.world = world
        self.entry = application.workload.entry
        self._nodes: dict[str, list[str]] = {}
        for pod in world.store.objects("pods", application.namespace):
            owner = application.component_of(pod)
            if owner is not None and is_ready(pod):
                self._nodes.setdefault(owner.name, []).append(pod["spec"]["nodeName"])

    def tell(self, spans: list[Span], slot: int) -> None:
        """Shift starts, relative to the clock of the entry: the one that the traces' own times are taken from."""
        zero = self._ahead_ms(self.entry, slot)
        for span in spans:
            span.start_ms += self._ahead_ms(span.service, slot) - zero
        for span in spans:
            parent = spans[span.parent] if span.parent >= 0 else span
            early = parent.start_ms - span.start_ms
            # In the words of Jaeger's adjuster, which is off by default (--query.max-clock-skew-adjustment).
            if early > 0 and span.service != parent.service:
                span.warning = f"clock skew adjustment disabled; not applying calculated delta of {_spelt(early)}"

    def _ahead_ms(self, service: str, slot: int) -> int:
        nodes = self._nodes.get(service)
        return skew_ms(self.world.seed, nodes[slot % len(nodes)]) if nodes else 0


def _spelt(ms: float) -> str:
    """As Go prints a duration."""
    return f"{ms:.6g}ms" if ms < 1000 else f"{ms / 1000:.9g}s"


class _Request:
    """One request of a user at one moment."""

    def __init__(self, world: World, application: Application, traffic: Traffic, at_ms: int) -> None:
        self.world = world
        self.application = traffic.application
        self.traffic = traffic
        self.at_ms = at_ms
        self.drawn = 0
        self.found: list[Span] = []

    def spans(self) -> list[Span]:
        """Empty if the request did not even reach the entry."""
        workload = self.application.workload
        if self._outcome(USERS, workload.entry) != "ok":
            return []
        roll, chosen = self._roll(), workload.mix[-1][0]
        for name, share in workload.mix:
            roll -= share
            if roll < 0:
                chosen = name
                break
        self._execute(workload.entry, chosen, float(self.at_ms), -1)
        return self.found

    def _roll(self) -> float:
        self.drawn += 1
        return unit(self.world.seed, "request", self.at_ms, self.drawn)

    def _outcome(self, caller: str, callee: str) -> str:
        """Drawn from the shares of the edge on the wire; lateness shows in the durations."""
        edge = self.traffic.conditions.edge(caller, callee)
        if edge is None:
            return "ok"
        roll = self._roll()
        for word, share in edge.outcomes:
            roll -= share
            if roll < 0:
                return word
        return "ok"

    def _execute(self, name: str, operation: str, start_ms: float, parent: int) -> tuple[float, bool]:
        """Adds the server span of one operation and all below it. (duration, whether it failed)."""
        spec = self.application.by_name[name].operation(operation)
        index = len(self.found)
        self.found.append(Span(name, operation, start_ms, 0.0, parent, {"span.kind": "server"}))
        duration, has_failed = self._own_ms(spec) + self._waited_ms(name), _fails(spec.errors, self._roll)
        for call in () if has_failed else spec.calls:
            if call.weight < 1.0 and self._roll() >= call.weight:
                continue
            if len(self.found) >= MAX_SPANS:
                break
            took, is_lost = self._call(name, call, start_ms + duration * 0.6, index)
            duration += took
            if is_lost and call.critical:
                has_failed = True
                break
        self.found[index].duration_ms = duration
        if has_failed:
            protocol = self.application.by_name[name].protocol
            self.found[index].tags |= {"error": True, **_status(protocol)}
        return duration, has_failed

    def _own_ms(self, spec: Operation) -> float:
        """Log-normal with the tail of traffic.py; from one uniform draw by a sine, which is near enough."""
        deviate = 1.3 * math.sin(math.pi * (self._roll() - 0.5)) + 0.5 * (self._roll() - 0.5)
        return spec.wait_ms + spec.own_ms * math.exp(math.log(TAIL) / Z99 * deviate)

    def _waited_ms(self, name: str) -> float:
        """What the request waited for its turn at a component that is short of something."""
        if name not in self.traffic.waits:
            return 0.0
        median, late = self.traffic.waits[name]
        return 2 * median * self._roll() + max(0.0, late - median) * self._roll() ** 6

    def _call(self, caller: str, call: Call, start_ms: float, parent: int) -> tuple[float, bool]:
        """Adds the client span of one call and what it reaches. (duration, whether the call failed)."""
        index = len(self.found)
        tags: dict[str, Any] = {"span.kind": "client", "peer.service": call.callee}
        self.found.append(Span(caller, call.operation, start_ms, 0.0, parent, tags))
        edge = self.traffic.conditions.edge(caller, call.callee)
        delay = edge.delay_ms if edge else 0.0
        word = self._outcome(caller, call.callee)
        if word == "ok" and self._roll() < STRAY_SHARE:
            word = "timeout"
        if word == "ok" and delay >= call.timeout_ms:
            word = "timeout"
        if word != "ok":
            duration = float(call.timeout_ms) if word == "timeout" else FAILURE_MS[word]
            tags |= {"error": True, "error.message": self._message(caller, call, word)}
            self.found[index].duration_ms = duration
            return duration, True
        took, has_failed = self._execute(call.callee, call.operation, start_ms + delay + NETWORK_MS / 2, index)
        duration = took + delay + NETWORK_MS
        if has_failed:
            tags |= {"error": True, "error.message": self._message(caller, call, "failed")}
        if duration > call.timeout_ms:
            duration, has_failed = float(call.timeout_ms), True
            tags |= {"error": True, "error.message": self._message(caller, call, "timeout")}
        self.found[index].duration_ms = duration
        return duration, has_failed

    def _message(self, caller: str, call: Call, word: str) -> str:
        edge = self.traffic.conditions.edge(caller, call.callee)
        address = edge.address if edge else ""
        return spoken(self.world, self.application, caller, call, word, address)


def _fails(share: float, roll: Callable[[], float]) -> bool:
    """Whether an execution fails by itself; nothing is drawn where none does."""
    return share > 0.0 and roll() < share


def _status(protocol: str) -> dict[str, Any]:
    if protocol == "http":
        return {"http.status_code": 500}
    return {"rpc.grpc.status_code": 2} if protocol == "grpc" else {"rpc.status": "internal error"}


def to_json(world: World, spans: list[Span]) -> dict[str, Any]:
    """One trace as Jaeger's HTTP API writes it; times in microseconds since the Unix epoch."""
    first = spans[0]
    trace_id = _trace_id(world, first)
    services = sorted({span.service for span in spans})
    processes: dict[str, dict[str, Any]] = {
        f"p{index + 1}": {"serviceName": name, "tags": []} for index, name in enumerate(services)
    }
    keys = {name: f"p{index + 1}" for index, name in enumerate(services)}
    ids = [digest(trace_id, index).hex()[:16] for index in range(len(spans))]
    return {
        "traceID": trace_id,
        "spans": [
            {
                "traceID": trace_id,
                "spanID": ids[index],
                "operationName": span.operation,
                "references": list(_references(trace_id, ids, span)),
                "startTime": int((world.clock.epoch_ms + span.start_ms) * 1000),
                "duration": max(1, int(span.duration_ms * 1000)),
                "tags": [_tag(key, value) for key, value in span.tags.items()],
                "logs": [],
                "processID": keys[span.service],
                "warnings": [span.warning] if span.warning else None,
            }
            for index, span in enumerate(spans)
        ],
        "processes": processes,
        "warnings": None,
    }


def _trace_id(world: World, first: Span) -> str:
    """128 bits that look random; when the trace began can be had from them again, by who knows the world."""
    high = digest(world.seed, first.start_ms, first.operation)[:8]
    return high.hex() + (int(first.start_ms) ^ _mask(world, high)).to_bytes(8, "big").hex()


def started_ms(world: World, trace_id: str) -> int | None:
    """When the trace of an id would have begun; None for what is no id."""
    try:
        data = bytes.fromhex(trace_id.zfill(32))
    except ValueError:
        return None
    return int.from_bytes(data[8:], "big") ^ _mask(world, data[:8]) if len(data) == 16 else None


def _mask(world: World, high: bytes) -> int:
    return int.from_bytes(digest(world.seed, "trace id", high.hex())[:8], "big")


def _references(trace_id: str, ids: list[str], span: Span) -> Iterator[dict[str, str]]:
    if span.parent >= 0:
        yield {"refType": "CHILD_OF", "traceID": trace_id, "spanID": ids[span.parent]}


def _tag(key: str, value: Any) -> dict[str, Any]:
    kind = "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "string"
    return {"key": key, "type": kind, "value": value}
