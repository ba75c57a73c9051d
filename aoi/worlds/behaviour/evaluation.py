"""Rates, error ratios and latencies of every operation and edge, from the workload and the conditions.

Requests flow down from the workload's mix; failures and latencies come back up. An operation makes its calls in
order and stops at the first critical one that fails, so what lies behind a broken call also sees less traffic.
Pure. `traffic.evaluate` asks; where a component is short of something, `saturation.py` goes on from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aoi.worlds.applications.spec import Application, Call, Component, Operation
from aoi.worlds.behaviour.conditions import USERS, Conditions, Edge

NETWORK_MS = 0.4
"""One round trip between two pods."""
TAIL = 2.6
"""p99 over p50 of a healthy operation's own time."""
LOADED = 0.6
"""Share of its CPU limit above which a component's requests begin to wait for one another."""
BASE_ERRORS = 0.0004
"""Share of executions that fail in a healthy operation: nothing is perfect."""
FAILURE_MS = {
    "refused": 1.2,
    "nohost": 4.0,
    "dns": 5000.0,
    "servfail": 6.0,
    "reset": 2.5,
    "unavailable": 1.0,
    "unimplemented": 1.0,
    "unauthorized": 2.0,
    "authfailed": 3.0,
    "badpassword": 3.0,
    "tls": 2.0,
    "connlimit": 1.5,
    "readonly": 1.5,
    "cachefull": 0.6,
    "fds": 1000.0,
}
"""How long a failed attempt takes; a timeout takes the call's own limit."""


@dataclass(frozen=True, slots=True)
class Load:
    """One operation, or a component as a whole (rates add, latencies are those of its busiest operation)."""

    rate: float
    """Requests a second that arrive."""
    errors: float
    """Share of them that fail, in [0, 1]."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Calls of one caller to one callee."""

    caller: str
    callee: str
    rate: float
    outcomes: tuple[tuple[str, float], ...]
    """How attempts end on the wire; an answer that carries the callee's own error counts as `ok` here."""
    p50_ms: float
    p99_ms: float

    def share(self, word: str) -> float:
        """Share of attempts that end so."""
        return dict(self.outcomes).get(word, 0.0)

    @property
    def failing(self) -> float:
        """Share of attempts without an answer from the right program."""
        return 1.0 - self.share("ok")

    @property
    def worst(self) -> str:
        """The most frequent outcome other than `ok`, or `ok`."""
        failures = [(share, word) for word, share in self.outcomes if word != "ok"]
        return max(failures)[1] if failures else "ok"


@dataclass(frozen=True, eq=False)
class Traffic:
    """The application under one set of conditions."""

    conditions: Conditions
    components: dict[str, Load]
    operations: dict[tuple[str, str], Load]
    flows: dict[tuple[str, str], Flow]
    """By (caller, callee); users call the entry as the empty string."""
    users: Load
    """What the users see."""
    application: Application
    """As it runs: with the times, timeouts and needs that its programs have now."""
    waits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """(median, tail) ms that each request waits at a component that is short of something."""
    saturated: Mapping[str, float] = field(default_factory=dict)
    """Demand over capacity of components that have more to do than they can; above 1 they drop requests."""


class Evaluation:
    """One pass down for rates and one pass up for errors and latencies; both need the other's attempts."""

    def __init__(self, application: Application, conditions: Conditions) -> None:
        self.application = application
        self.conditions = conditions
        self.edges = {(edge.caller, edge.callee): edge for edge in conditions.edges}
        self.known = self.edges
        """Edges as the network has them."""
        self.instances = {entry.component: entry for entry in conditions.instances}
        self.upward: dict[tuple[str, str], tuple[float, float, float]] = {}
        """(component, operation) -> (error share, p50, p99) of one execution."""
        self.rates: dict[tuple[str, str], float] = {}
        self.calls: dict[tuple[str, str], float] = {}
        self.waits: dict[str, tuple[float, float]] = {}

    def run(self) -> Traffic | None:
        """Errors first (they do not depend on rates), then rates. None where rates are more than CPUs allow."""
        users = self._round()
        return None if self._is_loaded() else self._traffic(users)

    def _round(self) -> Load:
        """Once up and once down."""
        for name in reversed(self.application.topological):
            for operation in self.application.by_name[name].operations:
                self.upward[name, operation.name] = self._execute(name, operation)
        return self._descend()

    def _traffic(self, users: Load) -> Traffic:
        operations = {key: Load(self.rates.get(key, 0.0), *values) for key, values in self.upward.items()}
        components = {c.name: self._component(c, operations) for c in self.application.components}
        flows = {(caller, callee): self._flow(caller, callee) for caller, callee in self.application.edges}
        entry = self.application.workload.entry
        flows[USERS, entry] = self._flow(USERS, entry)
        return Traffic(self.conditions, components, operations, flows, users, self.application)

    def _execute(self, name: str, operation: Operation) -> tuple[float, float, float]:
        p50, tail = operation.own_ms + operation.wait_ms, operation.own_ms * (TAIL - 1)
        if self.waits and name in self.waits:
            median, late = self.waits[name]
            p50, tail = p50 + median, tail + late - median
        alive, alive_p50 = (1.0 - BASE_ERRORS) * (1.0 - operation.errors), True
        for call in operation.calls:
            failing, own_errors, latency, extra = self._call(name, call)
            if alive_p50 and call.weight >= 0.5:
                p50 += latency
            elif alive_p50:
                tail += latency * min(1.0, call.weight * 2)
            tail = max(tail, extra * alive) if extra > 10 * tail else tail + extra * 0.6 * alive
            if call.critical:
                lost = call.weight * (1 - (1 - failing) * (1 - own_errors))
                alive *= 1 - lost
                if lost > 0.5:
                    alive_p50 = False
        return round(1.0 - alive, 6), round(p50, 3), round(p50 + tail, 3)

    def _call(self, caller: str, call: Call) -> tuple[float, float, float, float]:
        """(share that fails on the wire, error share of answers, median ms, extra ms of the tail)."""
        edge = self.edges.get((caller, call.callee))
        errors, p50, p99 = self.upward.get((call.callee, call.operation), (0.0, 1.0, 2.0))
        p50, p99 = p50 + NETWORK_MS, p99 + NETWORK_MS
        if edge is None:
            return self._limited(call, 0.0, errors, p50, p99)
        failing = 1.0 - dict(edge.outcomes).get("ok", 0.0)
        delayed50, delayed99 = p50 + edge.delay_ms, p99 + edge.delay_ms
        if failing == 0.0:
            return self._limited(call, 0.0, errors, delayed50, delayed99)
        word, _ = max(((w, s) for w, s in edge.outcomes if w != "ok"), key=lambda pair: pair[1])
        failure_ms = float(call.timeout_ms) if word == "timeout" else FAILURE_MS[word]
        median = failure_ms if failing > 0.5 else delayed50
        tail = max(failure_ms, delayed99) if failing > 0.01 else delayed99
        return failing, errors, median, max(tail - median, 0.0)

    def _limited(
        self, call: Call, failing: float, errors: float, p50: float, p99: float
    ) -> tuple[float, float, float, float]:
        """A call that would take longer than its limit times out."""
        if p50 >= call.timeout_ms:
            return 1.0, errors, float(call.timeout_ms), 0.0
        if p99 > call.timeout_ms:
            failing, p99 = max(failing, 0.02), float(call.timeout_ms)
        return failing, errors, p50, p99 - p50

    def _descend(self) -> Load:
        workload = self.application.workload
        edge = self.edges.get((USERS, workload.entry))
        reached = reaching(self.known.get((USERS, workload.entry)))
        self.calls[USERS, workload.entry] = workload.rps
        for name, share in workload.mix:
            key = (workload.entry, name)
            self.rates[key] = self.rates.get(key, 0.0) + workload.rps * share * reached
        for worker, name, jobs in workload.queued:
            self.rates[worker, name] = self.rates.get((worker, name), 0.0) + jobs
        for name in self.application.topological:
            for operation in self.application.by_name[name].operations:
                self._fan_out(name, operation, self.rates.get((name, operation.name), 0.0))
        return self._users(edge)

    def _fan_out(self, name: str, operation: Operation, rate: float) -> None:
        alive = rate * self._kept(name)
        for call in operation.calls:
            attempts = alive * call.weight * self._attempts(name, call)
            self.calls[name, call.callee] = self.calls.get((name, call.callee), 0.0) + attempts
            key = (call.callee, call.operation)
            # What is dropped there has arrived, and has cost something.
            self.rates[key] = self.rates.get(key, 0.0) + attempts * reaching(self.known.get((name, call.callee)))
            if call.critical:
                failing, errors, _, _ = self._call(name, call)
                alive *= 1 - call.weight * (1 - (1 - failing) * (1 - errors))

    def _kept(self, name: str) -> float:
        """Share of its requests that a component works on."""
        return 1.0

    def _attempts(self, caller: str, call: Call) -> float:
        """How often a call is tried, on average."""
        return 1.0

    def _is_loaded(self) -> bool:
        """Whether a component's traffic needs nearly all of the CPU that it may have."""
        for component in self.application.components:
            entry = self.instances.get(component.name)
            if entry is None or not entry.cpu_limit_m or not entry.ready:
                continue
            if cpu_millicores(component, self.rate_of(component)) > LOADED * entry.cpu_limit_m * entry.ready:
                return True
        return False

    def rate_of(self, component: Component) -> float:
        """Requests a second that arrive at it."""
        return sum(self.rates.get((component.name, operation.name), 0.0) for operation in component.operations)

    def _users(self, edge: Edge | None) -> Load:
        workload = self.application.workload
        failing = 1.0 - (dict(edge.outcomes).get("ok", 0.0) if edge else 1.0)
        inside = sum(share * self.upward[workload.entry, name][0] for name, share in workload.mix)
        name = max(workload.mix, key=lambda pair: pair[1])[0]
        _, p50, p99 = self.upward[workload.entry, name]
        return Load(workload.rps, round(1 - (1 - failing) * (1 - inside), 6), p50, p99)

    def _component(self, component: Component, operations: dict[tuple[str, str], Load]) -> Load:
        loads = [operations[component.name, operation.name] for operation in component.operations]
        rate = sum(load.rate for load in loads)
        if not loads or rate == 0:
            return Load(0.0, 0.0, loads[0].p50_ms if loads else 0.0, loads[0].p99_ms if loads else 0.0)
        errors = sum(load.rate * load.errors for load in loads) / rate
        busiest = max(loads, key=lambda load: load.rate)
        return Load(
            rate, round(errors, 6), busiest.p50_ms, max(load.p99_ms for load in loads if load.rate > 0.02 * rate)
        )

    def _flow(self, caller: str, callee: str) -> Flow:
        edge = self.edges.get((caller, callee))
        outcomes = edge.outcomes if edge else (("ok", 1.0),)
        rate = self.calls.get((caller, callee), 0.0)
        if not caller:
            users = self._users(edge)
            return Flow(caller, callee, rate, outcomes, users.p50_ms, users.p99_ms)
        calls = [c for o in self.application.by_name[caller].operations for c in o.calls if c.callee == callee]
        parts = [(call, self._call(caller, call)) for call in calls]
        p50 = max(median for _, (_, _, median, _) in parts)
        p99 = max(median + extra for _, (_, _, median, extra) in parts)
        slow = max(failing for _, (failing, _, _, _) in parts)
        if edge is None or edge.outcomes == (("ok", 1.0),):
            outcomes = (("ok", round(1 - slow, 6)), ("timeout", round(slow, 6))) if slow else (("ok", 1.0),)
        return Flow(caller, callee, rate, outcomes, round(p50, 3), round(p99, 3))


def reaching(edge: Edge | None) -> float:
    """Share of attempts that the callee itself sees."""
    if edge is None:
        return 1.0
    return sum(share for word, share in edge.outcomes if word in ("ok", "unauthorized", "authfailed", "badpassword"))


def cpu_millicores(component: Component, rate: float) -> float:
    """CPU that a component uses at `rate` requests a second, over all its pods."""
    return component.demand.cpu_idle_m + rate * component.demand.cpu_ms_per_request
