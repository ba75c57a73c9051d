"""More to do than can be done: queues, requests that are given up, retries that make it worse, and caches that miss.

The passes of `evaluation.py` are repeated until what each component drops agrees with the load that it has, which
depends on what the others drop and retry. Where work is wasted on requests whose callers have gone, a system with
retries has two such states under one load: a quiet one, and one in which it is busy with its own retries. The
search starts at the state that was (`Conditions.failing`), so it is history that decides, as it does in life.
Source: Bronson et al., Metastable Failures in Distributed Systems, HotOS 2021.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from typing_extensions import override

from aoi.worlds.applications.spec import Application, Call, Component
from aoi.worlds.behaviour.conditions import USERS, Conditions, Edge
from aoi.worlds.behaviour.evaluation import LOADED, Evaluation, Load, Traffic, cpu_millicores
from aoi.worlds.behaviour.strains import Strain

ROUNDS = 60
TOLERANCE = 0.001
"""Of a share of dropped requests, from one round to the next."""
FULL = 0.95
"""Share of its capacity at which a component begins to drop requests."""
WASTE = 4.0
"""How fast useful work vanishes beyond that: the queue is served in order, so most that is served is too late."""
PATIENCE_MS = 3000.0
"""What users wait for."""
QUEUED_MEDIAN, QUEUED_TAIL = 0.45, 0.8
"""Of the callers' patience: how long requests that are still answered wait at a full component."""
PERIOD_MS = 100.0
"""Of the kernel's CFS quota."""
UNLIMITED_M = 4000
"""Millicores of a pod without a CPU limit: what its node can give."""


def lost_caches(application: Application, conditions: Conditions) -> Iterator[Strain]:
    """Caches that callers do not reach: whoever finds nothing there asks the database."""
    lost: dict[str, float] = {}
    for edge in conditions.edges:
        if application.by_name[edge.callee].kind == "cache":
            share = 1.0 - dict(edge.outcomes).get("ok", 0.0)
            lost[edge.callee] = max(lost.get(edge.callee, 0.0), share)
    known = {strain.component for strain in conditions.strains}
    yield from (
        Strain(name, missing_share=round(share, 4)) for name, share in lost.items() if share and name not in known
    )


@lru_cache(maxsize=128)
def strained(application: Application, strains: tuple[Strain, ...]) -> Application:
    """The application with the times, timeouts and needs that its programs have under these strains."""
    by_name = {strain.component: strain for strain in strains}
    missing = {strain.component: strain.missing_share for strain in strains if strain.missing_share}
    components = tuple(
        _strained(application, c, by_name.get(c.name, Strain(c.name)), missing) for c in application.components
    )
    return replace(application, components=components)


def _strained(application: Application, component: Component, strain: Strain, missing: dict[str, float]) -> Component:
    slow = 1.0 / (1.0 - strain.gc_share)
    misses = max((missing[name] for name in component.callees if name in missing), default=0.0)
    if strain == Strain(component.name) and not misses:
        return component
    demand = component.demand
    needed = replace(demand, cpu_ms_per_request=(demand.cpu_ms_per_request + strain.extra_cpu_ms) * slow)
    operations = tuple(
        replace(
            operation,
            own_ms=round((operation.own_ms + strain.extra_cpu_ms) * slow + strain.gc_pause_ms * strain.gc_share / 2, 3),
            calls=tuple(_call(application, call, strain.timeout_ms, misses) for call in operation.calls),
        )
        for operation in component.operations
    )
    return replace(component, demand=needed, operations=operations)


def _call(application: Application, call: Call, timeout_ms: int, misses: float) -> Call:
    weight = call.weight
    if misses and application.by_name[call.callee].kind == "database":
        weight = weight + (1.0 - weight) * misses
    return replace(call, weight=weight, timeout_ms=min(call.timeout_ms, timeout_ms or call.timeout_ms))


class Saturated(Evaluation):
    """Passes until load and loss agree."""

    def __init__(self, application: Application, conditions: Conditions, strains: Sequence[Strain]) -> None:
        super().__init__(application, conditions)
        self.known = dict(self.edges)
        self.tries = {strain.component: strain.attempts for strain in strains if strain.attempts > 1}
        self.pauses = {strain.component: strain.gc_pause_ms for strain in strains if strain.gc_pause_ms}
        self.dropped: dict[str, float] = {}
        self.demand: dict[str, float] = {}
        for _, callee, share in conditions.failing:
            self.dropped[callee] = max(self.dropped.get(callee, 0.0), share)

    def settle(self) -> Traffic:
        """Where the rounds come to rest."""
        self._spread()
        users = self._load()
        for _ in range(ROUNDS):
            change = self._adjust()
            self._spread()
            users = self._load()
            if change < TOLERANCE:
                break
        edges = tuple(edge for edge in self.edges.values() if edge.outcomes != (("ok", 1.0),) or edge.delay_ms)
        traffic = self._traffic(users)
        full = {name: round(share, 3) for name, share in self.demand.items() if share > LOADED}
        seen = replace(self.conditions, edges=edges)
        return replace(traffic, conditions=seen, waits=dict(self.waits), saturated=full)

    def _load(self) -> Load:
        self.rates.clear()
        self.calls.clear()
        for surge in self.conditions.surges:
            component = self.application.by_name[surge.component]
            mix = self.application.workload.mix
            if component.name != self.application.workload.entry:
                mix = tuple((operation.name, 1 / len(component.operations)) for operation in component.operations)
            for name, share in mix:
                self.rates[component.name, name] = surge.rps * share
        return self._round()

    def _adjust(self) -> float:
        """What every component drops and makes wait under the rates of the last round; how much that changed."""
        change = 0.0
        for component in self.application.components:
            name, entry = component.name, self.instances.get(component.name)
            if entry is None or not entry.ready:
                self.dropped.pop(name, None)
                continue
            limit = entry.cpu_limit_m or UNLIMITED_M
            demand = cpu_millicores(component, self.rate_of(component)) / entry.ready / limit
            self.demand[name] = demand
            useful = FULL / (1.0 + WASTE * max(0.0, demand - FULL))
            wanted = max(0.0, 1.0 - useful / demand) if demand > FULL else 0.0
            before = self.dropped.get(name, 0.0)
            share = round((before + wanted) / 2, 6)
            change = max(change, abs(share - before))
            self.dropped[name] = share
            self.waits[name] = self._wait(component, demand, limit)
        return change

    def _wait(self, component: Component, demand: float, limit: int) -> tuple[float, float]:
        fullness = min(1.0, max(0.0, (demand - LOADED) / (FULL - LOADED)))
        patience = self._patience(component.name)
        queued = fullness**4 * patience
        quota_ms, cost_ms = limit * PERIOD_MS / 1000, component.demand.cpu_ms_per_request
        # A request that needs more than a period's quota waits for the next period, and the next.
        held = cost_ms * (PERIOD_MS / quota_ms - 1.0) if cost_ms > quota_ms and quota_ms < PERIOD_MS else 0.0
        pause = self.pauses.get(component.name, 0.0)
        return round(QUEUED_MEDIAN * queued + held, 3), round(QUEUED_TAIL * queued + 1.6 * held + 1.5 * pause, 3)

    def _patience(self, name: str) -> float:
        """How long its callers wait."""
        waits = [
            float(call.timeout_ms)
            for caller in self.application.callers[name]
            for operation in self.application.by_name[caller].operations
            for call in operation.calls
            if call.callee == name
        ]
        return min(waits, default=PATIENCE_MS)

    def _spread(self) -> None:
        """What a component drops is a timeout to whoever called it."""
        self.edges = dict(self.known)
        entry = self.application.workload.entry
        for name, share in self.dropped.items():
            if share < TOLERANCE:
                continue
            for caller in (*self.application.callers[name], *((USERS,) if name == entry else ())):
                known = self.known.get((caller, name), Edge(caller, name, (("ok", 1.0),), 0.0, self._address(name)))
                outcomes = dict(known.outcomes)
                late = outcomes.get("ok", 0.0) * share
                outcomes["ok"] = outcomes.get("ok", 0.0) - late
                outcomes["timeout"] = outcomes.get("timeout", 0.0) + late
                kept = tuple((word, round(part, 6)) for word, part in sorted(outcomes.items()) if part > 1e-6)
                self.edges[caller, name] = replace(known, outcomes=kept)

    def _address(self, name: str) -> str:
        return f"{self.application.host_of(name)}:{self.application.by_name[name].port}"

    @override
    def _call(self, caller: str, call: Call) -> tuple[float, float, float, float]:
        """With retries: a call fails if every attempt does, and takes as long as all that failed before."""
        failing, errors, median, extra = super()._call(caller, call)
        tries = self.tries.get(caller, 1)
        if tries == 1 or not failing:
            return failing, errors, median, extra
        again = attempts_of(failing, tries) - 1.0
        return (
            round(failing**tries, 6),
            errors,
            median * (1.0 + again if failing > 0.5 else 1.0),
            extra + again * median,
        )

    @override
    def _kept(self, name: str) -> float:
        return 1.0 - self.dropped.get(name, 0.0)

    @override
    def _attempts(self, caller: str, call: Call) -> float:
        return attempts_of(super()._call(caller, call)[0], self.tries.get(caller, 1))


def attempts_of(failing: float, tries: int) -> float:
    """Mean attempts of a call of which each fails with this share, and that is made `tries` times at most."""
    return float(tries) if failing >= 1.0 else (1.0 - failing**tries) / (1.0 - failing)


def retried(traffic: Traffic) -> tuple[tuple[str, str, float], ...]:
    """Shares of attempts that fail on the edges that are retried: what a world is to remember."""
    callers = {strain.component for strain in traffic.conditions.strains if strain.attempts > 1}
    shares = ((a, b, round(flow.failing, 3)) for (a, b), flow in traffic.flows.items() if a in callers)
    return tuple(sorted((a, b, share) for a, b, share in shares if share >= 0.02))
